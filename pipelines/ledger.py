"""The case ledger (台账): reads alert, unit; writes case_entry, case_step. Every move is a step that nobody changes.

    opened -> assigned -> answered -> closed
                 ^            |          |
                 +------------+- reopened (二次办理: the complainant is not satisfied)

A case is closed (销号) only on feedback that came after the last assignment: 办结 needs evidence.
"""

import csv
import datetime as dt
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.styles import Font

from models.taxonomy import CODES
from pipelines.contracts import CaseEntry, CaseStep, rows
from pipelines.spreadsheet import inert
from pipelines.warehouse import Warehouse
from pipelines.workdays import add_workdays, is_covered, workdays_between

MOVES: dict[str, dict[str, str]] = {
    "assign": {"opened": "assigned", "assigned": "assigned", "answered": "assigned", "reopened": "assigned"},
    "feedback": {"assigned": "answered", "answered": "answered"},
    "close": {"answered": "closed"},
    "reopen": {"closed": "reopened", "answered": "reopened"},
}
WORDS = {"opened": "已立项", "assigned": "办理中", "answered": "已反馈", "closed": "已销号", "reopened": "二次办理"}
DUE = 15  # working days from opening
DUE_AGAIN = 7  # working days from reopening
NOTE_AT_LEAST = 4  # characters: feedback and closing stand on words, not on a tick

HEADER = ("案号", "事由", "被反映单位", "问题", "立项日期", "限办日期", "状态", "承办", "销号日期", "步数", "末步说明", "预警号")


class LedgerError(ValueError):
    """A step that the ledger refuses, in one line with the mend."""


def open_case(
    warehouse: Warehouse,
    *,
    by: str,
    on: dt.date,
    matter: str = "",
    alert_id: str | None = None,
    unit_code: str | None = None,
    code: str | None = None,
    working_days: int = DUE,
) -> str:
    """Opens a case (立项), from an alert or freely; gives its number, `2019-0001`. Raises LedgerError.

    What is not given comes from the alert, which becomes `cased`; one alert makes one case.
    """
    if code is not None and code not in CODES:
        raise LedgerError(f"{code}: no such conduct code; see the table `code` of the snapshot")
    with warehouse.transaction():
        if alert_id is not None:
            alert = _alert(warehouse, alert_id)
            matter, unit_code, code = matter or alert["summary"], unit_code or alert["unit_code"], code or alert["code"]
        if not matter.strip():
            raise LedgerError("a case needs its matter in a line (--matter), or an alert that it comes from (--alert)")
        _must_know_unit(warehouse, unit_code)
        newest = warehouse.scalar("SELECT max(case_id) FROM case_entry WHERE case_id LIKE ?", [f"{on.year}-%"])
        number = int(newest[5:]) + 1 if newest else 1
        if number > 9999:
            raise LedgerError(f"{on.year}: the ledger of this year is full (9999 cases)")
        due, remark = _due(on, working_days)
        case = {"case_id": f"{on.year}-{number:04d}", "alert_id": alert_id, "unit_code": unit_code, "code": code,
                "matter": matter.strip(), "opened_on": on, "due_on": due, "state": "opened"}  # fmt: skip
        _write(warehouse, case, "open", by, on, matter.strip() + remark)
        warehouse.execute("UPDATE alert SET state = 'cased' WHERE alert_id = ?", [alert_id or ""])
    return str(case["case_id"])


def assign(warehouse: Warehouse, case_id: str, *, to: str, by: str, on: dt.date, note: str = "") -> str:
    """Gives a case to who handles it (转办); gives its new state. Raises LedgerError."""
    if not to.strip():
        raise LedgerError(f"{case_id}: say to whom (--to)")
    return _step(warehouse, case_id, "assign", by, on, note or f"转{to}办理", assignee=to.strip())


def feedback(warehouse: Warehouse, case_id: str, *, by: str, on: dt.date, note: str) -> str:
    """Notes what the unit did and answered (反馈). Raises LedgerError."""
    return _step(warehouse, case_id, "feedback", by, on, _words(case_id, note, "what was done"))


