"""Reads .csv and .tsv files: bytes in, `Line`s out, a line at a time, so that memory does not grow with the file.

A quote that is never closed must not swallow the rest of the file: where a record breaks the rules of quoting, its first
line alone is set aside and reading goes on at the next.
"""

import csv
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from pipelines.headings import SEARCHED_ROWS, Columns, best_delimiter
from pipelines.lines import LONGEST_LINE, Line, Text, read_lines, sniff

csv.field_size_limit(2 * LONGEST_LINE)  # long cells are judged by ingest; the default would abort the file


class _NeverClosedError(Exception):
    """A quoted cell has run on over what must be other rows."""


class Delimited:
    """The records of one delimited file.

    `looks_like_row`, given once the heading is known, recognises a whole row inside a cell: the sign of a quote left open.
    """

    def __init__(
        self,
        path: Path,
        columns: Columns,
        declared: str | None = None,
        looks_like_row: Callable[[list[str]], bool] | None = None,
    ) -> None:
        self._lines = read_lines(path, sniff(path, declared))
        self._again: deque[Text] = deque(islice(self._lines, 2 * SEARCHED_ROWS))
        tabs = path.suffix.lower() == ".tsv"
        self._delimiter = "\t" if tabs else best_delimiter([line.text for line in self._again], columns)
        self._looks_like_row = looks_like_row
        self._taken: list[Text] = []

    def __iter__(self) -> Iterator[Line]:
        records = self._records()
        while True:
            self._taken.clear()
            try:
                cells = next(records, None)
            except (csv.Error, _NeverClosedError):
                first, *others = self._taken
                yield Line(first.number, [], first.raw, first.flaw or "bad_quotes")
                self._again.extendleft(reversed(others))
                records = self._records()
                continue
            if cells is None:
                return
            taken = self._taken
            if len(taken) == 1:
                yield Line(taken[0].number, cells, taken[0].raw, taken[0].flaw)
            else:
                flaw = next((line.flaw for line in taken if line.flaw), "")
                yield Line(taken[0].number, cells, b"".join(line.raw for line in taken), flaw)

    def _records(self) -> Iterator[list[str]]:
        return csv.reader(self._feed(), delimiter=self._delimiter, strict=True, skipinitialspace=True)

    def _feed(self) -> Iterator[str]:
        taken, again, lines = self._taken, self._again, self._lines
        size = 0
        while (line := again.popleft() if again else next(lines, None)) is not None:
            taken.append(line)
            text = line.text if "\r" not in line.text else _without_returns(line.text)
            if len(taken) == 1:
                size = 0
            elif size > LONGEST_LINE or self._holds_row(text):
                raise _NeverClosedError
            size += len(text)
            yield text

    def _holds_row(self, text: str) -> bool:
        if self._looks_like_row is None or self._delimiter not in text:
            return False
        return self._looks_like_row(next(csv.reader([text], delimiter=self._delimiter), []))


def _without_returns(text: str) -> str:
    """Line ends as a newline; a lone carriage return inside a cell as a space, since csv would end the record there."""
    body = text.rstrip("\r\n")
    return body.replace("\r", " ") + "\n" * (len(body) < len(text))
