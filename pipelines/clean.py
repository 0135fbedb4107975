"""Vault records in, `clean_message` and `redaction` rows out: folded, tidied, redacted in one step, so nothing rests between.

Reads `Stored` versions decrypted in memory and the source declarations; writes Arrow tables. A record that cannot be read, or
whose redaction fails, is rejected with its reason and never passed on.
"""

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from crawlers.sources import SourceDeclaration
from pipelines import names
from pipelines.contracts import CleanMessage, Redaction, rows
from pipelines.moments import parse_moment
from pipelines.normalise import fold, tidy
from pipelines.redact import Entity, find_entities, mask
from pipelines.vault import Stored

TITLE_LENGTH = 30
LONGEST = 100_000
_SHANGHAI = ZoneInfo("Asia/Shanghai")
_HALF_MASK = re.compile(r"\[[^\[\]]{0,5}$")

Rejected = tuple[int, str, str]
Known = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What became of a batch: rows of `clean_message` and `redaction`, and (record_id, reason, mend) of the unreadable."""

    messages: pa.Table
    redactions: pa.Table
    rejected: list[Rejected]


class _Unreadable(ValueError):
    """Why a record is rejected: `reason` and `mend`, no text."""

    def __init__(self, reason: str, mend: str) -> None:
        super().__init__(reason)
        self.reason, self.mend = reason, mend


def clean_batch(stored: Sequence[Stored], sources: Mapping[str, SourceDeclaration]) -> Cleaned:
    """Cleans and redacts a batch. Any failure on one record rejects that record alone; it fails closed."""
    latest = dt.datetime.now(_SHANGHAI).replace(tzinfo=None) + dt.timedelta(days=1)
    messages: list[dict[str, Any]] = []
    redactions: list[dict[str, Any]] = []
    rejected: list[Rejected] = []
    for record in stored:
        try:
            row, spans = _clean(record, sources, latest)
        except _Unreadable as why:
            rejected.append((record.record_id, why.reason, why.mend))
        except Exception as error:  # fail closed; the error's own words could quote the text, so they stay
            rejected.append(
                (record.record_id, "redaction_failed", f"{type(error).__name__} while cleaning; report the record number")
            )
        else:
            messages.append(row)
            redactions += spans
    return Cleaned(rows(CleanMessage, messages), rows(Redaction, redactions), rejected)


def redact_rows(items: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """id, redacted title and text, and entities with offsets into the original, for rows with id, title and text."""
    for item in items:
        title, text = str(item.get("title") or ""), str(item.get("text") or "")
        found = find_entities(title, text)
        yield {
            "id": item["id"],
            "title": mask(title, [e for e in found if e.field == "title"])[0],
            "text": mask(text, [e for e in found if e.field == "text"])[0],
            "entities": [e._asdict() for e in found],
        }


def _clean(
    record: Stored, sources: Mapping[str, SourceDeclaration], latest: dt.datetime
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    source = sources.get(record.source)
    if source is None:
        raise _Unreadable("unknown_source", f"declare the source '{record.source}' again, or erase its records")
    fields = record.fields
    row = _facts(record, source, latest)
    if row["withdrawn"]:  # the source took the words back, so they are not kept here either
        return row | {"title": "", "body": "", "masked": 0}, []
    title, body, reply = (_plain(fields.get(name, "")) for name in ("title", "body", "reply"))
    title = title.replace("\n", " ")
    if not title and not body:
        raise _Unreadable("no_text", "the record has neither title nor body; check the field map of the source")
    known = _known(fields)
    found = find_entities(title, body, known)
    answered = find_entities("", reply, (*known, *_people(found, title, body))) if reply else []
    clean_title, title_spans = mask(title, [e for e in found if e.field == "title"])
    clean_body, body_spans = mask(body, [e for e in found if e.field == "text"])
    clean_reply, reply_spans = mask(reply, answered)
    spans = [
        {"message_id": record.message_id, "field": field, "type": e.type, "role": e.role, "start": e.start, "stop": e.end}
        for field, entities in (("title", title_spans), ("body", body_spans), ("reply", reply_spans))
        for e in entities
    ]
    words = {
        "title": clean_title or _HALF_MASK.sub("", clean_body.replace("\n", " ")[:TITLE_LENGTH]),
        "body": clean_body,
        "reply": clean_reply or None,
        "masked": len(spans),
    }
    return row | words, spans


def _facts(record: Stored, source: SourceDeclaration, latest: dt.datetime) -> dict[str, Any]:
    """Everything but the words: times, hints, how the matter was closed."""
    fields, values = record.fields, source.values
    posted_at = parse_moment(fields.get("posted_at", ""))
    if posted_at is None:
        raise _Unreadable(
            "bad_date", "the time of posting is missing or cannot be read; mend it in the export and take it in again"
        )
    if posted_at > latest:
        raise _Unreadable("future_date", "the time of posting lies in the future; mend it in the export and take it in again")
    replied_at = parse_moment(fields.get("replied_at", ""))
    # an answer dated before its question is a slip of the source: the message counts, its days to reply do not
    waited = (replied_at - posted_at).total_seconds() / 86400 if replied_at and replied_at >= posted_at else None
    rating = fields.get("satisfaction", "").strip()
    year, week, _ = posted_at.isocalendar()
    return {
        "message_id": record.message_id,
        "record_id": record.record_id,
        "source": source.slug,
        "channel": source.channel,
        "complainant_key": record.complainant_key,
        "posted_at": posted_at,
        "week": f"{year:04d}-W{week:02d}",
        "place": _hint(fields.get("place", "")) or source.place,
        "topic_hint": _hint(fields.get("topic", "")),
        "unit_hint": _hint(fields.get("unit", "")),
        "kind": _hint(fields.get("kind", "")),
        "reply_unit": _hint(fields.get("reply_unit", "")),
        "replied_at": replied_at,
        "reply_days": waited,
        "satisfied": True if rating in values.satisfied else False if rating in values.dissatisfied else None,
        "reopened": fields.get("reopened", "").strip() in values.reopened,
        "withdrawn": record.withdrawn or fields.get("withdrawn", "").strip() in values.withdrawn,
    }


def _plain(text: str) -> str:
    if len(text) > LONGEST:
        raise _Unreadable("too_long", f"a field holds more than {LONGEST} characters; split or shorten it in the export")
    return tidy(fold(text))


@lru_cache(maxsize=4096)
def _hint(text: str) -> str | None:
    """A short field of the source, folded and redacted like the text; hints repeat, hence the cache."""
    plain = _plain(text).replace("\n", " ")
    return mask(plain, [e for e in find_entities(plain, "") if e.field == "title"])[0] or None


def _known(fields: Mapping[str, str]) -> Known:
    """What the structured fields say of the writer, to be masked wherever it stands; a nickname is no name."""
    known = [("PHONE", "phone"), ("IDNUM", "id_number"), ("ADDRESS", "address")]
    pairs = [(kind, fold(fields[name]).strip()) for kind, name in known if fields.get(name)]
    author = fold(fields.get("author", "")).strip()
    if author and names.looks_real(author):
        pairs.append(("PERSON", author))
    return tuple((kind, string) for kind, string in pairs if len(string) >= (2 if kind == "PERSON" else 5))


def _people(found: Iterable[Entity], title: str, body: str) -> Known:
    """Names found in the message: an answer that greets the writer by name must not give it away."""
    people = (("PERSON", (title if e.field == "title" else body)[e.start : e.end]) for e in found if e.type == "PERSON")
    return tuple(dict.fromkeys(people))  # in order: a set's order would change from run to run