def close(warehouse: Warehouse, case_id: str, *, by: str, on: dt.date, note: str) -> str:
    """Strikes a case off (办结销号); it must have feedback. Raises LedgerError."""
    return _step(warehouse, case_id, "close", by, on, _words(case_id, note, "on what ground"), closed_on=on)


def reopen(warehouse: Warehouse, case_id: str, *, by: str, on: dt.date, note: str) -> str:
    """Starts the second handling (二次办理): a new, shorter time limit. Raises LedgerError."""
    due, remark = _due(on, DUE_AGAIN)
    return _step(warehouse, case_id, "reopen", by, on, _words(case_id, note, "why") + remark, closed_on=None, due_on=due)


def figures(warehouse: Warehouse, *, since: dt.date | None = None, until: dt.date | None = None) -> dict[str, Any]:
    """受理, 办结, 在办, 办结率 (percent, two places) of the cases opened in a span; overdue as of `until`."""
    day = until or dt.date.max
    found = warehouse.query(
        "SELECT count(*) AS accepted, count(*) FILTER (state = 'closed') AS closed,"
        " count(*) FILTER (state <> 'closed' AND due_on < ?) AS overdue FROM case_entry WHERE opened_on BETWEEN ? AND ?",
        [day if until else dt.date.min, since or dt.date.min, day],
    ).to_pylist()[0]
    accepted, closed = found["accepted"], found["closed"]
    rate = round(100 * closed / accepted, 2) if accepted else None
    return {
        "accepted": accepted,
        "closed": closed,
        "pending": accepted - closed,
        "overdue": found["overdue"],
        "closed_percent": rate,
    }


def cases(warehouse: Warehouse, state: str = "", *, today: dt.date | None = None) -> list[dict[str, Any]]:
    """The ledger, or the cases of one state; with `today` also `days_left`, working days (negative: overdue; None: unknown)."""
    found: list[dict[str, Any]] = warehouse.query(
        "SELECT * FROM case_entry WHERE ? IN ('', state) ORDER BY case_id", [state]
    ).to_pylist()
    if today is not None:
        for case in found:
            plain = case["state"] != "closed" and is_covered(today) and is_covered(case["due_on"])
            case["days_left"] = workdays_between(today, case["due_on"]) if plain else None
    return found


def export(warehouse: Warehouse, path: Path) -> int:
    """Writes the ledger as CSV (UTF-8 with BOM, for Excel) or XLSX; gives the number of cases. Raises LedgerError.

    Text that a spreadsheet would run as a formula is written as text.
    """
    table = [[inert(cell) for cell in row] for row in _lines(warehouse)]
    if path.suffix not in (".csv", ".xlsx"):
        raise LedgerError(f"{path}: the ending must be .csv or .xlsx")
    aside = path.with_name(path.name + ".part")
    if path.suffix == ".csv":
        with aside.open("w", encoding="utf-8-sig", newline="") as file:
            csv.writer(file).writerows([HEADER, *table])
    else:
        _sheet(table).save(aside)
    aside.replace(path)
    return len(table)


def _sheet(table: list[list[Any]]) -> Workbook:
    book = Workbook()
    sheet = book.create_sheet("台账", 0)
    del book["Sheet"]
    for row in [list(HEADER), *table]:
        sheet.append(row)
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    for column, width in zip("ABCDEFGHIJKL", (11, 48, 24, 12, 12, 12, 10, 18, 12, 6, 36, 15), strict=True):
        sheet.column_dimensions[column].width = width
    sheet.freeze_panes = "A2"
    return book


