"""Reads .json and .jsonl files: bytes in, `Line`s out whose cells stand in the order of the declared columns.

Numbers keep the digits that the file wrote; NaN and null are empty; nested fields are named by dotted paths.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipelines.headings import Columns, fold_name
from pipelines.lines import Encoding, IngestError, Line, read_lines, sniff

MOST_BYTES = 256 << 20  # a .json file is read whole; .jsonl has no limit


def read_jsonl(path: Path, columns: Columns, declared: str | None = None) -> Iterator[Line]:
    """One record a line; a line that is no JSON object carries the flaw `bad_json`."""
    names = _Names(columns)
    for line in read_lines(path, sniff(path, declared)):
        if line.flaw or not line.text.strip():
            yield Line(line.number, [], line.raw, line.flaw)
            continue
        try:
            record = _loads(line.text)
        except (ValueError, RecursionError):
            yield Line(line.number, [], line.raw, "bad_json")
            continue
        yield names.line(line.number, record, line.raw)


def read_json(path: Path, columns: Columns, declared: str | None = None, records: str | None = None) -> Iterator[Line]:
    """The records of one JSON document: its list, or the list at the dotted path `records`; numbered from 1.

    Raises IngestError naming the line where the document is broken, or when there is no list.
    """
    encoding = sniff(path, declared)
    if path.stat().st_size > MOST_BYTES:
        raise IngestError(path, f"more than {MOST_BYTES >> 20} MB in one JSON document; save it as .jsonl, one record a line")
    try:
        document = _loads(_whole(path, encoding))
    except json.JSONDecodeError as error:
        mend = "save it as .jsonl" if error.msg == "Extra data" else "half-written? export it again"
        raise IngestError(path, f"not JSON: {error.msg}; {mend}", error.lineno) from None
    except RecursionError:
        raise IngestError(path, "nested too deeply for an export; export it again") from None
    found = document
    for step in records.split(".") if records else ():
        found = found.get(step) if isinstance(found, dict) else None
    if not isinstance(found, list):
        where = f"at '{records}'" if records else "at the top"
        raise IngestError(path, f"no list of records {where}; name where it stands in export.records, such as data.items")
    names = _Names(columns)
    for number, record in enumerate(found, 1):
        yield names.line(number, record, json.dumps(record).encode())


def _whole(path: Path, encoding: Encoding) -> str:
    lines = []
    for line in read_lines(path, encoding, MOST_BYTES + 4):
        if line.flaw:
            raise IngestError(path, f"{line.flaw}; save it as UTF-8, or as .jsonl to set single lines aside", line.number)
        lines.append(line.text)
    return "".join(lines)


def _loads(text: str) -> Any:
    # numbers as written: a huge integer neither fails nor loses digits, 188006.0 stays what the source wrote
    return json.loads(text.lstrip("\ufeff"), parse_int=str, parse_float=str, parse_constant=lambda _: None)


class _Names:
    """Where each declared field stands in a record."""

    def __init__(self, columns: Columns) -> None:
        self._names = [[(fold_name(name), name.split(".")) for name in names] for names in columns.values()]

    def line(self, number: int, record: Any, original: bytes) -> Line:
        """The record's declared fields; a record without any value is blank, one that is no object is flawed."""
        if not isinstance(record, dict):
            return Line(number, [], original, "" if record is None else "bad_json")
        if not any(_text(value) for value in record.values()):
            return Line(number, [], original)
        folded = {fold_name(name): value for name, value in record.items()}
        cells = [self._cell(names, folded, record) for names in self._names]
        return Line(number, cells, original, "" if any(cells) else "no_text")

    def _cell(self, names: list[tuple[str, list[str]]], folded: dict[str, Any], record: dict[str, Any]) -> str:
        for name, path in names:
            found: Any = folded.get(name)
            if found is None and len(path) > 1:
                found = record
                for step in path:
                    found = found.get(step) if isinstance(found, dict) else None
            if text := _text(found):
                return text
        return ""


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    return json.dumps(value, ensure_ascii=False)
