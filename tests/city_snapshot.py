"""A published snapshot of the fictional city with the labels of its truth: what the pages and pictures of tests show."""

import datetime as dt
from pathlib import Path
from typing import Any

from crawlers.sources import load_sources
from flows.demo_city import ENDING, SOURCES, declare
from flows.demo_city.places import units
from flows.demo_city.story import CHANNELS, Letter, Story
from pipelines.aggregate import aggregate
from pipelines.alerts import raise_alerts
from pipelines.contracts import Attribution, CleanMessage, EventMember, Reading, Signal, Source, Surge, Unit, rows
from pipelines.publish import publish
from pipelines.settings import Settings
from pipelines.surveillance import surges
from pipelines.warehouse import DataDir, Warehouse, week_of


def publish_city(root: Path, weeks: int = 30) -> DataDir:
    """Publishes the city's last `weeks` weeks under `root`, as read by a reader that makes no mistake."""
    data = DataDir(root)
    data.make()
    declare("http://127.0.0.1:8808", data.sources)
    sources = load_sources(data.sources)
    letters = [letter for letter in Story(7, weeks, ENDING).letters() if not letter.withdrawn]
    with Warehouse(data.warehouse) as warehouse:
        _fill(warehouse, letters)
        declared = [
            {"slug": slug, "name": s.name, "publisher": s.publisher, "channel": s.channel, "kind": s.kind}
            | {"at_least": s.bounds.at_least, "at_most": s.bounds.at_most}
            for slug, s in sources.items()
        ]
        warehouse.write(Source, rows(Source, declared))
        aggregate(warehouse, sources)
        found = sorted({week_of(letter.posted.date()) for letter in letters})
        warehouse.write(Surge, surges(warehouse, found))
        for week in found[-2:]:
            raise_alerts(warehouse, week, ENDING, Settings())
        publish(warehouse, data, small_cell=5)
    return data


def _fill(warehouse: Warehouse, letters: list[Letter]) -> None:
    ids = [f"m{number:016x}" for number in range(len(letters))]
    pairs = list(zip(ids, letters, strict=True))
    first: dict[int, str] = {}
    for message_id, letter in pairs:
        first.setdefault(letter.event, message_id)
    warehouse.write(CleanMessage, rows(CleanMessage, [_clean(number, letter) for number, letter in enumerate(letters)]))
    members = [
        {"message_id": m, "event_id": f"e{first[x.event][1:]}", "relation": "first" if first[x.event] == m else "near"}
        for m, x in pairs
    ]
    warehouse.write(EventMember, rows(EventMember, members))
    read = [
        {"message_id": m, "topic": x.topic, "topic_probability": 0.9, "conduct_probability": 0.95 if x.codes else 0.05}
        | {"model_version": "truth"}
        for m, x in pairs
    ]
    warehouse.write(Reading, rows(Reading, read))
    told: list[dict[str, Any]] = [
        {"message_id": m, "code": code, "probability": 0.93, "quote": x.body[:20], "field": "body", "start": 0, "stop": 20}
        | {"status": "asserted", "model_version": "truth"}
        for m, x in pairs
        for code in x.codes
    ]
    warehouse.write(Signal, rows(Signal, told))
    blamed: list[dict[str, Any]] = [
        {"message_id": m, "mention": "", "field": "source", "start": 0, "stop": 0, "unit_code": x.unit.code, "status": "inferred"}
        | {"confidence": 0.9, "blamed": True, "why": "unit_hint"}
        for m, x in pairs
    ]
    warehouse.write(Attribution, rows(Attribution, blamed))
    valid = {"valid_from": dt.date(2019, 1, 1), "valid_to": None}
    known = [{**u.row(), "tier": u.tier, "exposure": float(u.exposure), "parent": u.parent or None, **valid} for u in units()]
    warehouse.write(Unit, rows(Unit, known))


def _clean(number: int, letter: Letter) -> dict[str, Any]:
    assert set(SOURCES) == set(CHANNELS)
    days = (letter.replied - letter.posted).total_seconds() / 86400 if letter.replied else None
    return {
        "message_id": f"m{number:016x}",
        "record_id": number + 1,
        "source": letter.source,
        "channel": CHANNELS[letter.source],
        "complainant_key": f"k{letter.person.number}" if letter.person else None,
        "posted_at": letter.posted,
        "week": week_of(letter.posted.date()),
        "title": letter.title,
        "body": letter.body,
        "place": letter.district or None,
        "reply": letter.reply or None,
        "replied_at": letter.replied,
        "reply_days": days,
        "satisfied": {"满意": True, "不满意": False}.get(letter.satisfied),
        "reopened": letter.reopened,
        "withdrawn": False,
        "masked": 0,
    }
