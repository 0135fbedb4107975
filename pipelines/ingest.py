"""Reads one export file; writes its rows to the vault, its unreadable rows to the vault's quarantine, its counts to the intake.

A row is taken, ignored by a named rule, or quarantined with a reason and a mend; none is dropped, and what is wrong with
one row keeps no other out. Running a file again changes nothing.
"""

import datetime as dt
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import structlog

from crawlers.sources import Export, SourceDeclaration
from pipelines.headings import SEARCHED_ROWS, Heading, NoHeadingError, find_heading, fold_name, require
from pipelines.lines import IngestError, Line
from pipelines.moments import SHANGHAI, parse_moment
from pipelines.read_delimited import Delimited
from pipelines.read_json import read_json, read_jsonl
from pipelines.read_workbook import read_workbook
from pipelines.vault import Raw, Received, Vault

__all__ = ["IngestError", "ingest_file"]

log = structlog.get_logger()

LONGEST_CELL = 100_000  # characters; the longest real messages hold some ten thousand
_AHEAD = dt.timedelta(days=2)  # clocks and time zones differ; more is a wrong date
_CHUNK_BYTES = 8 << 20

MENDS = {
    "bad_date": "write the time as 2019-02-28 11:25:05",
    "bad_json": "make the line one whole JSON object",
    "bad_quotes": "close the quote, and write a quote inside a cell twice",
    "bad_reply_date": "correct the reply time; it does not exist or lies ahead",
    "bad_text": "export the row again; it holds half a character",
    "duplicate_id": "give each message an id of its own; another row of this file has this id with other content",
    "future_date": "correct the time; it lies more than two days ahead",
    "no_date": "fill in the time",
    "no_text": "fill in the title or the body",
    "nul_byte": "export the row again; it holds NUL bytes",
    "too_long": f"shorten the cell to {LONGEST_CELL} characters; is it an attachment?",
    "undecodable": "save the file as UTF-8; this line is neither UTF-8 nor GB18030, or not of the declared encoding",
    "wrong_width": "give the row as many cells as the heading; put cells that hold the delimiter in quotes",
}

_TAIL_OF_TOTAL = re.compile(r":?[\d,.]*[条件行]?")
_WHOLE_FLOAT = re.compile(r"(\d+)\.0+")
_KEPT_AS_TEXT = re.compile(r"=\"(.*)\"|'(.*)", re.DOTALL)  # how spreadsheets are told to leave digits alone
_FORMULA = re.compile(r"\s*[=+@-]\s*[A-Za-z.]+\(")
_NUMBERS = frozenset({"native_id", "phone", "id_number", "posted_at", "replied_at"})
_WRITTEN_BY_COMPLAINANT = ("author", "phone", "id_number", "title", "body", "posted_at")


def ingest_file(
    path: Path,
    source: SourceDeclaration,
    vault: Vault,
    *,
    chunk: int = 2000,
    origin: str | None = None,
    now: dt.datetime | None = None,
) -> Received:
    """Takes in one .csv, .tsv, .xlsx, .json or .jsonl file of a source of kind `export`.

    Rows go to the vault `chunk` at a time, each chunk in one transaction, so that memory stays bounded and a second run
    brings what a kill kept out. `origin` is what the intake log calls the file; `now` is Shanghai wall time.

    Returns the counts of the rows below the heading: seen = new + updated + same + ignored + quarantined. Raises
    IngestError, before anything is taken in, for a file that cannot be read as a table of this source.
    """
    if source.export is None:
        raise IngestError(path, f"source '{source.slug}' is a {source.kind}, which is crawled; name a source of kind export")
    lines, heading = _open(path, source.export)
    latest = (now or dt.datetime.now(SHANGHAI).replace(tzinfo=None)) + _AHEAD
    judge = _Judge(source, heading, latest, vault)
    intake = _Intake(source, vault, path.name, judge)
    for line in lines:
        intake.take(line)
        if intake.waiting >= chunk or intake.bytes_waiting > _CHUNK_BYTES:
            intake.store()
    intake.store()
    counted = intake.counted
    if counted.seen != counted.new + counted.updated + counted.same + counted.ignored + counted.quarantined:
        raise AssertionError(f"{path.name}: the rows do not add up: {counted}")
    vault.log_intake(source.slug, origin or path.name, counted)
    log.info("ingest", source=source.slug, file=path.name, seen=counted.seen, new=counted.new, updated=counted.updated,
             same=counted.same, formulas=judge.formulas, ignored=dict(intake.rules),
             quarantined=dict(intake.reasons))  # fmt: skip
    return counted


