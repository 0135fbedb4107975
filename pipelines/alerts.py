"""Alerts (预警): reads surge, signal, correction, attribution, coverage and their kin; writes alert, delivery; sends the outbox.

A summary says what, where and when, never who and never a quote, and no count under the small-cell limit: it leaves the house.
"""

import datetime as dt
import hashlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import structlog

from models.taxonomy import CODES
from pipelines.contracts import Alert, Delivery, rows
from pipelines.counting import counted, sql_of
from pipelines.senders import Notice, SendError, compose, send
from pipelines.settings import Route, Settings
from pipelines.warehouse import DataDir, Warehouse, week_start

GRAVE_FROM = 0.9  # a severity-3 code is alerted at once from this probability on
ATTEMPTS = 5  # a receiver that failed so often is left alone until `resend`
SILENT_AFTER = 3  # days of a week, before a silent source in it is worth an alert
SEVERITY = {"surge": 2, "repeat": 2, "silent_source": 1}
KINDS = {"surge": "异常升高", "grave": "严重问题", "repeat": "多人反映同一事", "silent_source": "来源中断"}

FACTS = ("alert_id", "kind", "week", "unit_code", "code", "event_id", "source", "severity", "summary")  # never `messages`

log = structlog.get_logger()


class AlertError(ValueError):
    """An alert that cannot be found or moved."""


def raise_alerts(warehouse: Warehouse, week: str, today: dt.date, settings: Settings) -> int:
    """Raises what `week` gives cause for; returns how many alerts are new.

    Ids are made of kind, week, unit, code, event and source, so a second run finds the first one's rows: it renews their
    counts and leaves day, state and signature as they are. What was raised stays raised.
    """
    with warehouse.transaction():
        with counted(warehouse):
            found = [
                *_surges(warehouse, week),
                *_grave(warehouse, week),
                *_repeats(warehouse, week, settings),
                *_silent(warehouse, week, today),
            ]
        small = settings.statistics.small_cell
        known = {row["alert_id"]: row for row in warehouse.query("SELECT * FROM alert WHERE week = ?", [week]).to_pylist()}
        fresh = {"raised_on": today, "state": "open", "acked_by": None, "note": None}
        made = [_row(item, week, small) for item in found]
        made = [{**fresh, **{k: v for k, v in known.get(row["alert_id"], {}).items() if k in fresh}, **row} for row in made]
        table = rows(Alert, made)
        warehouse.write(Alert, table, replacing={"alert_id": table["alert_id"]})
    new = sum(row["alert_id"] not in known for row in made)
    log.info("alerts", week=week, found=len(made), new=new)
    return new


def _row(item: dict[str, Any], week: str, small: int) -> dict[str, Any]:
    what: dict[str, str | None] = {name: item.get(name) for name in ("unit_code", "code", "event_id", "source")}
    severity = CODES[item["code"]].severity if item.get("code") else 0
    return {
        **what,
        "kind": item["kind"],
        "alert_id": "a" + _digest(item["kind"], week, *(value or "" for value in what.values()))[:12],
        "week": week,
        "severity": max(severity, SEVERITY.get(item["kind"], 1)),
        "messages": item["messages"],
        "summary": _summary(item, week, small),
    }


def _summary(item: dict[str, Any], week: str, small: int) -> str:
    unit = item.get("unit_name") or (item.get("unit_code") or "全域")
    code = f"“{CODES[item['code']].name}”" if item.get("code") else "作风问题"

    def few(count: int, of: str) -> str:
        return f"{count}{of}" if count >= small else f"少于{small}{of}"

    if item["kind"] == "surge":
        past = f"按以往每周约{item['expected']:.1f}件，上限{item['upper']:.1f}件"
        return f"{week} {unit}：群众反映{code}的事件{few(item['observed'], '件')}，{past}，属苗头性升高"
    if item["kind"] == "grave":
        unit = item.get("unit_name") or item.get("unit_code") or "单位待认定"
        return f"{week} {unit}：群众反映{code}(严重类)，{few(item['messages'], '条')}，未经核实，请在系统内按事件编号查看"
    if item["kind"] == "repeat":
        unit = item.get("unit_name") or item.get("unit_code") or "单位待认定"
        return f"{week} {unit}：同一件事已有{few(item['people'], '人')}反映，未经核实，请在系统内按事件编号查看"
    return f"{week} 来源“{item['source_name']}”没有消息，按声明本周至少应有{item['at_least']}条;数据不全，趋势不可直接比较"


def _surges(warehouse: Warehouse, week: str) -> list[dict[str, Any]]:
    """The week's surges; a unit as a whole is left out where one of its codes says it more exactly."""
    return _found(warehouse, "surge", [week])


def _grave(warehouse: Warehouse, week: str) -> list[dict[str, Any]]:
    grave = [code.code for code in CODES.values() if code.severity == 3]
    with warehouse.given(grave_code=pa.table({"code": pa.array(grave, pa.string())})):
        return _found(warehouse, "grave", [GRAVE_FROM, week])


def _repeats(warehouse: Warehouse, week: str, settings: Settings) -> list[dict[str, Any]]:
    people = settings.statistics.repeat_complainants
    return _found(warehouse, "repeat", [week, week, people, people])


