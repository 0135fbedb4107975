"""Reads `words/*.txt`: what citizens say, in pieces with slots `{…}` and choices `[…|…]`, all written for this."""

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

_CHOICE = re.compile(r"\[([^\[\]|]*(?:\|[^\[\]]*)+)\]")
_SLOT = re.compile(r"\{(\w+)\}")
_CODE_LINE = re.compile(r"([a-z_]+): (.+)")


@dataclass(frozen=True, slots=True)
class Matter:
    """One matter that people write about: who answers for it, and the pieces that tell it."""

    slug: str
    topic: str
    units: tuple[str, ...]
    phrase: str
    titles: tuple[str, ...]
    situations: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    private: list[str] = field(default_factory=list)
    conduct: dict[str, list[str]] = field(default_factory=dict)


def _lines(name: str) -> list[str]:
    text = (files("flows.demo_city") / "words" / f"{name}.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@cache
def matters() -> tuple[Matter, ...]:
    """Every matter, in the order of the files."""
    out: list[Matter] = []
    for line in [*_lines("matters_town"), *_lines("matters_life")]:
        if line.startswith("== "):
            slug, topic, units, phrase, titles = (cell.strip() for cell in line[3:].split(" | "))
            out.append(Matter(slug, topic, tuple(units.split()), phrase, tuple(titles.split(" / "))))
            continue
        matter = out[-1]
        if told := _CODE_LINE.fullmatch(line):
            matter.conduct.setdefault(told[1], []).append(told[2])
        else:
            {"s": matter.situations, "r": matter.requests, "q": matter.questions, "p": matter.private}[line[0]].append(line[2:])
    return tuple(out)


@cache
def groups(name: str) -> Mapping[str, list[str]]:
    """The groups of `words/<name>.txt` by their headers."""
    out: dict[str, list[str]] = {}
    for line in _lines(name):
        if line.startswith("== "):
            out[key := line[3:].strip()] = []
        else:
            out[key].append(line)
    return out


@cache
def tables() -> Mapping[str, tuple[str, ...]]:
    """The lists of `words/names.txt`: of characters for names, of words separated by `|`."""
    out = {}
    for line in _lines("names"):
        key, _, value = line.partition(": ")
        out[key] = tuple(value.split("|")) if "|" in value else tuple(value)
    return out


@cache
def surge_letters() -> tuple[tuple[str, str], ...]:
    """(title, body) of the letters about the one injected surge."""
    return tuple((title, body) for title, body in (line.split(" || ") for line in _lines("surge")))


def pieces() -> int:
    """How many written pieces there are."""
    told = sum(
        len(m.situations) + len(m.requests) + len(m.questions) + len(m.private) + sum(map(len, m.conduct.values()))
        for m in matters()
    )
    return (
        told
        + len(surge_letters())
        + sum(len(g) for n in ("frames", "codes", "inspection", "replies") for g in groups(n).values())
    )


def expand(piece: str, chance: random.Random, slot: Callable[[str], str]) -> str:
    """A piece with one of each choice taken and every slot filled by `slot`."""
    while "[" in piece:
        chosen = _CHOICE.sub(lambda found: chance.choice(found[1].split("|")), piece)
        if chosen == piece:
            break
        piece = chosen
    return _SLOT.sub(lambda found: slot(found[1]), piece)
