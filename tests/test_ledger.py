"""The case ledger: legal moves only, evidence before 销号, due days, figures, exports that no spreadsheet runs."""

import csv
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from pipelines import ledger
from pipelines.contracts import Alert, Unit, rows
from pipelines.ledger import LedgerError
from pipelines.warehouse import Warehouse
from pipelines.workdays import covered_years

ON = dt.date(2019, 9, 27)
ALERT = "a" + "0" * 12


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with Warehouse(tmp_path / "w.duckdb") as warehouse:
        unit = {"code": "u1", "name": "示例市城管局", "kind": "bureau", "tier": 1, "place": "示例市", "aliases": ""}
        warehouse.write(Unit, rows(Unit, [{**unit, "valid_from": dt.date(2000, 1, 1)}]))
        alert = {"alert_id": ALERT, "kind": "grave", "week": "2019-W39", "raised_on": ON, "unit_code": "u1", "code": "graft"}
        warehouse.write(
            Alert, rows(Alert, [{**alert, "severity": 3, "messages": 1, "summary": "群众反映吃拿卡要", "state": "open"}])
        )
        yield warehouse


def opened(warehouse: Warehouse, on: dt.date = ON) -> str:
    return ledger.open_case(warehouse, by="李经办", on=on, matter="窗口无人值守")


def closed(warehouse: Warehouse, case: str) -> None:
    ledger.assign(warehouse, case, to="示例市城管局", by="李经办", on=ON)
    ledger.feedback(warehouse, case, by="王科长", on=ON, note="已约谈并公开值班表")
    ledger.close(warehouse, case, by="李经办", on=ON, note="整改到位,已回访")


def state(warehouse: Warehouse, case: str) -> str:
    return str(warehouse.scalar("SELECT state FROM case_entry WHERE case_id = ?", [case]))


def test_from_alert_to_striking_off(warehouse: Warehouse) -> None:
    case = ledger.open_case(warehouse, by="李经办", on=ON, alert_id=ALERT)
    assert case == "2019-0001"
    (row,) = ledger.cases(warehouse, "opened", today=ON)
    assert (row["matter"], row["unit_code"], row["code"]) == ("群众反映吃拿卡要", "u1", "graft")
    assert row["due_on"] == dt.date(2019, 10, 23), "fifteen working days across the National Day"
    assert row["days_left"] == 15
    assert warehouse.scalar("SELECT state FROM alert") == "cased"
    closed(warehouse, case)
    assert warehouse.scalar("SELECT closed_on FROM case_entry") == ON
    steps = warehouse.query("SELECT action, taken_by FROM case_step ORDER BY step").to_pylist()
    assert [s["action"] for s in steps] == ["open", "assign", "feedback", "close"]
    with pytest.raises(LedgerError, match="already in the ledger"):
        ledger.open_case(warehouse, by="李经办", on=ON, alert_id=ALERT)


def test_numbers_run_by_year(warehouse: Warehouse) -> None:
    assert [opened(warehouse), opened(warehouse), opened(warehouse, dt.date(2020, 3, 2))] == [
        "2019-0001",
        "2019-0002",
        "2020-0001",
    ]


def test_a_year_without_a_calendar_is_remarked_and_blocks_nobody(warehouse: Warehouse) -> None:
    on = dt.date(covered_years()[1], 12, 20)
    opened(warehouse, on)
    assert "放假安排尚未收录" in warehouse.scalar("SELECT note FROM case_step")
    (row,) = ledger.cases(warehouse, today=on)
    assert row["due_on"].year == on.year + 1 and row["days_left"] is None


def test_no_striking_off_without_feedback(warehouse: Warehouse) -> None:
    case = opened(warehouse)
    with pytest.raises(LedgerError, match="cannot close"):
        ledger.close(warehouse, case, by="李经办", on=ON, note="没有反馈也想销号")
    ledger.assign(warehouse, case, to="甲局", by="李经办", on=ON)
    ledger.feedback(warehouse, case, by="王科长", on=ON, note="已办理完毕")
    ledger.assign(warehouse, case, to="乙局", by="李经办", on=ON)  # given to another office: its own feedback is due
    with pytest.raises(LedgerError, match="cannot close"):
        ledger.close(warehouse, case, by="李经办", on=ON, note="别的单位已经反馈过")


def test_the_second_handling(warehouse: Warehouse) -> None:
    case = opened(warehouse)
    closed(warehouse, case)
    assert ledger.reopen(warehouse, case, by="李经办", on=dt.date(2019, 10, 8), note="回访不满意") == "reopened"
    (row,) = ledger.cases(warehouse)
    assert row["closed_on"] is None and row["due_on"] == dt.date(2019, 10, 16)
    with pytest.raises(LedgerError, match="the last step was taken on 2019-10-08"):
        ledger.assign(warehouse, case, to="甲局", by="李经办", on=ON)


