"""The bulletin's content: drafted from a snapshot alone, honest about gaps, every number with its query."""

import datetime as dt
import json
import re
import time
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from models.taxonomy import CODES
from pipelines import bulletin
from pipelines.bulletin import IssueFileError, draft, number_of, read_issue, sign, verify, write
from pipelines.figures import QueryRefusedError, ask
from pipelines.issue import Issue, Paragraph, Table, flat, plain
from pipelines.settings import Office
from pipelines.warehouse import open_snapshot
from tests.bulletin_sample import HOSTILE, WEEK, bare, calm, city, hostile

OFFICE = Office(name="云河市治庸问责办公室")
DAY = dt.date(2019, 9, 2)


@cache
def issue_of(snapshot: Path, week: str = WEEK) -> Issue:
    return draft(snapshot, week, OFFICE, drafted_on=DAY)


def words(issue: Issue) -> str:
    """Everything that the page says, a block a line."""
    page = flat(issue)
    lines = list(page["warnings"])
    for section in page["sections"]:
        lines.append(section["title"])
        for block in section["blocks"]:
            lines += [block["text"]] if "text" in block else [" | ".join(row) for row in block.get("rows", [])]
    return "\n".join(lines)


def test_the_numbers_of_the_page_are_those_of_the_snapshot() -> None:
    issue = issue_of(city())
    with open_snapshot(city()) as connection:
        row = connection.execute(f"SELECT about, messages, events FROM week_total WHERE week = '{WEEK}'").fetchone()
        # counted again from the messages, not from the table that the bulletin reads
        again = connection.execute(
            "SELECT count(DISTINCT message_id), count(DISTINCT event_id) FROM message JOIN signal USING (message_id)"
            f" WHERE week = '{WEEK}' AND status = 'asserted'"
        ).fetchone()
    assert row is not None and again is not None and row[1:] == again
    assert f"共接收各渠道群众诉求{row[0]}条，其中反映干部作风和机关效能问题的{row[1]}条" in words(issue)
    assert f"归并为{row[2]}个事件" in words(issue)


def test_it_has_its_seven_sections_number_and_total() -> None:
    issue = issue_of(city())
    assert [section.title[:2] for section in issue.sections] == ["一、", "二、", "三、", "四、", "五、", "六、", "七、"]
    assert number_of(WEEK) == issue.number == "2019-35"
    assert flat(issue)["number"] == "第35期（总第2期）", "one issue went before"


def test_no_digit_of_a_number_is_written_by_hand() -> None:
    """Digits in our own words are days, the place of a line, file names and message ids; all else is a figure."""
    allowed = re.compile(r"\d+月\d+日|^\d\. |\d{4}-\d{2}\.json|m[0-9a-f]{16}")
    for issue in (issue_of(city()), issue_of(calm()), issue_of(bare())):
        for parts in all_parts(issue):
            for part in parts:
                if isinstance(part, str):
                    assert not re.search(r"\d", allowed.sub("", part)), part


def all_parts(issue: Issue) -> list[Any]:
    found: list[Any] = list(issue.warnings)
    for section in issue.sections:
        for block in section.blocks:
            found += [block.parts] if isinstance(block, Paragraph) else []
            found += [cell for row in block.rows for cell in row] if isinstance(block, Table) else []
    return found


def test_a_silent_source_is_said_at_the_top_and_no_week_is_compared() -> None:
    issue = issue_of(city())
    assert len(issue.warnings) == 1 and "“云河市热线工单”本周中断，一条未收" in issue.text(issue.warnings[0])
    text = words(issue)
    assert "不与上周作比" in text and "上周（" not in text and "（上周" not in text
    assert "云河市热线工单 | 0 | 0 | 7 | 中断" in text
    assert issue.trend.points[-1][3] == 1, "the chart marks the week"


def test_whole_weeks_are_compared() -> None:
    issue = issue_of(calm())
    assert not issue.warnings
    change, before = issue.figures["change.messages"].value, issue.figures["total.messages.1_weeks_back"].value
    here = issue.figures["total.messages"].value
    assert isinstance(change, int) and isinstance(before, int) and here == before + change
    assert re.search(r"反映作风问题的消息(增加\d+条|减少\d+条|持平)（上周\d+条）", words(issue))


