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
from pathlib import Path
from typing import Any

import python_calamine as calamine

from pipelines.formulas import uncached_formulas
from pipelines.lines import IngestError, Line
from pipelines.sheet_span import Span

MOST_BYTES = 1536 << 20  # unpacked; a full sheet of a million messages fits
MOST_CELLS = 30_000_000  # in the rectangle that the sheet spans; calamine lays out every one, about 30 bytes each
_SUSPECT_BYTES, _SUSPECT_RATIO = 64 << 20, 150  # real sheets pack 5 to 30 times
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
            formulas = uncached_formulas(path, name) if has_formulas else {}
            for number, cells in enumerate(rows, 1):
                yield _line(number, cells, formulas.get(number, {}))
    except (calamine.CalamineError, zipfile.BadZipFile, KeyError) as error:
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


def _weigh(path: Path) -> bool:
    """Unpacks the workbook to nowhere: whole, not a bomb, not a rectangle beyond reason. True when it has formulas."""
    total, formulas = 0, False
    try:
        with zipfile.ZipFile(path) as archive:
            for part in archive.infolist():
                honest = copy.copy(part)
                honest.file_size = MOST_BYTES + (64 << 20)  # read to the true end, whatever size the archive claims
                span, tail, size = Span(), b"", 0
                with archive.open(honest) as stream:
                    while piece := stream.read(1 << 20):
                        size += len(piece)
                        _refuse_bomb(path, total + size, size, part.compress_size)
                        piece, tail = _whole_tags(tail + piece)  # any part may be the sheet, whatever its name
                        formulas = formulas or _FORMULA.search(piece) is not None
                        _refuse_span(path, span, piece, tail)
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


def _refuse_span(path: Path, span: Span, xml: bytes, tail: bytes) -> None:
    span.widen(xml)
    if len(tail) > _SUSPECT_BYTES:
        raise IngestError(path, f"holds {len(tail) >> 20} MB without a tag, not a table; export it as CSV")
    if span.cells > MOST_CELLS:
        raise IngestError(path, f"the sheet spans {span.cells} cells, most of them empty; delete what lies outside the table")


def _whole_tags(xml: bytes) -> tuple[bytes, bytes]:
    """The piece up to its last whole tag, and the rest, which goes before the next piece."""
    end = xml.rfind(b">") + 1
    return xml[:end], xml[end:]
