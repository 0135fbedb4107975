"""What the integrity office does with alerts and cases: each function opens the warehouse, takes one step, says so in a line."""

import datetime as dt
from pathlib import Path
from typing import Any

from flows.runtime import data_at, settings_of, warehouse_of
from pipelines import alerts, ledger
from pipelines.vault import SHANGHAI
from pipelines.warehouse import DataDir

_ALERTS = """
SELECT alert.alert_id, kind, alert.week, raised_on, alert.unit_code, unit.name AS unit, alert.code, severity, alert.messages,
       summary, alert.state, string_agg(delivery.route || ' ' || delivery.state, ', ' ORDER BY delivery.route) AS sent
FROM alert
LEFT JOIN (SELECT code, any_value(name) AS name FROM unit GROUP BY code) AS unit ON alert.unit_code = unit.code
LEFT JOIN delivery USING (alert_id)
WHERE ? IN ('', 'all', alert.state)
GROUP BY ALL ORDER BY raised_on DESC, severity DESC, alert_id
"""


def alerts_of(data: DataDir, state: str) -> list[dict[str, Any]]:
    """Alerts in a state (`open`, `acked`, `cased`; `all` for every one), newest first."""
    with warehouse_of(data_at(str(data.root))) as warehouse:
        found: list[dict[str, Any]] = warehouse.query(_ALERTS, [state]).to_pylist()
    return found


def acknowledge_alert(data: DataDir, alert_id: str, by: str, note: str) -> str:
    """Signs for an alert."""
    with warehouse_of(data_at(str(data.root))) as warehouse:
        alerts.acknowledge(warehouse, alert_id, by, note)
    return f"{alert_id}: signed for by {by}"


def resend_alert(data: DataDir, alert_id: str) -> str:
    """Sends an alert again to every receiver, now."""
    with warehouse_of(data_at(str(data.root))) as warehouse:
        settings = settings_of(data)
        queued = alerts.resend(warehouse, alert_id, settings)
        counts = alerts.deliver(warehouse, settings, data)
    return f"{alert_id}: {queued} receivers, {counts['sent']} sent, {counts['failed']} failed"


def cases_of(data: DataDir, state: str) -> list[dict[str, Any]]:
    """The ledger's cases, all or those in a state."""
    with warehouse_of(data_at(str(data.root))) as warehouse:
        return ledger.cases(warehouse, state, today=_today())


def open_case(
    data: DataDir, by: str, matter: str, alert: str | None, unit: str | None, code: str | None, on: dt.date | None
) -> str:  # fmt: skip
    """Opens a case; gives its number and when it is due."""
    with warehouse_of(data_at(str(data.root))) as warehouse:
        case_id = ledger.open_case(
            warehouse, by=by, on=on or _today(), matter=matter, alert_id=alert, unit_code=unit, code=code
        )  # fmt: skip
        due = warehouse.scalar("SELECT due_on FROM case_entry WHERE case_id = ?", [case_id])
    return f"{case_id}: opened, due {due}"


def step_case(data: DataDir, case_id: str, action: str, by: str, note: str, to: str, on: dt.date | None) -> str:
    """Takes a case one step further; gives its new state."""
    day = on or _today()
    with warehouse_of(data_at(str(data.root))) as warehouse:
        if action == "assign":
            state = ledger.assign(warehouse, case_id, to=to, by=by, on=day, note=note)
        else:
            take = {"feedback": ledger.feedback, "close": ledger.close, "reopen": ledger.reopen}[action]
            state = take(warehouse, case_id, by=by, on=day, note=note)
    return f"{case_id}: {state}"


def export_ledger(data: DataDir, output: Path) -> int:
    """Writes the ledger as CSV or XLSX; gives the number of cases."""
    with warehouse_of(data_at(str(data.root))) as warehouse:
        return ledger.export(warehouse, output)


def _today() -> dt.date:
    return dt.datetime.now(SHANGHAI).date()
