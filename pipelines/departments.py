"""Reads the standard set of departments and the words for public units (data/departments.toml, data/mentions.toml)."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

DATA = Path(__file__).parent / "data"
LEVELS = ("province", "city", "county", "district", "zone", "town", "township", "street", "community", "village")


@dataclass(frozen=True, slots=True)
class Department:
    """One department of the standard set; `names` and `more` hold what a level says otherwise or besides."""

    slug: str
    name: str
    kind: str
    tier: int
    levels: tuple[str, ...]
    aliases: tuple[str, ...]
    names: Mapping[str, str]
    more: Mapping[str, tuple[str, ...]]
    under: str
    head: bool

    def name_at(self, level: str) -> str:
        """The official name after the place, at `level`."""
        return self.names.get(level, self.name)

    def aliases_at(self, level: str) -> tuple[str, ...]:
        """What people call it at `level`, without the place and without the official name."""
        return tuple(dict.fromkeys(a for a in (*self.aliases, *self.more.get(level, ())) if a != self.name_at(level)))


@dataclass(frozen=True, slots=True)
class Words:
    """The words for public units in running text beside the departments' own."""

    organs: tuple[str, ...]
    named: tuple[str, ...]
    weak: frozenset[str]
    roles: Mapping[str, str]
    inside: tuple[str, ...]
    before: tuple[str, ...]
    after: tuple[str, ...]
    region_after: tuple[str, ...]
    subject: tuple[str, ...]
    private: tuple[str, ...]
    never: tuple[str, ...]
    stop: str
    front: tuple[str, ...]
    cues: tuple[str, ...]
    asking: tuple[str, ...]


@cache
def departments() -> tuple[Department, ...]:
    """The standard set, in the order of the file."""
    with (DATA / "departments.toml").open("rb") as file:
        items = tomllib.load(file)["department"]
    return tuple(
        Department(
            slug=item["slug"], name=item["name"], kind=item["kind"], tier=item["tier"], levels=tuple(item["levels"]),
            aliases=tuple(item["aliases"]), names=item.get("names", {}),
            under=item.get("under", ""), head=item.get("head", False),
            more={level: tuple(words) for level, words in item.get("more", {}).items()},
        )
        for item in items
    )  # fmt: skip


@cache
def words() -> Words:
    """The vocabulary of mentions."""
    with (DATA / "mentions.toml").open("rb") as file:
        data = tomllib.load(file)
    split = {
        key: tuple(dict.fromkeys(data["actors"][key].split()))
        for key in ("inside", "before", "after", "region_after", "subject", "private")
    }
    return Words(
        organs=tuple(dict.fromkeys(data["organs"].split())),
        named=tuple(dict.fromkeys(data["named"].split())),
        weak=frozenset(data["weak"].split()),
        roles={word: alias for alias, listed in data["roles"].items() for word in listed.split()},
        never=tuple(dict.fromkeys(data["not"]["words"].split())),
        stop=data["names"]["stop"],
        front=tuple(dict.fromkeys(data["names"]["front"].split())),
        cues=tuple(dict.fromkeys(data["blame"]["cues"].split())),
        asking=tuple(dict.fromkeys(data["blame"]["asking"].split())),
        **split,
    )
