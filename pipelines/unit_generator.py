"""Reads places (CSV: place,parent,level) and writes a unit registry: every place with its standard set of departments."""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipelines.departments import LEVELS, Department, departments
from pipelines.registry import COLUMNS, RegistryError

# What the words of other lists mean here.
_LEVEL_WORDS = {
    "省": "province", "市": "city", "县": "county", "县级市": "county", "区": "district", "开发区": "zone", "镇": "town",
    "乡": "township", "街道": "street", "社区": "community", "村": "village", "county_city": "county",
}  # fmt: skip


def generate(places: Path) -> list[dict[str, Any]]:
    """Registry rows for the places in a CSV. Codes depend on names only, so that a longer list keeps the old codes.

    Raises RegistryError that names the line and the mend.
    """
    rows = list(_read(places))
    twice = {name for name, count in Counter(row["place"] for row in rows).items() if count > 1}
    keys = {(row["place"], row["parent"]): _key(row, twice) for row in rows}
    if len(set(keys.values())) < len(rows):
        raise RegistryError(f"{places}: a place stands twice under the same parent; take one out")
    levels = {keys[row["place"], row["parent"]]: row["level"] for row in rows}
    named: dict[str, dict[str, None]] = {}
    for (place, _), key in keys.items():
        named.setdefault(place, {})[key] = None
        named.setdefault(key, {})[key] = None
    out: list[dict[str, Any]] = []
    for row in rows:
        parents = list(named.get(row["parent"], ()))
        if row["parent"] and len(parents) != 1:
            what = "is not in the list; add it" if not parents else f"is ambiguous; write one of {', '.join(parents)}"
            raise RegistryError(f"{places}:{row['line']}: parent {row['parent']} {what}")
        above = _head_code(parents[0], levels[parents[0]]) if parents else ""
        out += _units(keys[row["place"], row["parent"]], row["place"], row["level"], above)
    codes = {row["code"] for row in out}
    return [row | {"parent": row["parent"] if row["parent"] in codes else ""} for row in out]


def write_registry(rows: list[dict[str, Any]], path: Path) -> None:
    """Writes registry rows as CSV with a BOM, so that spreadsheets show the Chinese."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def _read(path: Path) -> Iterator[dict[str, Any]]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        raise RegistryError(f"{path}: cannot be read as UTF-8; give a CSV with the header place,parent,level") from None
    reader = csv.DictReader(lines)
    if missing := {"place", "parent", "level"} - set(reader.fieldnames or ()):
        raise RegistryError(f"{path}:1: column {', '.join(sorted(missing))} is missing; the header is place,parent,level")
    for row in reader:
        cells = {name: (row[name] or "").strip() for name in ("place", "parent", "level")}
        cells["level"] = _LEVEL_WORDS.get(cells["level"], cells["level"])
        if not cells["place"]:
            raise RegistryError(f"{path}:{reader.line_num}: place is empty; fill it in")
        if cells["level"] not in LEVELS:
            raise RegistryError(f"{path}:{reader.line_num}: level '{cells['level']}' is unknown; use one of {' '.join(LEVELS)}")
        yield cells | {"line": reader.line_num}


def _key(row: Mapping[str, Any], twice: set[str]) -> str:
    return f"{row['parent']}{row['place']}" if row["place"] in twice else str(row["place"])


def _head_code(key: str, level: str) -> str:
    return next((f"{key}-{d.slug}" for d in departments() if d.head and level in d.levels), "")


def _units(key: str, name: str, level: str, above: str) -> Iterator[dict[str, Any]]:
    head = _head_code(key, level)
    here = [d for d in departments() if level in d.levels]
    taken: set[str] = set()
    for department in here:
        code = f"{key}-{department.slug}"
        own = next((f"{key}-{d.slug}" for d in here if d.slug == department.under), head)
        yield {
            "code": code, "name": name + _official(department, name, level), "parent": above if code == head else own,
            "kind": department.kind, "tier": str(department.tier), "aliases": "|".join(_free(department, level, taken)),
            "place": key, "exposure": "", "valid_from": "", "valid_to": "",
        }  # fmt: skip


def _official(department: Department, place: str, level: str) -> str:
    """The name after the place, without doubling (X村 + 村民委员会, 经开区 + 管理委员会)."""
    official = department.name_at(level)
    return official[1:] if department.head and place[-1] == official[0] else official


def _free(department: Department, level: str, taken: set[str]) -> Iterator[str]:
    """Aliases that no earlier department of the place has: the table's order says whose they are."""
    for alias in (department.name_at(level), *department.aliases_at(level)):
        if alias not in taken:
            taken.add(alias)
            yield alias