def _open(path: Path, export: Export) -> tuple[Iterator[Line], Heading]:
    """The lines below the heading, and the heading."""
    columns, kind = {str(field): names for field, names in export.columns.items()}, path.suffix.lower()
    read: Callable[[], Iterable[Line]]
    if kind in (".csv", ".tsv"):
        read = partial(Delimited, path, columns, export.encoding)
    elif kind == ".xlsx":
        read = partial(read_workbook, path, export.sheet)
    elif kind in (".json", ".jsonl"):
        read = (
            partial(read_json, path, columns, export.encoding, export.records)
            if kind == ".json"
            else partial(read_jsonl, path, columns, export.encoding)
        )
    else:
        raise IngestError(path, f"'{path.suffix}' is no form that is taken in; export as .csv, .tsv, .xlsx, .json or .jsonl")
    lines = iter(read())
    first = list(islice(lines, SEARCHED_ROWS))
    try:
        if kind in (".json", ".jsonl"):
            return _chained(first, lines), _heading_of_records(first, list(columns), columns)
        heading = find_heading([line.cells for line in first], columns)
    except NoHeadingError as error:
        raise IngestError(path, str(error)) from None
    if kind == ".xlsx":
        return _chained(first[heading.index + 1 :], lines), heading
    heading = heading.trimmed()
    # read again from the start, now that a row swallowed by an open quote can be told
    again = Delimited(path, columns, export.encoding, partial(_is_row, heading))
    return (line for line in again if line.number > first[heading.index].number), heading


def _chained(first: list[Line], rest: Iterator[Line]) -> Iterator[Line]:
    yield from first
    yield from rest


def _heading_of_records(first: list[Line], fields: list[str], columns: dict[str, tuple[str, ...]]) -> Heading:
    """JSON names its fields in each record; those of the first records show whether they are this source's."""
    flawed = [line for line in first if line.flaw == "bad_json"]
    if flawed and not any(line.cells for line in first):
        raise NoHeadingError(f"none of the first {SEARCHED_ROWS} lines is a JSON object; is it one document, to be named .json?")
    if any(line.cells for line in first):
        require({field for line in first for field, cell in zip(fields, line.cells, strict=False) if cell}, columns)
    return Heading(0, {field: at for at, field in enumerate(fields)}, tuple(fields))


def _is_row(heading: Heading, cells: list[str]) -> bool:
    return len(cells) == heading.width and parse_moment(cells[heading.positions["posted_at"]]) is not None


