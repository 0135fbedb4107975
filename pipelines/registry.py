"""Reads and checks a unit registry (名录): a CSV of dated units, and answers who is called what, where and when.

Columns: code,name,parent,kind,tier,aliases,place,exposure,valid_from,valid_to; aliases are separated by `|`.
"""

import csv
import datetime as dt
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

COLUMNS = ("code", "name", "parent", "kind", "tier", "aliases", "place", "exposure", "valid_from", "valid_to")
HEADS = frozenset({"government", "street", "community", "village"})
SINCE = dt.date(1949, 10, 1)  # of units whose file gives no first day
_LAST = dt.date.max


class RegistryError(ValueError):
    """A registry that cannot be used: names the file, the line and the mend."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit in one span of validity; `line` is where the file has it."""

    code: str
    name: str
    parent: str | None
    kind: str
    tier: int
    aliases: tuple[str, ...]
    place: str
    exposure: float | None
    valid_from: dt.date
    valid_to: dt.date | None
    line: int = 0

    def valid(self, day: dt.date) -> bool:
        """Whether the unit exists on `day` (both ends included)."""
        return self.valid_from <= day <= (self.valid_to or _LAST)

    def overlaps(self, other: "Unit") -> bool:
        """Whether the two spans of validity share a day."""
        return self.valid_from <= (other.valid_to or _LAST) and other.valid_from <= (self.valid_to or _LAST)

    def row(self) -> dict[str, Any]:
        """The unit as a row of the `unit` table."""
        return {name: getattr(self, name) for name in COLUMNS} | {"aliases": "|".join(self.aliases)}


def parse_row(row: Mapping[str, Any], line: int = 0) -> Unit:
    """One CSV row as a unit. Raises ValueError whose text says what is wrong and how to mend it."""
    text = {name: str("" if row.get(name) is None else row[name]).strip() for name in COLUMNS}
    for name in ("code", "name", "kind", "place"):
        if not text[name]:
            raise ValueError(f"{name} is empty; fill it in")
    if text["tier"] not in ("1", "2", "3"):
        raise ValueError(f"tier '{text['tier']}' is not 1, 2 or 3; write one of them")
    aliases = [alias.strip() for alias in text["aliases"].split("|")] if text["aliases"] else []
    if not all(aliases):
        raise ValueError("an alias is empty; take out the '|' too many")
    try:
        exposure = float(text["exposure"]) if text["exposure"] else None
    except ValueError:
        raise ValueError(f"exposure '{text['exposure']}' is no number; write digits or leave it empty") from None
    if exposure is not None and not 0 <= exposure < float("inf"):
        raise ValueError(f"exposure {text['exposure']} is not a number from 0 on; mend it or leave it empty")
    start, end = _day(text["valid_from"], "valid_from") or SINCE, _day(text["valid_to"], "valid_to")
    if end is not None and end < start:
        raise ValueError(f"valid_to {end} lies before valid_from {start}; swap or mend them")
    return Unit(
        text["code"], text["name"], text["parent"] or None, text["kind"], int(text["tier"]), tuple(dict.fromkeys(aliases)),
        text["place"], exposure, start, end, line,
    )  # fmt: skip


def _day(text: str, column: str) -> dt.date | None:
    if not text:
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{column} '{text}' is no date; write it like 2019-08-26") from None


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line, row) of a registry file. Raises RegistryError when it is no such CSV."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise RegistryError(f"{path}: cannot be read ({error.strerror}); name a CSV file") from None
    except UnicodeDecodeError:
        raise RegistryError(f"{path}: is not UTF-8; save it as CSV UTF-8") from None
    reader = csv.DictReader(text.splitlines(), strict=True)
    try:
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise RegistryError(f"{path}:1: column {', '.join(missing)} is missing; the header is {','.join(COLUMNS)}")
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise RegistryError(f"{path}:{reader.line_num}: {error}; mend the quotes of this line") from None