@pytest.mark.parametrize("note", ["", " ", "已办", "  已办 "])
def test_a_tick_is_no_evidence(warehouse: Warehouse, note: str) -> None:
    case = opened(warehouse)
    ledger.assign(warehouse, case, to="甲局", by="李经办", on=ON)
    with pytest.raises(LedgerError, match="--note"):
        ledger.feedback(warehouse, case, by="王科长", on=ON, note=note)
    assert state(warehouse, case) == "assigned"


def test_bad_openings_are_refused_and_leave_nothing(warehouse: Warehouse) -> None:
    for wrong in (
        {"matter": " "},
        {"matter": "事", "unit_code": "u9"},
        {"matter": "事", "code": "rudeness?"},
        {"alert_id": "a" + "f" * 12},
    ):
        with pytest.raises(LedgerError):
            ledger.open_case(warehouse, by="李经办", on=ON, **wrong)
    with pytest.raises(LedgerError, match="--by"):
        ledger.open_case(warehouse, by=" ", on=ON, matter="事由")
    with pytest.raises(LedgerError, match="no such case"):
        ledger.close(warehouse, "2019-0099", by="李经办", on=ON, note="没有这个案子")
    assert warehouse.scalar("SELECT count(*) FROM case_entry") == warehouse.scalar("SELECT count(*) FROM case_step") == 0


def test_the_closing_rate(warehouse: Warehouse) -> None:
    assert ledger.figures(warehouse)["closed_percent"] is None
    with warehouse.transaction():
        case = opened(warehouse)
        closed(warehouse, case)
        number = "'2019-' || lpad(n::VARCHAR, 4, '0') AS case_id"
        copies = f"SELECT * EXCLUDE (n) REPLACE ({number}) FROM case_entry, range(2, 159) AS r(n)"
        warehouse.execute(f"INSERT INTO case_entry {copies}")
    for _ in range(3):
        opened(warehouse)
    found = ledger.figures(warehouse, until=dt.date(2019, 12, 31))
    assert found == {"accepted": 161, "closed": 158, "overdue": 3, "pending": 3, "closed_percent": 98.14}
    assert ledger.figures(warehouse, until=dt.date(2019, 10, 1))["overdue"] == 0
    assert ledger.figures(warehouse, since=dt.date(2020, 1, 1))["accepted"] == 0


def test_exports_run_nothing(warehouse: Warehouse, tmp_path: Path) -> None:
    hostile = ['=HYPERLINK("http://x")', "+1+1", "-2", "@SUM(A1)", "\t=1", " =1", "＝1", "普通事由"]
    for matter in hostile:
        ledger.open_case(warehouse, by="李经办", on=ON, matter=matter)
        warehouse.execute("UPDATE case_entry SET matter = ? WHERE case_id = (SELECT max(case_id) FROM case_entry)", [matter])
    assert ledger.export(warehouse, tmp_path / "l.csv") == ledger.export(warehouse, tmp_path / "l.xlsx") == len(hostile)
    with (tmp_path / "l.csv").open(encoding="utf-8-sig", newline="") as file:
        table = list(csv.reader(file))
    assert table[0] == list(ledger.HEADER)
    for row, matter in zip(table[1:], hostile, strict=True):
        assert row[1] == (matter if matter == "普通事由" else "'" + matter)
    sheet = load_workbook(tmp_path / "l.xlsx")["台账"]
    assert {cell.data_type for column in "BCDGHK" for cell in sheet[column]} <= {"s", "n"}, "no cell is a formula"
    assert [row[1] for row in sheet.iter_rows(min_row=2, values_only=True)] == [row[1] for row in table[1:]]
    with pytest.raises(LedgerError, match="ending"):
        ledger.export(warehouse, tmp_path / "l.xls")


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["assign", "feedback", "close", "reopen"]), max_size=8))
def test_the_steps_always_tell_how_the_case_came_to_its_state(warehouse: Warehouse, actions: list[str]) -> None:
    case = opened(warehouse)
    expected, taken = "opened", 1
    for action in actions:
        more = {"to": "甲局"} if action == "assign" else {"note": "写明办理情况"}
        legal = ledger.MOVES[action].get(expected)
        try:
            expected = getattr(ledger, action)(warehouse, case, by="李经办", on=ON, **more)
            assert legal == expected
            taken += 1
        except LedgerError:
            assert legal is None
    assert state(warehouse, case) == expected
    steps = warehouse.query("SELECT step FROM case_step WHERE case_id = ? ORDER BY step", [case])["step"].to_pylist()
    assert steps == list(range(1, taken + 1))
