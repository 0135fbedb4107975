"""Reads a unit registry file and gives every problem in it, each as one line: file:line, what is wrong, how to mend it."""

from collections import defaultdict
from itertools import combinations
from pathlib import Path

from pipelines.registry import Registry, RegistryError, Unit, parse_row, read_rows


def check_registry(path: Path) -> list[str]:
    """All problems of the registry at `path`, in the order of lines; an empty list means that it can be used."""
    found: list[tuple[int, str]] = []
    units: list[Unit] = []
    try:
        for line, row in read_rows(path):
            if None in row or None in row.values():
                found.append((line, "has more or fewer cells than the header; put quotes round cells with commas"))
                continue
            try:
                units.append(parse_row(row, line))
            except ValueError as error:
                found.append((line, str(error)))
    except RegistryError as error:
        return [str(error)]
    if not units and not found:
        return [f"{path}:1: has no unit; add one a line, or make them with `weathervane units generate`"]
    for check in (_codes, _parents, _cycles, _aliases):
        found += check(units)
    return [f"{path}:{line}: {problem}" for line, problem in sorted(set(found))]


def _codes(units: list[Unit]) -> list[tuple[int, str]]:
    """Twice the same code is right only for spans of validity that follow each other (a renaming)."""
    out = []
    by_code: defaultdict[str, list[Unit]] = defaultdict(list)
    for unit in units:
        by_code[unit.code].append(unit)
    for code, same in by_code.items():
        for one, other in combinations(sorted(same, key=lambda u: u.line), 2):
            if one.overlaps(other):
                what = "duplicate code" if one.valid_from == other.valid_from else "overlapping validity of code"
                out.append((other.line, f"{what} {code} (also line {one.line}); give it its own code or separate dates"))
    return out


def _parents(units: list[Unit]) -> list[tuple[int, str]]:
    known = {unit.code for unit in units}
    return [
        (unit.line, f"unknown parent {unit.parent}; add that unit or leave the parent empty")
        for unit in units
        if unit.parent and unit.parent not in known
    ]


def _cycles(units: list[Unit]) -> list[tuple[int, str]]:
    parents: defaultdict[str, set[str]] = defaultdict(set)
    for unit in units:
        parents[unit.code].update({unit.parent} if unit.parent else ())
    out = []
    for unit in units:
        seen: set[str] = set()
        waiting = set(parents[unit.code])
        while waiting and unit.code not in seen:
            code = waiting.pop()
            if code not in seen:
                seen.add(code)
                waiting |= parents.get(code, set())
        if unit.code in seen:
            out.append((unit.line, f"{unit.code} is its own superior by a cycle of parents; mend one parent of the cycle"))
    return out


def _aliases(units: list[Unit]) -> list[tuple[int, str]]:
    registry = Registry(units)
    out = []
    for (place, alias), same in registry.by_alias.items():
        for one, other in combinations(sorted(same, key=lambda u: u.line), 2):
            if one.code != other.code and one.overlaps(other):
                out.append((
                    other.line,
                    f"alias {alias} in {place} also names {one.code} (line {one.line}); take it away from one of them",
                ))  # fmt: skip
    return out
