"""Reads .xlsx files: bytes in, `Line`s out. A formula is never run: its cached value is read, or else its text.

A workbook is a zip of XML that may unpack to anything, so it is weighed before it is opened.
"""

import copy
import datetime as dt
import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path
from typing import Any

import python_calamine as calamine
from openpyxl import load_workbook

from pipelines.lines import IngestError, Line

MOST_BYTES = 1536 << 20  # unpacked; a full sheet of a million messages fits
MOST_CELLS = 30_000_000  # in the rectangle that the sheet spans; calamine lays out every one, about 30 bytes each
_SUSPECT_BYTES, _SUSPECT_RATIO = 64 << 20, 150  # real sheets pack 5 to 30 times
_CELL = re.compile(rb'<(?:\w+:)?c r="([A-Z]{1,3})(\d{1,7})"[^>]*[^/>]>')
_FORMULA = re.compile(rb"<(?:\w+:)?f[ />]")
_TORN = "damaged or half-written (the transfer was cut?); export it again"


def read_workbook(path: Path, sheet: str | None = None) -> Iterator[Line]:
    """The rows of the sheet named, or of the first visible one that is not empty; numbered as in the sheet.

    Raises IngestError for a file that is no whole workbook, that unpacks beyond reason, or has no such sheet.
    """
    if not path.is_file():
        raise IngestError(path, "no such file; check the name")
    if not path.stat().st_size:
        raise IngestError(path, "empty, 0 bytes; export it again")
    has_formulas = _weigh(path)
    try:
        with calamine.CalamineWorkbook.from_path(path) as book:
            name, rows = _sheet(path, book, sheet)
            formulas = _uncached(path, name) if has_formulas else repeat({})
            for number, (cells, texts) in enumerate(zip(rows, formulas, strict=False), 1):
                yield _line(number, cells, texts)
    except (calamine.CalamineError, ValueError) as error:
        if isinstance(error, IngestError):
            raise
        raise IngestError(path, f"{_TORN} ({type(error).__name__})") from None


def _sheet(path: Path, book: calamine.CalamineWorkbook, wanted: str | None) -> tuple[str, Iterator[list[Any]]]:
    names = [
        about.name
        for about in book.sheets_metadata
        if about.typ == calamine.SheetTypeEnum.WorkSheet
        and (about.name == wanted or about.visible == calamine.SheetVisibleEnum.Visible)
    ]
    if wanted is not None and wanted not in names:
        raise IngestError(path, f"no sheet '{wanted}'; there are {', '.join(names)}; mend export.sheet")
    for name in [wanted] if wanted is not None else names:
        sheet = book.get_sheet_by_name(name)
        if sheet.start is not None:
            return name, _shifted(sheet)
    raise IngestError(path, "no sheet with rows; export it again")


def _shifted(sheet: calamine.CalamineSheet) -> Iterator[list[Any]]:
    """The rows with every cell at its own column, so that formulas find theirs."""
    before = [""] * (sheet.start or (0, 0))[1]
    return (before + row for row in sheet.iter_rows()) if before else sheet.iter_rows()


def _line(number: int, cells: list[Any], formulas: dict[int, str]) -> Line:
    texts = [cell if type(cell) is str else _text(cell) for cell in cells]
    for column, formula in formulas.items():
        texts.extend([""] * (column + 1 - len(texts)))
        texts[column] = texts[column] or formula
    return Line(number, texts, json.dumps(texts, ensure_ascii=False).encode())


def _text(cell: Any) -> str:
    if isinstance(cell, bool):
        return "1" if cell else "0"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    return cell.isoformat(sep=" ") if isinstance(cell, dt.datetime) else str(cell)


def _uncached(path: Path, sheet: str) -> Iterator[dict[int, str]]:
    """For each row the formulas' texts by column. A cached value, where there is one, goes before them."""
    book = load_workbook(path, read_only=True, data_only=False)
    try:
        worksheet = book[sheet]
        worksheet.reset_dimensions()
        for row in worksheet.iter_rows():
            yield {cell.column - 1: str(cell.value) for cell in row if cell.data_type == "f" and cell.value is not None}
    finally:
        book.close()
    yield from repeat({})


def _weigh(path: Path) -> bool:
    """Unpacks the workbook to nowhere: whole, not a bomb, not a rectangle beyond reason. True when it has formulas."""
    total, formulas = 0, False
    try:
        with zipfile.ZipFile(path) as archive:
            for part in archive.infolist():
                honest = copy.copy(part)
                honest.file_size = MOST_BYTES + (64 << 20)  # read to the true end, whatever size the archive claims
                rectangle, tail, size = _Rectangle(), b"", 0
                is_xml = part.filename.endswith(".xml")
                with archive.open(honest) as stream:
                    while piece := stream.read(1 << 20):
                        size += len(piece)
                        _refuse_bomb(path, total + size, size, part.compress_size)
                        if is_xml:
                            piece = tail + piece
                            formulas = formulas or _FORMULA.search(piece) is not None
                            tail = rectangle.widen(path, piece)
                total += size
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        with path.open("rb") as file:
            start = file.read(4)
        if start == b"\xd0\xcf\x11\xe0":
            raise IngestError(path, "an old .xls or a protected workbook; save it without password as .xlsx") from None
        if start != b"PK\x03\x04":
            raise IngestError(path, "not an .xlsx workbook; save it as .xlsx, or name it by what it is") from None
        raise IngestError(path, f"{_TORN} ({type(error).__name__})") from None
    return formulas


def _refuse_bomb(path: Path, total: int, size: int, packed: int) -> None:
    if total > MOST_BYTES or (size > _SUSPECT_BYTES and size > _SUSPECT_RATIO * max(packed, 1)):
        raise IngestError(path, f"unpacks to more than {total >> 20} MB, a zip bomb or not a table; export it as CSV")


class _Rectangle:
    """The span of the filled cells of one sheet."""

    def __init__(self) -> None:
        self._columns: set[bytes] = set()
        self._rows = (1 << 30, 0)

    def widen(self, path: Path, xml: bytes) -> bytes:
        """Takes in a piece of the sheet; gives back its unfinished end. Raises IngestError when the span is beyond reason."""
        found = _CELL.findall(xml)
        if found:
            self._columns.update({column for column, _ in found})
            rows = {int(row) for row in {row for _, row in found}}
            self._rows = (min(self._rows[0], *rows), max(self._rows[1], *rows))
            numbers = [_column_number(column) for column in self._columns]
            cells = (self._rows[1] - self._rows[0] + 1) * (max(numbers) - min(numbers) + 1)
            if cells > MOST_CELLS:
                raise IngestError(path, f"the sheet spans {cells} cells, most of them empty; delete what lies outside the table")
        start = xml.rfind(b"<", max(0, len(xml) - 4096))
        return xml[start:] if start >= 0 and b">" not in xml[start:] else b""


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number
