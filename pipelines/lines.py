"""An export file as lines of text: one decision on encoding a file, one decoding a line, and what readers give to ingest.

A line that no rule can decode is handed on with its bytes, so that it can be quarantined while the rest goes in.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple

LONGEST_LINE = 16 << 20  # bytes; a longer line is cut into pieces, each set aside, so that memory stays bounded
_SAMPLE = 256 << 10
_BOMS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
    (b"\x84\x31\x95\x33", "gb18030"),
)
_OTHER_FILES = {
    b"PK\x03\x04": "a workbook or zip archive; name it .xlsx, or export it as CSV",
    b"\xd0\xcf\x11\xe0": "an old .xls or a protected workbook; save it without password as .xlsx",
    b"%PDF": "a PDF; export the table itself as .xlsx or .csv",
    b"\x89PNG": "a picture; export the table itself as .xlsx or .csv",
}
_CONTROLS = bytes(sorted({*range(32), 127} - set(b"\t\n\v\f\r\x1b")))
# symbols and the 3,755 everyday characters: nearly all of any real text, a small part of one decoded wrongly
_EVERYDAY = frozenset(
    character
    for high in (0xA1, 0xA3, *range(0xB0, 0xD8))
    for low in range(0xA1, 0xFF)
    for character in bytes((high, low)).decode("gb2312", "ignore")
)


class IngestError(ValueError):
    """A file that cannot be taken in at all: one line that names the file, the line where there is one, and the mend."""

    def __init__(self, path: Path, what: str, line: int | None = None) -> None:
        self.path, self.line = path, line
        super().__init__(f"{path}: {f'line {line}: ' if line else ''}{what}")


class Line(NamedTuple):
    """One row or record of an export: its place (from 1), its cells as text, its bytes; `flaw` says why it cannot be read."""

    number: int
    cells: list[str]
    original: bytes
    flaw: str = ""


class Text(NamedTuple):
    """One physical line of a text file; with a flaw, `text` keeps only the delimiters and quotes trustworthy."""

    number: int
    raw: bytes
    text: str
    flaw: str = ""


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a file is decoded: `name`, whether single lines may be in the other of UTF-8 and GB18030, the end of a line."""

    name: str
    mixed: bool
    newline: bytes
    bom: int

    def decode(self, raw: bytes) -> str | None:
        """The text of one line, or None when neither rule reads it.

        A line valid in both is UTF-8 when it holds a character beyond U+0800 (all Chinese is), else as most of the file.
        """
        if not self.mixed:
            return _strictly(raw, self.name)
        if raw.isascii():
            return raw.decode("ascii")
        text = _strictly(raw, "utf-8")
        if text is not None and (self.name == "utf-8" or max(text) >= "\u0800"):
            return text
        return _as_gb(raw, few=self.name == "gb18030") or text

    def forced(self, raw: bytes) -> str:
        """A stand-in for a line that cannot be decoded, with its delimiters and quotes in place."""
        return raw.decode("latin-1" if self.mixed else self.name, "replace")


def sniff(path: Path, declared: str | None = None) -> Encoding:
    """The encoding of a text file: BOM, else the declared one, else strict UTF-8, else GB18030; judged line by line.

    Raises IngestError for an empty file, another kind of file, binary data, or an encoding that cannot be told.
    """
    if not path.is_file():
        raise IngestError(path, "no such file; check the name")
    with path.open("rb") as file:
        head = file.read(_SAMPLE)
    if not head:
        raise IngestError(path, "empty, 0 bytes; export it again")
    for start, what in _OTHER_FILES.items():
        if head.startswith(start):
            raise IngestError(path, f"this is {what}")
    bom, name = next(((len(mark), codec) for mark, codec in _BOMS if head.startswith(mark)), (0, declared))
    if name not in (None, "utf-8", "gb18030") or (declared and not bom):
        return Encoding(str(name), False, _newline(head, str(name)), bom)
    if len(head.translate(None, _CONTROLS)) < 0.75 * len(head):
        raise IngestError(path, "binary data, not a table (UTF-16 without a BOM? save it as UTF-8, or declare export.encoding)")
    return Encoding(name or _main_encoding(path, head), True, _newline(head, "utf-8"), bom)


def read_lines(path: Path, encoding: Encoding, longest: int = LONGEST_LINE) -> Iterator[Text]:
    """The physical lines of a file, numbered from 1, newline included; one of more than `longest` bytes comes in pieces."""
    with path.open("rb") as file:
        file.seek(encoding.bom)
        for number, raw in enumerate(_split(file, encoding.newline, longest), 1):
            if len(raw) >= longest:
                yield Text(number, raw, "", "too_long")
                continue
            text = encoding.decode(raw)
            yield Text(number, raw, encoding.forced(raw), "undecodable") if text is None else Text(number, raw, text)


def _split(file: BinaryIO, newline: bytes, longest: int) -> Iterator[bytes]:
    if newline == b"\n":
        yield from iter(partial(file.readline, longest), b"")
        return
    width, rest = len(newline), b""
    while block := file.read(1 << 20):
        rest, start = rest + block, 0
        while (end := _aligned(rest, newline, start)) >= 0:
            yield rest[start : end + width]
            start = end + width
        rest = rest[start:]
        if len(rest) >= longest:
            yield rest[:longest]
            rest = rest[longest:]
    if rest:
        yield rest


def _aligned(data: bytes, newline: bytes, start: int) -> int:
    """Where a newline stands on a whole character; in UTF-16 its two bytes also occur across two others."""
    end = data.find(newline, start)
    while end >= 0 and (end - start) % len(newline):
        end = data.find(newline, end + 1)
    return end


def _newline(head: bytes, name: str) -> bytes:
    mark = "\r" if "\n".encode(name)[-1:] == b"\n" and b"\r" in head and b"\n" not in head else "\n"
    encoded = mark.encode(name)
    return encoded[-2:] if name.lower().replace("_", "-") in ("utf-16", "utf16") else encoded  # less the BOM that encode adds


def _main_encoding(path: Path, head: bytes) -> str:
    lines = re.split(rb"[\r\n]+", head)
    if len(head) == _SAMPLE and len(lines) > 1:
        lines.pop()  # cut in the middle
    utf8 = gb = bad = 0
    for line in lines:
        if line.isascii():
            continue
        text = _strictly(line, "utf-8")
        if text is not None:
            utf8 += max(text) >= "\u0800"
        elif _as_gb(line, few=False) is not None:
            gb += 1
        else:
            bad += _as_gb(line, few=True) is None
    if bad > 2 * (utf8 + gb):
        raise IngestError(path, "neither UTF-8 nor GB18030; save it as UTF-8, or declare export.encoding (such as big5)")
    return "gb18030" if gb > utf8 else "utf-8"


def _strictly(raw: bytes, name: str) -> str | None:
    try:
        return raw.decode(name)
    except UnicodeDecodeError:
        return None


def _as_gb(raw: bytes, *, few: bool) -> str | None:
    """The line as GB18030, unless it reads like another encoding (a cut UTF-8 line decodes too, into rare characters).

    `few` trusts a line of only a few characters beyond ASCII, of which nothing can be told.
    """
    if (text := _strictly(raw, "gb2312")) is not None:
        return text
    if (text := _strictly(raw, "gb18030")) is None:
        return None
    # measured: real lines hold 0.9 and more, traditional script 0.5 to 0.8, wrongly decoded UTF-8 and Big5 0.1 to 0.4
    beyond = [character for character in text if character > "\x7f"]
    if few and len(beyond) < 8:
        return text
    return text if sum(character in _EVERYDAY for character in beyond) >= 0.4 * len(beyond) else None
