"""Finds the heading row of an export and which column holds which field, by the names that a source declares; pure."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

Columns = Mapping[str, tuple[str, ...]]  # field -> the names that stand for it, best first

SEARCHED_ROWS = 20


class NoHeadingError(LookupError):
    """No row is a usable heading: says what is missing in words of the declaration, never with a cell of the file."""


@dataclass(frozen=True, slots=True)
class Heading:
    """The heading row: its index among the rows searched, where each field stands, and its cells, folded."""

    index: int
    positions: dict[str, int]
    names: tuple[str, ...]

    @property
    def width(self) -> int:
        """How many columns the table has."""
        return len(self.names)

    def trimmed(self) -> "Heading":
        """Without the unnamed columns at the end, which delimiters at the end of each line make."""
        last = max(at for at, name in enumerate(self.names) if name)
        return replace(self, names=self.names[: last + 1])


def fold_name(name: str) -> str:
    """A column name as it is compared: width, case, spaces, and the marks of mandatory columns do not matter."""
    return "".join(unicodedata.normalize("NFKC", name).split()).strip("*:").casefold()


def known_names(columns: Columns) -> frozenset[str]:
    """Every declared name, folded."""
    return frozenset(fold_name(name) for names in columns.values() for name in names)


def find_heading(rows: Sequence[Sequence[str]], columns: Columns) -> Heading:
    """The row among the first that matches most declared names (titles and blank rows may stand before it).

    Raises NoHeadingError where none does, or where the best one lacks what every message needs.
    """
    known = known_names(columns)
    folded = [tuple(fold_name(cell) for cell in row) for row in rows[:SEARCHED_ROWS]]
    matches = [len(known.intersection(row)) for row in folded]
    most = max(matches, default=0)
    if not most:
        raise NoHeadingError(
            f"no heading found in the first {SEARCHED_ROWS} rows (expected such as {_some(columns)}); "
            "put the heading back, or add its names to export.columns"
        )
    index = matches.index(most)
    positions = {field: at for field, names in columns.items() if (at := _first(folded[index], names)) is not None}
    require(positions, columns)
    return Heading(index, positions, folded[index])


def require(found: Iterable[str], columns: Columns) -> None:
    """Raises NoHeadingError unless `found` holds the time and a text, without which no message can be counted."""
    present = set(found)
    for needed in (("posted_at",), ("title", "body")):
        if not present.intersection(needed):
            declared = [name for field in needed for name in columns.get(field, ())]
            what = " or ".join(needed)
            if not declared:
                raise NoHeadingError(f"the declaration names no column for {what}; add it to export.columns")
            raise NoHeadingError(
                f"no column for {what} (declared: {', '.join(declared)}); mend the heading, or add its name to export.columns"
            )


def best_delimiter(lines: Sequence[str], columns: Columns) -> str:
    """The delimiter under which one of the first lines matches most declared names; a comma where none does."""
    known = known_names(columns)

    def matched(delimiter: str) -> int:
        return max(
            (len(known.intersection(fold_name(cell.strip().strip('"')) for cell in line.split(delimiter))) for line in lines),
            default=0,
        )

    return max(",\t;|", key=matched)


def _first(row: Sequence[str], names: tuple[str, ...]) -> int | None:
    return next((row.index(folded) for name in names if (folded := fold_name(name)) in row), None)


def _some(columns: Columns) -> str:
    return ", ".join(names[0] for names in list(columns.values())[:4] if names)
