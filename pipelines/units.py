"""Reads clean_message and the unit registry, writes attribution: mentions found first, then resolved, or said why not.

The place of a mention is its own, else inherited: from the title, the body, the source's unit, the source's place.
"""

import datetime as dt
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from pipelines.contracts import Attribution, arrow_schema
from pipelines.departments import words
from pipelines.mentions import Finder, Mention, Shape
from pipelines.normalise import fold
from pipelines.registry import SINCE, Registry, RegistryError, Unit, on
from pipelines.registry_check import check_registry
from pipelines.unit_generator import generate, write_registry

__all__ = [
    "Registry", "RegistryError", "Resolver", "attribute_batch", "check_registry", "generate", "targets_of", "write_registry",
]  # fmt: skip

Zones = tuple[tuple[str, ...], ...]
Row = tuple[str, str, str, int, int, str | None, str, float, bool, str]
_NOWHERE: Zones = ((), (), (), ())
CHUNK = 1000
_CACHE = 200_000
_SAME_LEVEL = {"镇": ("镇", "乡"), "乡": ("乡", "镇")}
_COMMITTEES = frozenset(
    {"村委会", "居委会", "村民委员会", "居民委员会", "村委", "村部", "村支部", "村党支部", "村支两委", "村两委"}
)
_LOCAL = frozenset("镇乡村") | {"街道", "社区"}


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a mention means: a unit or none, with the status and the reason."""

    unit: Unit | None
    status: str
    confidence: float
    why: str


UNKNOWN = Resolution(None, "unresolved", 0.0, "not_in_registry")
NO_PLACE = Resolution(None, "unresolved", 0.0, "no_place")
NOT_VALID = Resolution(None, "unresolved", 0.0, "not_valid_on_day")
CONTESTED = Resolution(None, "contested", 0.3, "several_units")


@dataclass(slots=True)
class _Message:
    """What one message says about units: mentions by field, places by zone."""

    mentions: list[tuple[str, Mention]] = field(default_factory=list)
    zones: dict[str, list[str]] = field(default_factory=dict)


class Resolver:
    """Finds and resolves mentions against one registry. Keep it for many batches: it remembers what it has met."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.finder = Finder(_own_names(registry), registry.place_names)
        dated = {unit.valid_from for unit in registry.units}
        dated |= {unit.valid_to + dt.timedelta(days=1) for unit in registry.units if unit.valid_to}
        self._changes = sorted(dated - {SINCE})
        self._stems = {n[:-1]: n for n in registry.place_names if len(n) > 2 and n[-1] in "省市区县"}
        self._places: dict[tuple[str, ...], tuple[tuple[str, ...], bool]] = {}
        self._memory: dict[tuple[Shape, Zones, int], Resolution] = {}

    def resolve(self, shape: Shape, zones: Zones, day: dt.date) -> Resolution:
        """The unit that `shape` means in a message whose places are `zones`, best zone first, on `day`.

        Days between two changes of the registry resolve alike.
        """
        key = (shape, zones, bisect_right(self._changes, day))
        found = self._memory.get(key)
        if found is None:
            if len(self._memory) > _CACHE:
                self._memory.clear()
            found = self._memory[key] = self._resolve(shape, zones, day)
        return found

    def place_keys(self, names: tuple[str, ...]) -> tuple[tuple[str, ...], bool]:
        """The registry's places that a chain of names can mean, and whether the innermost name is among them."""
        found = self._places.get(names)
        if found is None:
            if len(self._places) > _CACHE:
                self._places.clear()
            found = self._places[names] = self._place_keys(names)
        return found

    def _place_keys(self, names: tuple[str, ...]) -> tuple[tuple[str, ...], bool]:
        keys: tuple[str, ...] = ()
        inner = True
        for name in names:
            here = self.registry.place_names.get(name) or self.registry.place_names.get(self._stems.get(name, ""), ())
            if keys and here:
                here = tuple(h for h in here if any(k in self.registry.above(h) for k in keys)) or here
            inner = bool(here)
            keys = here or keys
        return keys, inner

    def _resolve(self, shape: Shape, zones: Zones, day: dt.date) -> Resolution:
        for full in (f"{''.join(shape.places)}{shape.name}{shape.head}", f"{shape.name}{shape.head}"):
            if len(full) > len(shape.head) and (units := on(self.registry.by_name.get(full, ()), day)):
                return _one(units, "named", 0.97, "full_name")
        calls = self._calls(shape)
        keys, inner = self.place_keys(shape.places)
        if shape.places and not keys:
            return self._within(shape, zones, calls, day)
        if keys:
            return self._at_place(shape, keys, inner, calls, zones, day)
        if shape.name:
            units = on(self.registry.by_call.get(shape.name + shape.head, ()), day)
            return _one(units, "named", 0.9, "full_name") if len(units) == 1 else self._free(shape, zones, day)
        return self._inherit(calls, shape.level, zones, day)

    def _calls(self, shape: Shape) -> tuple[str, ...]:
        """What the registry may call it: with its free name, as written, by its role's organ, by the superior organ."""
        alias = words().roles.get(shape.head, "")
        listed = (shape.name + shape.head, shape.over + shape.head, shape.head, alias, shape.over)
        return tuple(dict.fromkeys(call for call in listed if call))

    def _units_at(self, place: str, calls: Sequence[str], day: dt.date) -> tuple[list[Unit], str]:
        for call in calls:
            if units := on(self.registry.by_alias.get((place, call), ()), day):
                return units, call
        return [], ""

    def _at_place(
        self, shape: Shape, keys: Sequence[str], inner: bool, calls: Sequence[str], zones: Zones, day: dt.date
    ) -> Resolution:
        """The mention names its place."""
        if len(keys) > 1:
            near = {place for zone in zones for at in zone for place in self.registry.above(at)}
            keys = [key for key in keys if any(at in near for at in list(self.registry.above(key))[1:])] or keys
            if len(keys) > 1:
                return CONTESTED
        key = keys[0]
        if not shape.head and not shape.over:
            heads = on(self.registry.head_of(key), day)
            if not inner and not (_local(key) and _local(shape.places[-1])):
                return UNKNOWN
            if inner and _local(key):
                return _one(heads, "named", 0.9, "place")
            return _one(heads, "inferred", 0.5, "place" if inner else "parent_of")  # A6区相关部门 need not be its government
        if not inner or shape.name:
            return self._stand_in(shape, key, inner, calls, day)
        for step, place in enumerate(self.registry.above(key)):
            units, call = self._units_at(place, calls, day)
            if units and call == shape.over and call != shape.head:
                return _one(units, "inferred", 0.6, "parent_of")
            if units:
                return _one(units, "inferred", 0.65, "alias+ancestor") if step else _one(units, "named", 0.95, "alias+place")
            if step == 1:
                break
        return NOT_VALID if any((key, call) in self.registry.by_alias for call in calls) else UNKNOWN

    def _stand_in(self, shape: Shape, key: str, inner: bool, calls: Sequence[str], day: dt.date) -> Resolution:
        """The registry does not go down to the unit itself: its own name there, else the town of a committee stands in."""
        if units := self._units_at(key, calls[:1], day)[0] if shape.name else []:
            return _one(units, "named", 0.9, "alias+place")
        if not inner and not _local(shape.places[-1]):
            return UNKNOWN
        committee = words().roles.get(shape.head, shape.head) in _COMMITTEES
        if not inner and not shape.name and not committee and (units := self._units_at(key, calls, day)[0]):
            return _one(units, "inferred", 0.6, "parent_of")
        heads = on(self.registry.head_of(key), day) if _local(key) and committee else []
        return _one(heads, "inferred", 0.5, "parent_of")

    def _within(self, shape: Shape, zones: Zones, calls: Sequence[str], day: dt.date) -> Resolution:
        """Every place of the mention is unknown: only a unit's own full name can help."""
        units = on(self.registry.by_call.get("".join(shape.places) + shape.name + shape.head, ()), day)
        return _one(units, "named", 0.9, "full_name") if len(units) == 1 else UNKNOWN

    def _free(self, shape: Shape, zones: Zones, day: dt.date) -> Resolution:
        """A school or station by a free name: known under the message's place, or its town stands in for it."""
        found = self._inherit((shape.name + shape.head,), "", zones, day)
        return found if found.unit else UNKNOWN

    def _inherit(self, calls: Sequence[str], level: str, zones: Zones, day: dt.date) -> Resolution:
        """The mention names no place: the places of the message do, zone by zone."""
        for rank, zone in enumerate(zones):
            found: dict[str, list[Unit]] = {}
            for key in zone:
                for place in self.registry.above(key):
                    if level and not self.registry.short_place(place).endswith(_SAME_LEVEL.get(level, level)):
                        continue
                    if units := self._units_at(place, calls, day)[0]:
                        found[place] = units
                        break
            above = {place for key in found for place in list(self.registry.above(key))[1:]}
            best = [units for place, units in found.items() if place not in above]
            if len(best) > 1:
                return CONTESTED
            if best:
                return _one(best[0], "inferred", (0.8, 0.7, 0.7, 0.65)[min(rank, 3)], "alias+inherited_place")
        for call in calls:
            units = on(self.registry.by_call.get(call, ()), day)
            if len({unit.code for unit in units}) == 1:
                return Resolution(units[0], "inferred", 0.6, "only_one")
            if units:
                return NO_PLACE
        return UNKNOWN


