"""Makes a cell inert before it is written to a sheet: reads a value, gives one that no spreadsheet program runs."""

from typing import Any

FORMULA = frozenset("=+-@＝＋－＠\t\r")  # a cell that starts with one of these may be run


def inert(cell: Any) -> Any:
    """A text that may be run (wide signs, leading spaces counted) gets an apostrophe; control characters go."""
    if not isinstance(cell, str):
        return cell
    cell = "".join(c for c in cell if c in "\t\n\r" or ord(c) >= 32)
    return "'" + cell if cell.lstrip(" \n\u3000\ufeff")[:1] in FORMULA else cell


def live(cell: str) -> str:
    """What `inert` was given, for a sheet that comes back."""
    return cell[1:] if cell[:1] == "'" and inert(cell[1:]) == cell else cell