class Registry:
    """The units, indexed by what people call them.

    `lookup` keeps every dated candidate; `on` filters them by day. Places form a tree, read off the parents of units.
    """

    def __init__(self, units: Iterable[Unit]) -> None:
        self.units = tuple(units)
        self.by_code: dict[str, tuple[Unit, ...]] = _group((unit.code, unit) for unit in self.units)
        self.parent_place = self._places()
        self.place_names: dict[str, tuple[str, ...]] = _group(
            (name, place) for place in self.parent_place for name in (place, self.short_place(place)) if name
        )
        self.by_alias: dict[tuple[str, str], tuple[Unit, ...]] = _group(
            ((unit.place, alias), unit) for unit in self.units for alias in self.calls(unit)
        )
        self.by_call: dict[str, tuple[Unit, ...]] = _group((alias, unit) for unit in self.units for alias in self.calls(unit))
        self.by_name: dict[str, tuple[Unit, ...]] = _group((unit.name, unit) for unit in self.units)

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, Any]]) -> "Registry":
        """A registry of mappings that have the CSV's columns. Raises RegistryError."""
        units = []
        for line, row in enumerate(rows, start=1):
            try:
                units.append(parse_row(row, line))
            except ValueError as error:
                raise RegistryError(f"unit row {line}: {error}") from None
        return cls(units)

    @classmethod
    def read(cls, path: Path) -> "Registry":
        """The registry in a CSV file. Raises RegistryError at the first line that cannot be read."""
        units = []
        for line, row in read_rows(path):
            try:
                units.append(parse_row(row, line))
            except ValueError as error:
                raise RegistryError(f"{path}:{line}: {error}") from None
        return cls(units)

    @cached_property
    def digest(self) -> str:
        """A short hash of the content: whoever stored results under it knows when to do them again."""
        lines = sorted(repr(sorted(unit.row().items())) for unit in self.units)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]

    def rows(self) -> list[dict[str, Any]]:
        """Rows of the `unit` table."""
        return [unit.row() for unit in self.units]

    def calls(self, unit: Unit) -> tuple[str, ...]:
        """Every name of a unit without its place, longest official one first."""
        names = [unit.name]
        short = self.short_place(unit.place)
        names += [unit.name[len(place) :] for place in (unit.place, short) if place and unit.name.startswith(place)]
        return tuple(dict.fromkeys(name for name in (*names, *unit.aliases) if name))

    def head_of(self, place: str) -> tuple[Unit, ...]:
        """The organ that stands for a place: its government, street office, community or village committee."""
        return self._heads.get(place, ())

    def above(self, place: str) -> Iterator[str]:
        """`place` and the places it lies in, nearest first."""
        seen: set[str] = set()
        at: str | None = place
        while at is not None and at not in seen:
            seen.add(at)
            yield at
            at = self.parent_place.get(at)

    def short_place(self, place: str) -> str:
        """A place's own name: its key without that of the place it lies in (K8县城关镇 -> 城关镇)."""
        above = self.parent_place.get(place)
        return place[len(above) :] if above and place.startswith(above) and len(place) > len(above) + 1 else place

    @cached_property
    def _heads(self) -> dict[str, tuple[Unit, ...]]:
        return _group((unit.place, unit) for unit in self.units if unit.kind in HEADS)

    def _places(self) -> dict[str, str | None]:
        out: dict[str, str | None] = {unit.place: None for unit in self.units}
        for unit in self.units:
            for parent in self.by_code.get(unit.parent or "", ()):
                if parent.place != unit.place and (unit.kind in HEADS or out[unit.place] is None):
                    out[unit.place] = parent.place
        return out


def on(units: Iterable[Unit], day: dt.date) -> list[Unit]:
    """Those of `units` that are valid on `day`."""
    return [unit for unit in units if unit.valid(day)]


def _group(pairs: Iterable[tuple[Any, Any]]) -> dict[Any, tuple[Any, ...]]:
    out: defaultdict[Any, dict[Any, None]] = defaultdict(dict)
    for key, value in pairs:
        out[key][value] = None
    return {key: tuple(values) for key, values in out.items()}
