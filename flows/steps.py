"""The steps of the daily and weekly flows: each reads what is new, calls one stage, writes its tables, returns counts.

A step takes the data directory's name and dates, never text, and can be killed at any instant and run again: a batch and
the note that it is done are written in one transaction.
"""

import datetime as dt
import hashlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import structlog

from crawlers.crawl import crawl
from flows.runtime import actor, data_at, open_vault, settings_of, sources_of, spread, warehouse_of
from models.classifier import SHIPPED, ConductClassifier
from pipelines.aggregate import aggregate
from pipelines.alerts import deliver, queue_deliveries, raise_alerts
from pipelines.classify import classify_batch
from pipelines.clean import clean_batch
from pipelines.contracts import (
    Attribution,
    CleanMessage,
    EventMember,
    Intake,
    Quarantine,
    Reading,
    Redaction,
    Signal,
    Source,
    StageDone,
    Surge,
    Unit,
    rows,
)
from pipelines.events import join_events
from pipelines.ingest import ingest_file
from pipelines.publish import publish
from pipelines.registry import Registry
from pipelines.surveillance import surges
from pipelines.units import Resolver, attribute_batch
from pipelines.warehouse import DataDir, Warehouse, week_of, week_start

log = structlog.get_logger()

Counts = dict[str, int]


def crawl_source(root: str, slug: str) -> Counts:
    """Fetches what is new at one source into the vault."""
    data = data_at(root)
    received = crawl(sources_of(data, [slug])[slug], data)
    return _told("crawl", {"seen": received.seen, "new": received.new, "updated": received.updated}, source=slug)


def take_in_exports(root: str, slug: str) -> Counts:
    """Takes in the files of `drop/<slug>/` that were not taken in before; a broken file is logged and left for mending."""
    data = data_at(root)
    source = sources_of(data, [slug])[slug]
    counts = {"files": 0, "seen": 0, "new": 0, "quarantined": 0, "broken_files": 0}
    with open_vault(data) as vault:
        for path in sorted(
            p for pattern in (source.export.pattern if source.export else ()) for p in (data.drop / slug).glob(pattern)
        ):
            origin = f"{path.name}@{_digest_of(path)}"
            if any(row["origin"] == origin for row in vault.log("intake")):
                continue
            try:
                received = ingest_file(path, source, vault, origin=origin)
            except ValueError as error:
                vault.quarantine(slug, "ingest", path.name, type(error).__name__, str(error), origin.encode())
                counts["broken_files"] += 1
                continue
            counts["files"] += 1
            for name in ("seen", "new", "quarantined"):
                counts[name] += getattr(received, name)
    return _told("take_in", counts, source=slug)


def forget_since(root: str, since: str) -> Counts:
    """Forgets that messages of `since` and later were read, so that the next steps read them again."""
    with warehouse_of(data_at(root)) as warehouse:
        ids = warehouse.query("SELECT message_id FROM clean_message WHERE posted_at >= CAST(? AS TIMESTAMP)", [since])[
            "message_id"
        ]
        with warehouse.given(again=pa.table({"message_id": ids})):
            warehouse.execute("DELETE FROM stage_done WHERE message_id IN (SELECT message_id FROM again)")
    return _told("forget", {"messages": len(ids)})


def clean(root: str) -> Counts:
    """Vault -> clean_message, redaction: normalised, redacted; what cannot be read goes to quarantine."""
    data = data_at(root)
    counts = {"cleaned": 0, "quarantined": 0}
    with open_vault(data) as vault, warehouse_of(data) as warehouse:
        limits = settings_of(data).limits
        with warehouse.given(newest=vault.newest()):
            todo = warehouse.query(
                "SELECT message_id, record_id FROM newest"
                " ANTI JOIN (SELECT message_id, input_hash FROM stage_done WHERE stage = 'clean') AS done"
                " ON newest.message_id = done.message_id AND CAST(record_id AS VARCHAR) = done.input_hash ORDER BY record_id"
            )
        batches = [todo.slice(at, limits.batch) for at in range(0, todo.num_rows, limits.batch)]
        calls = [(root, batch["record_id"].to_pylist()) for batch in batches]
        for batch, cleaned in zip(batches, spread(_clean, calls, limits.workers), strict=True):
            for record_id, reason, mend in cleaned.rejected:
                vault.quarantine_stored(record_id, "clean", reason, mend)
            ids = batch["message_id"]
            with warehouse.transaction():
                warehouse.write(CleanMessage, cleaned.messages, replacing={"message_id": cleaned.messages["message_id"]})
                warehouse.write(Redaction, cleaned.redactions, replacing={"message_id": cleaned.messages["message_id"]})
                _mark_done(warehouse, "clean", ids, batch["record_id"].cast(pa.string()))
            counts["cleaned"] += cleaned.messages.num_rows
            counts["quarantined"] += len(cleaned.rejected)
        _copy_logs(vault, warehouse)
        warehouse.write(Source, _source_rows(data))
    return _told("clean", counts)