def _silent(warehouse: Warehouse, week: str, today: dt.date) -> list[dict[str, Any]]:
    if (today - week_start(week)).days < SILENT_AFTER:
        return []
    return _found(warehouse, "silent_source", [week])


def _found(warehouse: Warehouse, kind: str, params: list[Any]) -> list[dict[str, Any]]:
    return list(warehouse.query(sql_of("alerts", f"{kind}.sql"), params).to_pylist())


def acknowledge(warehouse: Warehouse, alert_id: str, by: str, note: str = "") -> None:
    """Signs for an open alert (签收). Raises AlertError when there is none, or it is signed for already."""
    state = warehouse.scalar("SELECT state FROM alert WHERE alert_id = ?", [alert_id])
    if state is None:
        raise AlertError(f"{alert_id}: no such alert; see `weathervane alerts list`")
    if state != "open":
        raise AlertError(f"{alert_id}: already {state}")
    warehouse.execute("UPDATE alert SET state = 'acked', acked_by = ?, note = ? WHERE alert_id = ?", [by, note or None, alert_id])


def queue_deliveries(warehouse: Warehouse, settings: Settings) -> int:
    """Puts every open alert into the outbox of every route that wants its severity, once; returns how many are new."""
    alerts = warehouse.query("SELECT alert_id, severity FROM alert WHERE state = 'open' ORDER BY alert_id").to_pylist()
    known = set(warehouse.query("SELECT delivery_id FROM delivery")["delivery_id"].to_pylist())
    wanted = [
        {"delivery_id": _digest(a["alert_id"], route.name)[:16], "alert_id": a["alert_id"], "route": route.name,
         "state": "pending", "attempts": 0}
        for route in settings.routes
        for a in alerts
        if a["severity"] >= route.least_severity
    ]  # fmt: skip
    new = rows(Delivery, [row for row in wanted if row["delivery_id"] not in known])
    return warehouse.write(Delivery, new, replacing={"delivery_id": new["delivery_id"]})


def resend(warehouse: Warehouse, alert_id: str, settings: Settings) -> int:
    """Makes the deliveries of an alert new again; the next `deliver` sends them. Raises AlertError; returns how many."""
    if warehouse.scalar("SELECT count(*) FROM alert WHERE alert_id = ?", [alert_id]) == 0:
        raise AlertError(f"{alert_id}: no such alert; see `weathervane alerts list`")
    queue_deliveries(warehouse, settings)
    warehouse.execute("UPDATE delivery SET state = 'pending', attempts = 0, error = NULL WHERE alert_id = ?", [alert_id])
    return int(warehouse.scalar("SELECT count(*) FROM delivery WHERE alert_id = ?", [alert_id]))


def deliver(warehouse: Warehouse, settings: Settings, data: DataDir) -> dict[str, int]:
    """Sends what is due, one try each; a receiver that fails stops nothing and is tried again at the next run.

    Every message is a file in `outbox/` before it is sent, so an office without network has it too. The outcome of each is
    written at once: a kill repeats at most one message, which carries the same idempotency key.
    """
    routes = {route.name: route for route in settings.routes}
    due = warehouse.query(
        "SELECT delivery_id, route, attempts, alert.* FROM delivery JOIN alert USING (alert_id)"
        " WHERE delivery.state = 'pending' OR (delivery.state = 'failed' AND attempts < ?) ORDER BY raised_on, alert_id, route",
        [ATTEMPTS],
    ).to_pylist()
    counts = {"sent": 0, "failed": 0}
    for row in due:
        error = _try(row, routes.get(row["route"]), settings, data.outbox)
        state = "failed" if error else "sent"
        warehouse.execute(
            "UPDATE delivery SET state = ?, attempts = attempts + 1, error = ? WHERE delivery_id = ?",
            [state, error, row["delivery_id"]],
        )
        counts[state] += 1
        log.info("delivery", delivery=row["delivery_id"], alert=row["alert_id"], state=state, attempts=row["attempts"] + 1)
    return counts


def _try(row: dict[str, Any], route: Route | None, settings: Settings, outbox: Path) -> str | None:
    """One attempt; the error in one line, or None."""
    if route is None:
        return f"{row['route']}: no such receiver in the settings any more"
    notice = _notice(row, settings)
    try:
        ending = ".eml" if route.kind == "email" else ".json"
        _keep(outbox / (row["delivery_id"] + ending), compose(route, notice, settings.smtp))
        send(route, notice, settings.smtp)
    except SendError as error:
        return str(error)
    except (OSError, ValueError) as error:  # a full disk, an address that makes no header: still no reason to stop the run
        return f"{route.name}: {type(error).__name__}"
    return None


def _notice(row: dict[str, Any], settings: Settings) -> Notice:
    kind = KINDS[row["kind"]]
    lines = [row["summary"], f"预警编号：{row['alert_id']}  轻重：{row['severity']}  发出：{row['raised_on']}"]
    if row["event_id"]:
        lines.append(f"事件编号：{row['event_id']}")
    lines += ["本件为群众反映的汇总，未经核实；请登录系统签收。", settings.office.name]
    facts = {name: row[name] for name in FACTS}
    return Notice(row["delivery_id"], f"【风向标预警】{kind} {row['week']}", "\n".join(lines), facts)


def _keep(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = path.with_name(path.name + ".part")
    aside.write_bytes(content)
    aside.replace(path)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
