"""Finds the formulas of a sheet that have no cached value, as text; nothing is evaluated, no XML entity is expanded.

A spreadsheet program stores each formula's last result beside it, and that is what a reader takes. Where a program wrote the
formula alone, the cell would be read as empty; its text is what the file holds.
"""

import html
import re
import zipfile
from pathlib import Path
from posixpath import join, normpath

_PIECE, _LONGEST_CELL = 1 << 20, 32 << 20
_SHEET = re.compile(r"<(?:\w+:)?sheet\s[^>]*>")
_RELATION = re.compile(r"<(?:\w+:)?Relationship\s[^>]*>")
_CELL = re.compile(rb"<(?:\w+:)?c\s(?P<attributes>[^>]*[^/>])>(?P<inside>.*?)</(?:\w+:)?c>", re.DOTALL)
_PLACE = re.compile(rb"\br=[\"']([A-Z]{1,3})(\d{1,7})[\"']")
_FORMULA = re.compile(rb"<(?:\w+:)?f(?:\s[^>]*)?(?:/>|>(.*?)</(?:\w+:)?f>)", re.DOTALL)
_VALUE = re.compile(rb"<(?:\w+:)?(?:v|t)(?:\s[^>]*)?>[^<]")


def uncached_formulas(path: Path, sheet: str) -> dict[int, dict[int, str]]:
    """Row number (from 1) -> column index (from 0) -> the formula's text with its equals sign.

    Raises KeyError when the workbook does not say where the sheet lies, or a cell has no end.
    """
    found: dict[int, dict[int, str]] = {}
    with zipfile.ZipFile(path) as archive, archive.open(_part_of(archive, sheet)) as stream:
        rest = b""
        while piece := stream.read(_PIECE):
            rest += piece
            end = 0
            for cell in _CELL.finditer(rest):
                end = cell.end()
                formula, place = _FORMULA.search(cell["inside"]), _PLACE.search(cell["attributes"])
                if formula and place and not _VALUE.search(cell["inside"]):
                    text = html.unescape((formula[1] or b"").decode("utf-8", "replace"))
                    found.setdefault(int(place[2]), {})[column_number(place[1]) - 1] = "=" + text
            rest = rest[end:]
            if len(rest) > _LONGEST_CELL:
                raise KeyError("a cell without an end")
    return found


def column_number(letters: bytes) -> int:
    """A is 1, AA is 27."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _part_of(archive: zipfile.ZipFile, sheet: str) -> str:
    """The archive's part that holds a sheet, by way of the workbook's relations."""
    book = archive.read("xl/workbook.xml").decode("utf-8", "replace")
    relations = archive.read("xl/_rels/workbook.xml.rels").decode("utf-8", "replace")
    targets = {_attribute(tag, "Id"): _attribute(tag, "Target") for tag in _RELATION.findall(relations)}
    ids = {_attribute(tag, "name"): _attribute(tag, r"\w+:id") for tag in _SHEET.findall(book)}
    target = targets[ids[sheet]]
    return normpath(join("xl", target)) if not target.startswith("/") else target[1:]


def _attribute(tag: str, name: str) -> str:
    found = re.search(rf"\s{name}=(?:\"([^\"]*)\"|'([^']*)')", tag)
    return html.unescape(found[1] or found[2] or "") if found else ""