def _clean(root: str, record_ids: list[int]) -> Any:
    data = data_at(root)
    with open_vault(data) as vault:
        return clean_batch(list(vault.read(record_ids)), sources_of(data))


def join(root: str) -> Counts:
    """clean_message -> event_member: repeats, reposts and other channels about one matter."""
    with warehouse_of(data_at(root)) as warehouse:
        messages = warehouse.query(
            "SELECT message_id, complainant_key, posted_at, source, title, body, place FROM clean_message WHERE NOT withdrawn"
        )
        members = join_events(messages)
        warehouse.write(EventMember, members)
        return _told(
            "join",
            {"messages": members.num_rows, "events": warehouse.scalar("SELECT count(DISTINCT event_id) FROM event_member")},
        )


def attribute(root: str) -> Counts:
    """clean_message, units.csv -> unit, attribution."""
    data = data_at(root)
    with warehouse_of(data) as warehouse:
        registry = Registry.read(data.units)
        warehouse.write(Unit, rows(Unit, registry.rows()))
        counts = _each_batch(data, warehouse, "attribute", registry.digest, _attribute, (Attribution,))
    return _told("attribute", counts)


def _attribute(root: str, messages: pa.Table) -> tuple[pa.Table, ...]:
    return (attribute_batch(messages, _cached_resolver(root)),)


def classify(root: str) -> Counts:
    """clean_message, model -> reading, signal."""
    data = data_at(root)
    with warehouse_of(data) as warehouse:
        version = _cached_classifier(root).version
        reading = settings_of(data).reading
        key = f"{version}/{reading.assert_from}/{reading.review_from}"
        counts = _each_batch(data, warehouse, "classify", key, _classify, (Reading, Signal))
    return _told("classify", counts)


def _classify(root: str, messages: pa.Table) -> tuple[pa.Table, ...]:
    readings = classify_batch(messages, _cached_classifier(root), settings_of(data_at(root)).reading)
    return (readings.reading, readings.signal)


def _each_batch(data: DataDir, warehouse: Warehouse, stage: str, version: str, work: Any, tables: tuple[Any, ...]) -> Counts:
    """Runs a reading stage over the messages whose text or whose model (or registry) is new to it."""
    limits = settings_of(data).limits
    short = hashlib.sha256(version.encode()).hexdigest()[:12]
    todo = warehouse.query(
        "SELECT message_id, record_id || ? AS input_hash FROM clean_message"
        " ANTI JOIN (SELECT message_id, input_hash FROM stage_done WHERE stage = ?) AS done"
        " ON clean_message.message_id = done.message_id AND record_id || ? = done.input_hash ORDER BY record_id",
        [f"/{short}", stage, f"/{short}"],
    )
    counts = {"messages": todo.num_rows, **{table.table_name: 0 for table in tables}}
    for at in range(0, todo.num_rows, limits.batch * limits.workers * 4):  # as many as the workers take at once
        window = todo.slice(at, limits.batch * limits.workers * 4)
        parts = [window.slice(start, limits.batch) for start in range(0, window.num_rows, limits.batch)]
        calls = [(str(data.root), _messages_of(warehouse, part)) for part in parts]
        for part, results in zip(parts, spread(work, calls, limits.workers), strict=True):
            with warehouse.transaction():
                for table, result in zip(tables, results, strict=True):
                    counts[table.table_name] += warehouse.write(table, result, replacing={"message_id": part["message_id"]})
                _mark_done(warehouse, stage, part["message_id"], part["input_hash"])
    return counts