def test_the_first_week_says_why_it_is_not_compared() -> None:
    assert "上周没有数据，两周数字不可直接比较" in words(issue_of(calm(), "2019-W33"))


def test_small_cells_are_not_spelled_out() -> None:
    issue = issue_of(city())
    with open_snapshot(city()) as connection:
        hidden = connection.execute(f"SELECT count(*) FROM unit_week WHERE week = '{WEEK}' AND complainants_hidden").fetchone()
    assert hidden is not None and hidden[0] > 0
    table = next(block for block in issue.sections[2].blocks if isinstance(block, Table))
    people = [issue.text(row[2]) for row in table.rows]
    assert "<5" in people and all(cell == "<5" or cell == "0" or int(cell) >= 5 for cell in people)


def test_a_surge_is_shown_with_what_was_expected_and_how_many_series_were_examined() -> None:
    issue = issue_of(city())
    assert "云河市城市管理和综合执法局 | 乱作为 |" in words(issue)
    examined = issue.figures["surges.examined"].value
    assert isinstance(examined, int) and examined > 50
    assert "尚不能判断是否异常升高" in words(issue_of(calm())), "three weeks are no past"


def test_units_are_never_said_to_be_guilty() -> None:
    text = words(issue_of(city()))
    assert "数据为群众反映，未经核实" in text and "不是排名" in text
    assert "查实" not in text and "违纪" not in text and "属实" not in text


def test_typical_cases_follow_their_rule() -> None:
    for snapshot in (city(), calm()):
        issue = issue_of(snapshot)
        cases = [block for block in issue.sections[4].blocks if isinstance(block, Paragraph) and block.style == "head"]
        assert 3 <= len(cases) <= 6
        assert "由程序按规则选取" in words(issue)
        names = [issue.text(case.parts).split("）")[1].split("：")[0] for case in cases]
        severity = {code.name: code.severity for code in CODES.values()}
        assert [severity[name] for name in names] == sorted((severity[name] for name in names), reverse=True)
        assert len(set(names)) == len(names)
        quotes = [figure for figure in issue.figures.values() if figure.style == "quote"]
        assert len(quotes) == len(cases)


@pytest.mark.parametrize("week", ["2019-W50", "2018-W01", "2020-W53"])
def test_a_week_without_data_gives_an_issue_that_says_so(week: str, tmp_path: Path) -> None:
    issue = issue_of(city(), week)
    text = words(issue)
    assert "没有群众诉求数据" in text and "不能据此判断无群众反映" in text
    assert "没有本周的来源覆盖记录" in text and "未作检验" in text and "逐一检验" not in text
    assert all(path.stat().st_size > 1000 for path in write(issue, tmp_path))


def test_a_snapshot_without_a_message_gives_an_issue(tmp_path: Path) -> None:
    issue = issue_of(bare())
    write(issue, tmp_path)
    assert verify(tmp_path / "2019-35.json", bare())[1] == []


def test_a_week_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError):
        issue_of(city(), "2019-W60")


def test_json_gives_the_same_issue_again(tmp_path: Path) -> None:
    for snapshot in (city(), hostile()):
        issue = issue_of(snapshot)
        write(issue, tmp_path, ("json",))
        assert read_issue(tmp_path / "2019-35.json") == issue


def test_two_drafts_are_the_same() -> None:
    assert draft(city(), WEEK, OFFICE, drafted_on=DAY) == issue_of(city())


def test_verify_recomputes_every_number_and_finds_one_that_was_changed(tmp_path: Path) -> None:
    write(issue_of(city()), tmp_path, ("json",))
    file = tmp_path / "2019-35.json"
    checked, wrong = verify(file, city())
    assert checked > 100 and wrong == []
    content = json.loads(file.read_text(encoding="utf-8"))
    content["figures"]["total.messages"]["value"] += 1
    content["figures"]["case.1.quote"]["value"] = "改过的话"
    content["trend"]["points"][0][1] = 999
    file.write_text(json.dumps(content), encoding="utf-8")
    wrong = verify(file, city())[1]
    assert {mismatch.figure for mismatch in wrong} == {"total.messages", "case.1.quote", "trend"}
    assert "改过的话" not in " ".join(map(str, wrong)), "a quotation is not repeated in a message"