def _own_names(registry: Registry) -> set[str]:
    """What units are called without a place in front: the finder reads places by itself."""
    return {
        call
        for unit in registry.units
        for call in registry.calls(unit)
        if not call.startswith((unit.place, registry.short_place(unit.place)))
    }


def _local(place: str) -> bool:
    return place[-1] in _LOCAL or place[-2:] in _LOCAL


def _one(units: Sequence[Unit], status: str, confidence: float, why: str) -> Resolution:
    if len({unit.code for unit in units}) > 1:
        return CONTESTED
    return Resolution(units[0], status, confidence, why) if units else UNKNOWN


def read_messages(resolver: Resolver, messages: Sequence[dict[str, Any]]) -> list[_Message]:
    """Finds in many messages at once: title, body, and what the source says of unit and place."""
    fields = ("title", "body", "unit_hint", "place")
    out = [_Message() for _ in messages]
    for mention in resolver.finder.find([message.get(name) or "" for message in messages for name in fields]):
        at, name = out[mention.doc // 4], fields[mention.doc % 4]
        if mention.shape.places:
            keys = resolver.place_keys(mention.shape.places)[0]
            at.zones.setdefault(name, []).extend(keys if len(keys) == 1 or name == "place" else ())
        if mention.mention and name != "place":
            at.mentions.append((name, mention))
    for message, at in zip(messages, out, strict=True):
        if (place := message.get("place")) and not at.zones.get("place"):
            at.zones["place"] = list(resolver.place_keys((place,))[0])
        at.mentions.reverse()
    return out


def _zones(found: _Message) -> Zones:
    if not found.zones or not found.mentions:
        return _NOWHERE
    get = found.zones.get
    title, body, hint, place = get("title"), get("body"), get("unit_hint"), get("place")
    return (
        tuple(sorted(set(title))) if title else (),
        tuple(sorted(set(body))) if body else (),
        tuple(sorted(set(hint))) if hint else (),
        tuple(sorted(set(place))) if place else (),
    )


def attribute(resolver: Resolver, messages: Sequence[dict[str, Any]]) -> list[Row]:
    """Attribution rows of messages that have the columns of clean_message, as tuples in the order of the contract's columns."""
    out: list[Row] = []
    for message, found in zip(messages, read_messages(resolver, messages), strict=True):
        if not found.mentions:
            continue
        zones, day, message_id = _zones(found), message["posted_at"].date(), message["message_id"]
        hint: Mention | None = None
        own = False
        for name, mention in found.mentions:
            if name == "unit_hint":
                hint = hint or mention
                continue
            own = True
            meant = resolver.resolve(mention.shape, zones, day)
            start, end = mention.start, mention.end
            code = meant.unit.code if meant.unit else None
            out.append((
                message_id, message[name][start:end], name, start, end, code, meant.status, meant.confidence, mention.blamed,
                meant.why,
            ))  # fmt: skip
        if hint and not own and (meant := resolver.resolve(hint.shape, zones, day)).unit:
            confidence = min(meant.confidence, 0.7)
            out.append((message_id, "", "source", 0, 0, meant.unit.code, "inferred", confidence, False, "unit_hint"))
    return out


def _table(found: Sequence[Row]) -> pa.Table:
    schema = arrow_schema(Attribution)
    columns = list(zip(*found, strict=True)) or [()] * len(schema)
    return pa.table([pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema=schema)


def attribute_batch(messages: pa.Table, registry: Registry | Resolver) -> pa.Table:
    """Attribution rows for `messages` (columns of clean_message).

    Pass one Resolver for many batches; a Registry works too and is prepared anew each time.
    """
    resolver = registry if isinstance(registry, Resolver) else Resolver(registry)
    columns = messages.select(["message_id", "title", "body", "place", "unit_hint", "posted_at"])
    parts = [_table(attribute(resolver, batch.to_pylist())) for batch in columns.to_batches(max_chunksize=CHUNK)]
    return pa.concat_tables(parts) if parts else _table([])


def targets_of(
    title: str, text: str, place: str | None, registry: Registry | Resolver, day: dt.date | None = None
) -> list[dict[str, Any]]:
    """Mentions of one message for `classify`: mention, field (title or text), start, end, unit, status, confidence."""
    resolver = registry if isinstance(registry, Resolver) else Resolver(registry)
    return targets_of_many([{"title": title, "body": text, "place": place, "posted_at": day}], resolver)[0]


def targets_of_many(messages: Iterable[dict[str, Any]], resolver: Resolver) -> list[list[dict[str, Any]]]:
    """`targets_of` for many messages: title, body and, where known, place and posted_at (a date)."""
    originals = list(messages)
    messages = [message | {name: fold(message.get(name) or "") for name in ("title", "body", "place")} for message in originals]
    out = []
    for original, message, found in zip(originals, messages, read_messages(resolver, messages), strict=True):
        zones, day = _zones(found), message.get("posted_at") or dt.date.today()  # noqa: DTZ011 - an undated message is of today
        targets = []
        for name, mention in found.mentions:
            meant = resolver.resolve(mention.shape, zones, day)
            targets.append({
                "mention": original[name][mention.start : mention.end], "field": "text" if name == "body" else name,
                "start": mention.start, "end": mention.end, "unit_code": meant.unit.code if meant.unit else None,
                "unit_name": meant.unit.name if meant.unit else None, "status": meant.status,
                "confidence": meant.confidence, "blamed": mention.blamed, "why": meant.why,
            })  # fmt: skip
        out.append(targets)
    return out