class _Judge:
    """Decides what a line is: a message, a row that a named rule ignores, or one for quarantine."""

    def __init__(self, source: SourceDeclaration, heading: Heading, latest: dt.datetime, vault: Vault) -> None:
        self._source, self._vault, self._latest = source, vault, latest
        self._heading = heading
        self._positions = tuple(heading.positions.items())
        self._totals = tuple(fold_name(word) for word in source.export.ignore_rows) if source.export else ()
        self._known: dict[int, int] = {}  # hash of a native id -> hash of its row; hashes, so that a million rows stay small
        self.formulas = 0

    def rule(self, line: Line) -> str | None:
        """The named rule by which a readable line is no message."""
        first = next((cell for cell in line.cells if cell and not cell.isspace()), None)
        if first is None:
            return "empty_row"
        if len(first) < 40:
            folded = fold_name(first)
            if any(folded.startswith(word) and _TAIL_OF_TOTAL.fullmatch(folded[len(word) :]) for word in self._totals):
                return "total_row"
            if folded in self._heading.names and tuple(map(fold_name, line.cells[: self._heading.width])) == self._heading.names:
                return "heading_again"
        return None

    def message(self, line: Line, place: str) -> Raw | str:
        """The message of a line, or the reason for which it is quarantined."""
        cells = line.cells
        width = self._heading.width
        if len(cells) != width and (len(cells) < width or any(cell and not cell.isspace() for cell in cells[width:])):
            return "wrong_width"
        if max(map(len, cells)) > LONGEST_CELL:
            return "too_long"
        fields: dict[str, str] = {}
        for name, at in self._positions:
            value = cells[at].strip()
            if value:
                fields[name] = _number(value) if name in _NUMBERS else value
        if reason := self._flaw(fields, line.original):
            return reason
        native_id = fields.get("native_id") or self._derived_id(fields)
        key, content = hash(native_id), hash(tuple(fields.items()))
        if self._known.setdefault(key, content) != content:
            return "duplicate_id"
        self.formulas += any(map(_FORMULA.match, fields.values()))
        withdrawn = fields.get("withdrawn") in self._source.values.withdrawn
        return Raw(self._source.slug, native_id, fields, place, withdrawn, line.original)

    def _flaw(self, fields: dict[str, str], original: bytes) -> str | None:
        if not ("title" in fields or "body" in fields):
            return "no_text"
        if "posted_at" not in fields:
            return "no_date"
        posted = parse_moment(fields["posted_at"])
        if posted is None or posted > self._latest:
            return "bad_date" if posted is None else "future_date"
        replied = fields.get("replied_at", "")
        if sum(map(str.isdigit, replied)) >= 4:  # else it is a word such as 未答复
            moment = parse_moment(replied)
            if moment is None or moment > self._latest:
                return "bad_reply_date"
        together = "".join(fields.values())
        if "\0" in together:
            return "nul_byte"
        return None if together.isascii() or _encodes(together) else "bad_text"

    def _derived_id(self, fields: dict[str, str]) -> str:
        """For a row without an id: one that the same words of the same person at the same time give again."""
        words = "\x1f".join(fields.get(name, "") for name in _WRITTEN_BY_COMPLAINANT)
        return "content:" + self._vault.message_id(self._source.slug, words)


class _Intake:
    """Counts the lines of one file and stores them a chunk at a time."""

    def __init__(self, source: SourceDeclaration, vault: Vault, name: str, judge: _Judge) -> None:
        self._source, self._vault, self._name, self._judge = source, vault, name, judge
        self._rows: list[tuple[Raw, str | None]] = []
        self._bad: list[tuple[int, str, bytes]] = []
        self.bytes_waiting = 0
        self.counted = Received()
        self.rules: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()

    @property
    def waiting(self) -> int:
        """Lines taken and not yet stored."""
        return len(self._rows) + len(self._bad)

    def take(self, line: Line) -> None:
        """Judges one line and keeps it for the next `store`."""
        self.counted.seen += 1
        if not line.flaw and (rule := self._judge.rule(line)):
            self.rules[rule] += 1
            self.counted.ignored += 1
            return
        self.bytes_waiting += len(line.original)
        judged = line.flaw or self._judge.message(line, f"{self._name}:{line.number}")
        if isinstance(judged, str):
            self.reasons[judged] += 1
            self.counted.quarantined += 1
            self._bad.append((line.number, judged, line.original))
            return
        identity = self._source.identity_of(judged.fields)
        complainant = self._vault.complainant_key(self._source.identity_scope, identity) if identity else None
        self._rows.append((judged, complainant))

    def store(self) -> None:
        """Writes what waits, in one transaction that can be run again."""
        with self._vault.transaction():
            received = self._vault.receive(self._rows)
            for number, reason, original in self._bad:
                self._vault.quarantine(self._source.slug, "ingest", f"{self._name}:{number}", reason, MENDS[reason], original)
        self.counted.new += received.new
        self.counted.updated += received.updated
        self.counted.same += received.same
        self._rows, self._bad, self.bytes_waiting = [], [], 0


def _number(text: str) -> str:
    if found := _KEPT_AS_TEXT.fullmatch(text):
        text = (found[1] or found[2] or "").strip()
    found = _WHOLE_FLOAT.fullmatch(text)
    return found[1] if found else text


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate, such as JSON can escape
        return False
    return True
