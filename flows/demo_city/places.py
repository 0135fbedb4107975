"""Reads `city.toml`: the 119 units of 临江市 as rows of a unit registry, and what people call them."""

import csv
import random
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

COLUMNS = ("code", "name", "parent", "kind", "tier", "aliases", "place", "exposure", "valid_from", "valid_to")


@dataclass(frozen=True, slots=True)
class CityUnit:
    """One unit: its registry row, the key by which matters name it, and how people say its name."""

    code: str
    key: str
    name: str
    parent: str
    kind: str
    tier: int
    aliases: tuple[str, ...]
    place: str
    district: str
    exposure: int
    spoken: tuple[str, ...]

    def row(self) -> dict[str, str]:
        """The unit as a line of `units.csv`."""
        return {
            "code": self.code,
            "name": self.name,
            "parent": self.parent,
            "kind": self.kind,
            "tier": str(self.tier),
            "aliases": "|".join(self.aliases),
            "place": self.place,
            "exposure": str(self.exposure),
            "valid_from": "2019-01-01",
            "valid_to": "",
        }


@cache
def table() -> dict[str, Any]:
    """The whole of city.toml."""
    return tomllib.loads((files("flows.demo_city") / "city.toml").read_text(encoding="utf-8"))


@cache
def units() -> tuple[CityUnit, ...]:
    """All units, superiors first."""
    city, root = table()["name"], f"{table()['code']}-GOV"
    out = [_organ(f"{table()['code']}-{key}", key, row, 1, city, "", root) for key, row in table()["departments"].items()]
    for district in table()["district"]:
        head = f"{district['code']}-GOV"
        for key, row in table()["bureaus"].items():
            out.append(_organ(f"{district['code']}-{key}", key, row, 2, city, district["name"], root if key == "GOV" else head))
        for number, name in enumerate(district["streets"], start=1):
            out.append(
                _grass_roots(f"{district['code']}-JD{number}", "JD", name, "办事处", "street", city, district["name"], head)
            )
        for number, name in enumerate(district["towns"], start=1):
            out.append(
                _grass_roots(f"{district['code']}-XZ{number}", "XZ", name, "人民政府", "government", city, district["name"], head)
            )
    for key, row in table()["services"].items():
        out.append(_organ(f"{table()['code']}-{key}", key.rstrip("123456789"), row, 3, city, "", root))
    for district in table()["district"]:
        for key, row in table()["halls"].items():
            code = f"{district['code']}-{key}"
            out.append(_organ(code, key, row, 3, city, district["name"], f"{district['code']}-GOV"))
    return tuple(out)


def _organ(code: str, key: str, row: list[Any], tier: int, city: str, district: str, parent: str) -> CityUnit:
    name, kind, exposure, *called = row
    level = "区" if district else "市"
    place = f"{city}{district}"
    joined = [f"{level}{alias.removeprefix('委')}" if not alias.startswith("委") else f"{level}{alias}" for alias in called]
    aliases = tuple(dict.fromkeys(a for a in (*(c for c in called if not c.startswith("委")), *joined) if a != name))
    near, own = district or city, called[0]
    spoken = (f"{near}{own}", f"{level}{own}", f"{level}{called[-1]}" if called[-1] != own else f"{near}{own}", f"{near}{name}")
    return CityUnit(
        code, key, f"{place}{name}", "" if code == parent else parent, kind, tier, aliases, place, district, exposure, spoken
    )


def _grass_roots(code: str, key: str, own: str, office: str, kind: str, city: str, district: str, parent: str) -> CityUnit:
    place = f"{city}{district}{own}"
    short = "街道办" if key == "JD" else "镇政府"
    called = (f"{own[:-2]}街道办", own, f"{own}办事处") if key == "JD" else (f"{own}政府", f"{own}人民政府", own)
    aliases = (*called, short, "街道办事处") if key == "JD" else (*called, short)
    exposure = 50 + 9 * (sum(map(ord, own)) % 7)
    return CityUnit(
        code,
        key,
        f"{place}{office}",
        parent,
        kind,
        2,
        tuple(dict.fromkeys(aliases)),
        place,
        district,
        exposure,
        (called[0], called[0], called[1], f"{district}{own}{office}"),
    )


@cache
def temper(seed: int) -> dict[str, float]:
    """How much more or less than its size each unit is complained of."""
    chance = random.Random(f"{seed}-temper")  # noqa: S311 - a story, no secret
    return {unit.code: chance.lognormvariate(0, 0.4) for unit in units()}


def write_registry(path: Path) -> None:
    """Writes `units.csv`."""
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(unit.row() for unit in units())
