"""How large a rectangle the filled cells of a sheet span, from its XML, piece by piece; pure.

A reader lays out every cell of that rectangle: two cells far apart, a few hundred bytes, would take all memory.
"""

import re

from pipelines.formulas import column_number

_PLACED = re.compile(rb"<(?:\w+:)?c\s(?:[^>]*?\s)?r\s*=\s*[\"']\$?([A-Za-z]+)\$?(\d+)[\"'][^>]*?(/?)>")
_CELL = re.compile(rb"<(?:\w+:)?c[\s/>]")
_ROW = re.compile(rb"<(?:\w+:)?row[\s/>]")
_ROW_NUMBER = re.compile(rb"<(?:\w+:)?row\s(?:[^>]*?\s)?r\s*=\s*[\"'](\d+)[\"']")


class Span:
    """The rectangle seen so far. Cells that only carry a style (`<c …/>`) are no part of it."""

    def __init__(self) -> None:
        self._first_row, self._last_row = 1 << 60, 0
        self._first_column, self._last_column = 1 << 60, 0
        self._columns: set[bytes] = set()
        self._rows_begun, self._cells_in_row = 0, 0

    @property
    def cells(self) -> int:
        """How many cells the rectangle has."""
        if not self._last_row:
            return 0
        return (self._last_row - self._first_row + 1) * (self._last_column - self._first_column + 1)

    def widen(self, xml: bytes) -> None:
        """Takes in a piece of the sheet that ends between two tags."""
        placed = _PLACED.findall(xml)
        filled = [(column, row) for column, row, empty in placed if not empty]
        if filled:
            rows = [int(row) for row in {row for _, row in filled}]
            self._first_row, self._last_row = min(self._first_row, *rows), max(self._last_row, *rows)
            columns = {column.upper() for column, _ in filled} - self._columns
            self._columns |= columns
            self._take_columns([column_number(column) for column in columns])
        if len(_CELL.findall(xml)) != len(placed):
            self._widen_by_counting(xml)
        self._rows_begun += len(_ROW.findall(xml))

    def _widen_by_counting(self, xml: bytes) -> None:
        """For cells that do not say where they stand: each is one further to the right, each row one further down."""
        numbers = [int(number) for number in _ROW_NUMBER.findall(xml)]
        counts = [len(_CELL.findall(row)) for row in _ROW.split(xml)]
        counts[0] += self._cells_in_row
        self._cells_in_row = counts[-1]
        self._first_row = 1
        self._last_row = max([self._last_row, self._rows_begun + len(counts), *numbers])
        self._take_columns([1, max(*counts, self._last_column)])

    def _take_columns(self, numbers: list[int]) -> None:
        if numbers:
            self._first_column = min(self._first_column, *numbers)
            self._last_column = max(self._last_column, *numbers)
