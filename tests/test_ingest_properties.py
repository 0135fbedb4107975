"""Properties of export intake: no byte of a file is lost by a reader, every row is counted, whatever the file holds."""

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.ingest import IngestError
from pipelines.lines import read_lines, sniff
from pipelines.read_delimited import Delimited
from pipelines.read_json import read_jsonl
from tests.intake_desk import COLUMNS, HEADING, Desk, hotline, row, sheet

NAMES = {field: tuple(names) for field, names in COLUMNS.items()}
SHARED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)

CELLS = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from(",\";\t\n'=|窗口无人"), max_size=12)
COMMON = st.text(st.characters(codec="gb2312", exclude_categories=["Cc"]), max_size=12)
DATES = st.sampled_from(["2025/5/6 9:05:07", "2025-02-30", "", "2031-01-01", "20250506", "昨天"])


def tables(cells: st.SearchStrategy[str]) -> st.SearchStrategy[list[tuple[str, ...]]]:
    return st.lists(st.tuples(st.sampled_from(["1", "2", "3", "", "合计"]), cells, cells, cells, cells, DATES), max_size=8)


JUNK = st.lists(
    st.binary(max_size=30)
    | st.sampled_from(
        [b"\n", b'"', b",", b"\r\n", b"\x00", ",".join(row(1, "无人")).encode(), ",".join(row(2, "无人")).encode("gb18030")]
    )
).map(b"".join)
NUMBERS = count()
HEAD = (",".join(HEADING) + "\n").encode()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    with made.vault:
        yield made


@SHARED
@given(
    encoded=st.tuples(tables(CELLS), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
    | st.tuples(tables(COMMON), st.just("gb18030"))
)
def test_every_row_is_counted_and_a_second_run_changes_nothing(desk: Desk, encoded: tuple[list[tuple[str, ...]], str]) -> None:
    rows, encoding = encoded
    source = hotline().model_copy(update={"slug": f"hotline{next(NUMBERS)}"})  # whose ids no other example has used
    content = sheet(rows).encode(encoding)
    first = desk.take("a.csv", content, source, chunk=3)  # which holds the counts to their sum
    newest, bad = desk.vault.newest(), len(desk.vault.log("quarantine"))
    assert first.seen == len(rows)
    assert first.updated == 0
    again = desk.take("a.csv", content, source)
    assert (again.seen, again.ignored, again.quarantined) == (first.seen, first.ignored, first.quarantined)
    assert (again.new, again.updated, again.same) == (0, 0, first.new + first.same)
    assert desk.vault.newest().equals(newest)
    assert len(desk.vault.log("quarantine")) == bad


@SHARED
@given(rows=tables(CELLS), delimiter=st.sampled_from(",\t;|"))
def test_cells_come_back_as_they_were_written(tmp_path: Path, rows: list[tuple[str, ...]], delimiter: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(sheet(rows, delimiter).encode())
    _, *lines = Delimited(path, NAMES)
    assert not any(line.flaw for line in lines)
    # blanks before a cell's quote are skipped, as cells are stripped anyway
    assert [[cell.strip() for cell in line.cells] for line in lines] == [[cell.strip() for cell in cells] for cells in rows]


@SHARED
@given(junk=JUNK)
def test_no_byte_is_lost_and_no_line_twice(tmp_path: Path, junk: bytes) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(HEAD + junk)
    try:
        sniff(path)
    except IngestError:
        return
    assert b"".join(line.raw for line in read_lines(path, sniff(path))) == HEAD + junk
    lines = list(Delimited(path, NAMES, None, lambda cells: len(cells) == len(HEADING)))
    assert b"".join(line.original for line in lines) == HEAD + junk
    assert [line.number for line in lines] == sorted({line.number for line in lines})
    assert b"".join(line.original for line in read_jsonl(path, NAMES)) == HEAD + junk


@SHARED
@given(junk=JUNK, marks=st.sampled_from([b"", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf"]))
def test_any_bytes_below_a_heading_are_counted_or_refused(desk: Desk, junk: bytes, marks: bytes) -> None:
    head = HEAD.decode().encode({b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}.get(marks, "utf-8"))
    for name, content in (("a.csv", marks + head + junk), ("a.tsv", marks + junk), ("a.jsonl", marks + junk), ("a.xlsx", junk)):
        try:
            desk.take(name, content)
        except IngestError as error:
            assert name in str(error)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=4,
)


@SHARED
@given(
    records=st.lists(
        st.dictionaries(st.sampled_from(["编号", "标题", "内容", "时间", "别的"]), VALUES, max_size=5) | VALUES, max_size=5
    )
)
def test_any_json_records_are_counted(desk: Desk, records: list[object]) -> None:
    text = json.dumps(records)
    for name, content in (("a.json", text), ("a.jsonl", "\n".join(map(json.dumps, records)) or "\n")):
        try:
            received = desk.take(name, content, hotline())
        except IngestError as error:
            assert "no column for" in str(error) or "JSON object" in str(error)
        else:
            assert received.seen == max(len(records), name == "a.jsonl")
