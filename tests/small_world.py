"""A warehouse written by hand, message by message, for the tests of counts, alerts, ledger and snapshot."""

import datetime as dt
from typing import Any

from crawlers.sources import SourceDeclaration
from models.taxonomy import TOPICS
from pipelines.contracts import Attribution, CleanMessage, Correction, EventMember, Reading, Signal, Source, Unit, rows
from pipelines.warehouse import Warehouse, week_of

MONDAY = dt.date(2025, 6, 2)  # of 2025-W23


def day(offset: int) -> dt.date:
    """So many days after the Monday of 2025-W23."""
    return MONDAY + dt.timedelta(days=offset)


def message(n: int, on: int = 0, **facts: Any) -> dict[str, Any]:
    """Message `n`, posted `on` days after MONDAY; units: [(code, blamed)], codes: {code: probability}."""
    return {
        "n": n,
        "on": on,
        "source": "board",
        "who": f"k{n}",
        "event": n,
        "units": [],
        "codes": {},
        "topic": TOPICS[0],
        "withdrawn": False,
        "status": "asserted",
        "at_status": "named",
        **facts,
    }


def message_id(n: int) -> str:
    return f"m{n:016x}"


def event_id(n: int) -> str:
    return f"e{n:016x}"


def fill(warehouse: Warehouse, messages: list[dict[str, Any]], corrections: list[dict[str, Any]] | None = None) -> None:
    """Writes every table that the stages before the counts write."""
    warehouse.write(CleanMessage, rows(CleanMessage, [_clean(m) for m in messages]))
    members = [{"message_id": message_id(m["n"]), "event_id": event_id(m["event"]), "relation": "first"} for m in messages]
    warehouse.write(EventMember, rows(EventMember, members))
    warehouse.write(Reading, rows(Reading, [_reading(m) for m in messages]))
    warehouse.write(Signal, rows(Signal, [row for m in messages for row in _signals(m)]))
    warehouse.write(Attribution, rows(Attribution, [row for m in messages for row in _attributions(m)]))
    fixes = [
        {
            "message_id": message_id(c["n"]),
            "code": c["code"],
            "verdict": c["verdict"],
            "quote": "窗口没有人",
            "reviewer": "复核员",
            "reviewed_on": MONDAY,
        }
        for c in corrections or []
    ]
    warehouse.write(Correction, rows(Correction, fixes))
    codes = sorted({code for m in messages for code, _ in m["units"] if code} | {"u1"})
    warehouse.write(Unit, rows(Unit, [_unit(code) for code in codes]))
    sources = sorted({m["source"] for m in messages} | {"board"})
    warehouse.write(Source, rows(Source, [_source(slug) for slug in sources]))


def source(slug: str = "board", at_least: int = 1, at_most: int = 50, starts: dt.date | None = None) -> SourceDeclaration:
    """A declaration with these bounds a day."""
    return SourceDeclaration.model_validate(
        {
            "slug": slug,
            "name": slug,
            "publisher": "示例",
            "channel": "board",
            "kind": "feed",
            "starts": starts,
            "bounds": {"at_least": at_least, "at_most": at_most},
            "feed": {"urls": ("http://127.0.0.1/feed",)},
        }
    )


def _clean(m: dict[str, Any]) -> dict[str, Any]:
    at = dt.datetime.combine(day(m["on"]), dt.time(9, 41, 7))
    return {
        "message_id": message_id(m["n"]),
        "record_id": m["n"] + 1,
        "source": m["source"],
        "channel": "board",
        "complainant_key": m["who"],
        "posted_at": at,
        "week": week_of(at.date()),
        "title": "窗口没有人",
        "body": "去了三次窗口没有人,请核实。",
        "reply": m.get("reply"),
        "reply_unit": None,
        "replied_at": at + dt.timedelta(days=m["days"]) if "days" in m else None,
        "reply_days": m.get("days"),
        "satisfied": m.get("satisfied"),
        "reopened": m.get("reopened", False),
        "withdrawn": m["withdrawn"],
        "masked": 0,
    }


def _source(slug: str) -> dict[str, Any]:
    facts = {"name": f"来源{slug}", "publisher": "示例", "channel": "board", "kind": "feed"}
    return {"slug": slug, **facts, "at_least": 1, "at_most": 50}


def _reading(m: dict[str, Any]) -> dict[str, Any]:
    read = {"topic": m["topic"], "topic_probability": 0.9, "conduct_probability": 0.5, "model_version": "v1"}
    return {"message_id": message_id(m["n"]), **read}


def _signals(m: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "message_id": message_id(m["n"]),
            "code": code,
            "probability": p,
            "quote": "窗口没有人",
            "field": "body",
            "start": 4,
            "stop": 9,
            "status": m["status"],
            "model_version": "v1",
        }
        for code, p in m["codes"].items()
    ]


def _attributions(m: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "message_id": message_id(m["n"]),
            "mention": f"提法{at}",
            "field": "body",
            "start": at,
            "stop": at + 2,
            "unit_code": code,
            "status": m["at_status"] if code else "unresolved",
            "confidence": 0.9,
            "blamed": blamed,
            "why": "full_name",
        }
        for at, (code, blamed) in enumerate(m["units"])
    ]


def _unit(code: str) -> dict[str, Any]:
    facts = {"name": f"示例市第{code}局", "kind": "bureau", "tier": 1, "place": "示例市", "aliases": ""}
    return {"code": code, **facts, "valid_from": dt.date(2000, 1, 1)}