def _lines(warehouse: Warehouse) -> list[list[Any]]:
    found = warehouse.query(
        "SELECT c.*, coalesce(u.name, c.unit_code) AS unit_name, s.steps, s.note FROM case_entry AS c"
        " LEFT JOIN (SELECT code, arg_max(name, valid_from) AS name FROM unit GROUP BY code) AS u ON u.code = c.unit_code"
        " LEFT JOIN (SELECT case_id, count(*) AS steps, arg_max(note, step) AS note FROM case_step GROUP BY case_id) AS s"
        " USING (case_id) ORDER BY case_id"
    ).to_pylist()
    return [
        [c["case_id"], c["matter"], c["unit_name"], CODES[c["code"]].name if c["code"] in CODES else c["code"], c["opened_on"],
         c["due_on"], WORDS[c["state"]], c["assignee"], c["closed_on"], c["steps"], c["note"], c["alert_id"]]
        for c in found
    ]  # fmt: skip


def _step(warehouse: Warehouse, case_id: str, action: str, by: str, on: dt.date, note: str, **changes: Any) -> str:
    """Moves a case on by one step, or refuses."""
    with warehouse.transaction():
        found = warehouse.query("SELECT * FROM case_entry WHERE case_id = ?", [case_id]).to_pylist()
        if not found:
            raise LedgerError(f"{case_id}: no such case; see `weathervane case list`")
        (case,) = found
        state = MOVES[action].get(case["state"])
        if state is None:
            may = ", ".join(name for name, moves in MOVES.items() if case["state"] in moves)
            raise LedgerError(f"{case_id}: is {case['state']} ({WORDS[case['state']]}), so it cannot {action}; it may {may}")
        last = warehouse.scalar("SELECT max(taken_on) FROM case_step WHERE case_id = ?", [case_id])
        if on < last:
            raise LedgerError(f"{case_id}: the last step was taken on {last}, so a step cannot be dated {on}")
        _write(warehouse, {**case, **changes, "state": state}, action, by, on, note)
    return state


def _write(warehouse: Warehouse, case: dict[str, Any], action: str, by: str, on: dt.date, note: str) -> None:
    if not by.strip():
        raise LedgerError("say who acts (--by)")
    taken = warehouse.scalar("SELECT count(*) FROM case_step WHERE case_id = ?", [case["case_id"]])
    step = {"case_id": case["case_id"], "step": taken + 1, "action": action, "taken_on": on, "taken_by": by.strip(), "note": note}
    warehouse.write(CaseEntry, rows(CaseEntry, [case]), replacing={"case_id": case["case_id"]})
    warehouse.write(CaseStep, rows(CaseStep, [step]), replacing={"case_id": step["case_id"], "step": step["step"]})


def _due(on: dt.date, working_days: int) -> tuple[dt.date, str]:
    """The day a case is due, and a remark where the official holidays up to then are not known yet.

    The State Council names a year's holidays in November; until they are taken in, a ledger must still open cases.
    """
    due = add_workdays(on, working_days, weekdays_beyond=True)
    if is_covered(on) and is_covered(due):
        return due, ""
    return due, f"（限办日期暂按周一至周五推算：{due.year}年放假安排尚未收录）"


def _words(case_id: str, note: str, what: str) -> str:
    if len(note.strip()) < NOTE_AT_LEAST:
        raise LedgerError(
            f"{case_id}: say {what} (--note), in at least {NOTE_AT_LEAST} characters; the ledger keeps it as evidence"
        )
    return note.strip()


def _alert(warehouse: Warehouse, alert_id: str) -> dict[str, Any]:
    found = warehouse.query("SELECT * FROM alert WHERE alert_id = ?", [alert_id]).to_pylist()
    if not found:
        raise LedgerError(f"{alert_id}: no such alert; see `weathervane alerts list`")
    if found[0]["state"] == "cased":
        raise LedgerError(f"{alert_id}: already in the ledger as a case; see `weathervane case list`")
    return dict(found[0])


def _must_know_unit(warehouse: Warehouse, unit_code: str | None) -> None:
    if unit_code is not None and not warehouse.scalar("SELECT count(*) FROM unit WHERE code = ?", [unit_code]):
        raise LedgerError(f"{unit_code}: no such unit in the registry; see units.csv")