def _messages_of(warehouse: Warehouse, part: pa.Table) -> pa.Table:
    with warehouse.given(part=part):
        return warehouse.query(
            "SELECT clean_message.* FROM clean_message SEMI JOIN part USING (message_id) WHERE NOT withdrawn ORDER BY record_id"
        )


def count(root: str) -> Counts:
    """signal, attribution, event_member -> unit_week and its kin, coverage."""
    data = data_at(root)
    with warehouse_of(data) as warehouse:
        aggregate(warehouse, sources_of(data))
        return _told("count", {"weeks": warehouse.scalar("SELECT count(*) FROM week_total")})


def watch(root: str, until: str) -> Counts:
    """Weekly series -> surge, alert, delivery, for every complete or current week that has none yet, up to `until`."""
    data = data_at(root)
    today = dt.date.fromisoformat(until)
    settings = settings_of(data)
    with warehouse_of(data) as warehouse:
        weeks = [row["week"] for row in warehouse.query("SELECT week FROM week_total ORDER BY week").to_pylist()]
        weeks = [week for week in weeks if week_start(week) <= today]
        found = surges(warehouse, weeks, alpha=settings.statistics.surge_alpha)
        warehouse.write(Surge, found)
        raised = sum(raise_alerts(warehouse, week, today, settings) for week in weeks[-2:])
        queued = queue_deliveries(warehouse, settings)
        return _told("watch", {"weeks": len(weeks), "surges": found.num_rows, "alerts": raised, "queued": queued})


def send(root: str) -> Counts:
    """delivery -> outbox files, mail, robots. A receiver that fails is tried again at the next run."""
    data = data_at(root)
    with warehouse_of(data) as warehouse:
        return _told("send", deliver(warehouse, settings_of(data), data))


def publish_snapshot(root: str) -> Counts:
    """warehouse -> published/weathervane.duckdb."""
    data = data_at(root)
    with warehouse_of(data) as warehouse:
        path = publish(warehouse, data, small_cell=settings_of(data).statistics.small_cell)
    return _told("publish", {"bytes": path.stat().st_size})


def last_full_week(until: dt.date) -> str:
    """The newest ISO week that has ended on or before `until`."""
    return (
        week_of(until - dt.timedelta(days=6))
        if until.isoweekday() == 7
        else week_of(until - dt.timedelta(days=until.isoweekday() + 6))
    )


def _mark_done(warehouse: Warehouse, stage: str, ids: Any, hashes: Any) -> None:
    done = pa.table({"stage": pa.array([stage] * len(ids)), "message_id": ids, "input_hash": hashes})
    warehouse.write(StageDone, done, replacing={"stage": stage, "message_id": ids})


def _copy_logs(vault: Any, warehouse: Warehouse) -> None:
    warehouse.write(Intake, rows(Intake, vault.log("intake")))
    warehouse.write(Quarantine, rows(Quarantine, vault.log("quarantine")))


def _source_rows(data: DataDir) -> pa.Table:
    return rows(
        Source,
        [
            {"slug": s.slug, "name": s.name, "publisher": s.publisher, "channel": s.channel, "kind": s.kind,
             "at_least": s.bounds.at_least, "at_most": s.bounds.at_most}
            for s in sources_of(data).values()
        ],
    )  # fmt: skip


_resolvers: dict[str, Resolver] = {}
_classifiers: dict[str, ConductClassifier] = {}


def _cached_resolver(root: str) -> Resolver:
    """The registry made ready for resolving, once a process and again when the file changes."""
    path = data_at(root).units
    key = f"{path}@{path.stat().st_mtime_ns}"
    if key not in _resolvers:
        _resolvers.clear()
        _resolvers[key] = Resolver(Registry.read(path))
    return _resolvers[key]


def _cached_classifier(root: str) -> ConductClassifier:
    """The model, loaded once a process: the office's own where it has trained one, else the one shipped."""
    folder = model_folder(data_at(root))
    if str(folder) not in _classifiers:
        _classifiers[str(folder)] = ConductClassifier.load(folder)
    return _classifiers[str(folder)]


def model_folder(data: DataDir) -> Path:
    """Where the model lies that this installation reads with."""
    given = settings_of(data).model_dir
    if given:
        return Path(given)
    return data.model if (data.model / "manifest.json").exists() else SHIPPED


def _digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _told(step: str, counts: Counts, **names: str) -> Counts:
    log.info(step, actor=actor(), **names, **counts)
    return counts