def test_verify_against_another_snapshot_finds_the_difference(tmp_path: Path) -> None:
    write(issue_of(city()), tmp_path, ("json",))
    assert verify(tmp_path / "2019-35.json", calm())[1]


def test_a_reference_to_no_figure_is_a_mismatch(tmp_path: Path) -> None:
    write(issue_of(city()), tmp_path, ("json",))
    file = tmp_path / "2019-35.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    del content["figures"]["total.about"]
    file.write_text(json.dumps(content), encoding="utf-8")
    assert [mismatch.figure for mismatch in verify(file, city())[1]] == ["total.about"]


@pytest.mark.parametrize(
    "sql",
    ["DROP TABLE message", "SELECT 1; SELECT 2", "COPY message TO '/tmp/out.csv'", "SELECT * FROM read_text('/etc/passwd')",
     "ATTACH '/tmp/x.duckdb'", "SET memory_limit = '1MB'", "SELEC", "", "INSERT INTO meta SELECT * FROM meta"],
)  # fmt: skip
def test_a_query_that_is_no_question_is_refused(sql: str) -> None:
    with open_snapshot(city()) as connection, pytest.raises(QueryRefusedError):
        ask(connection, sql)


def test_a_query_without_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.figures.PATIENCE_S", 0.3)
    endless = "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) SELECT max(n) FROM t"
    with open_snapshot(city()) as connection:
        start = time.monotonic()
        with pytest.raises(QueryRefusedError):
            ask(connection, endless)
        assert time.monotonic() - start < 5
        assert ask(connection, "SELECT 1") == [(1,)], "the connection lives on"


def test_signing_changes_the_state_and_only_once(tmp_path: Path) -> None:
    issue = issue_of(calm())
    write(issue, tmp_path, ("json",))
    signed = sign(issue, " 李主任 ", dt.date(2019, 9, 3))
    assert (signed.state, signed.signed_by, signed.signed_on) == ("signed", "李主任", dt.date(2019, 9, 3))
    assert signed.figures == issue.figures and flat(signed)["day"] == "2019年9月3日"
    write(signed, tmp_path, ("json",))
    with pytest.raises(IssueFileError, match="already signed"):
        sign(signed, "王", DAY)
    with pytest.raises(IssueFileError, match="does not take its place"):
        write(issue, tmp_path, ("json",))
    with pytest.raises(IssueFileError, match="name who signs"):
        sign(issue, "  ", DAY)
    assert read_issue(tmp_path / "2019-35.json").state == "signed"


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    issue = issue_of(calm())
    write(issue, tmp_path, ("html", "json"))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def die(_: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(bulletin.os, "fsync", die)
    with pytest.raises(OSError):
        write(sign(issue, "李", DAY), tmp_path, ("html", "json"))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_an_unreadable_issue_file_is_named(tmp_path: Path) -> None:
    for content in (b"", b"{}", b"\xff\xfe\x00", b'{"form": 2}'):
        file = tmp_path / "2019-35.json"
        file.write_bytes(content)
        with pytest.raises(IssueFileError, match=r"2019-35\.json"):
            read_issue(file)
    with pytest.raises(IssueFileError, match="there are docx"):
        write(issue_of(calm()), tmp_path / "other", ("exe",))


def test_all_hostile_quotes_are_among_the_cases_and_none_keeps_a_control_character() -> None:
    issue = issue_of(hostile())
    values = {figure.value for figure in issue.figures.values() if figure.style == "quote"}
    assert values == set(HOSTILE), "kept as they are in the figures"
    assert plain("\x00a\x07b\u202ec\ufffe\ud800 \n d") == "abc d"
    assert not re.search("[\x00-\x09\x0b-\x1f\u202e\uffff]", words(issue))


@given(st.text())
def test_shown_text_is_one_line_of_what_a_document_can_hold(text: str) -> None:
    shown = plain(text)
    etree.Element("t").text = shown  # refuses what XML cannot hold
    assert plain(shown) == shown and len(shown.splitlines()) <= 1
    kept = [c for c in shown if not c.isspace()]
    assert [c for c in text if c in kept] == kept, "nothing added, nothing moved"


def test_drafting_is_quick() -> None:
    city()
    best = min(_seconds(lambda: draft(city(), WEEK, OFFICE, drafted_on=DAY)) for _ in range(2))
    assert best < 2.0


def _seconds(work: Any) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
