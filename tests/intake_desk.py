"""A desk that takes in export files: a vault of its own, a hotline's declaration, and what lies where afterwards."""

import csv
import datetime as dt
import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from crawlers.sources import SourceDeclaration
from pipelines.ingest import MENDS, IngestError, ingest_file
from pipelines.vault import Keys, Received, Stored, Vault

SHEET = "xl/worksheets/sheet1.xml"  # where openpyxl writes the first sheet
NOW = dt.datetime(2025, 6, 2, 9)  # noqa: DTZ001  Shanghai wall time
HEADING = ["工单编号", "来电人", "联系电话", "标题", "诉求内容", "来电时间"]
COLUMNS = {
    "native_id": ["工单编号", "编号", "id"],
    "author": ["来电人"],
    "phone": ["联系电话"],
    "title": ["标题", "data.title"],
    "body": ["诉求内容", "内容"],
    "posted_at": ["来电时间", "时间"],
    "replied_at": ["答复时间"],
    "withdrawn": ["是否撤回"],
}


def hotline(columns: dict[str, list[str]] | None = None, **export: Any) -> SourceDeclaration:
    """The declaration of a hotline whose exports carry HEADING."""
    return SourceDeclaration.model_validate(
        {"slug": "hotline", "name": "热线", "publisher": "热线中心", "channel": "hotline", "kind": "export",
         "bounds": {"at_least": 0, "at_most": 9}, "export": {"columns": columns or COLUMNS, **export}}
    )  # fmt: skip


def row(number: int, body: str = "窗口无人,等了半天", title: str = "窗口无人", at: str = "2025/5/6 9:05:07") -> list[str]:
    """One row under HEADING."""
    return [f"GD{number:04d}", "林某", f"1380000{number:04d}", title, body, at]


def sheet(rows: Sequence[Sequence[str]], delimiter: str = ",") -> str:
    """Rows under HEADING as CSV text."""
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows([HEADING, *rows])
    return out.getvalue()


class Desk:
    """A vault, and files put before it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.vault = Vault(folder / "vault" / "vault.sqlite", Keys.make(folder / "keys"))

    def file(self, name: str, content: bytes | str) -> Path:
        """A file with this content."""
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def take(self, name: str, content: bytes | str, source: SourceDeclaration | None = None, **options: Any) -> Received:
        """Takes in a file with this content; every row must be accounted for."""
        received = ingest_file(self.file(name, content), source or hotline(), self.vault, now=NOW, **options)
        parts = received.new + received.updated + received.same + received.ignored + received.quarantined
        assert received.seen == parts
        return received

    def reasons(self) -> list[tuple[str, str]]:
        """(place, reason) of every quarantined row."""
        return [(entry["place"], entry["reason"]) for entry in self.vault.log("quarantine")]

    def stored(self) -> list[Stored]:
        """The newest version of every message."""
        return list(self.vault.read(self.vault.newest()["record_id"].to_pylist()))

    def fields(self) -> list[dict[str, str]]:
        """The fields of every message."""
        return [stored.fields for stored in self.stored()]

    def payload(self, at: int = -1) -> bytes:
        """The bytes of a quarantined row."""
        number = self.vault.log("quarantine")[at]["quarantine_id"]
        return self.vault.reveal_quarantined(number, "checking the intake", "test")


def jsonl(*records: Any) -> str:
    """Records, one a line."""
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def refused(desk: Desk, name: str, content: bytes | str, match: str, **export: object) -> None:
    """The file gives one line that names it, and leaves nothing behind."""
    with pytest.raises(IngestError, match=match) as caught:
        desk.take(name, content, hotline(**export))  # type: ignore[arg-type]
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not desk.stored()
    assert not desk.vault.log("quarantine")
    assert not desk.vault.log("intake")


def bad_row(desk: Desk, reason: str, content: bytes | str, name: str = "a.csv", line: int = 3, good: int = 2) -> None:
    """One row of the file is quarantined at its line, the others go in."""
    received = desk.take(name, content)
    assert desk.reasons() == [(f"{name}:{line}", reason)]
    assert (received.new, received.quarantined) == (good, 1)
    (entry,) = desk.vault.log("quarantine")
    assert entry["mend"] == MENDS[reason]


def packed(rows: list[list[object]]) -> bytes:
    """A workbook of one sheet."""
    book = openpyxl.Workbook()
    for cells in rows:
        book.active.append(cells)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def repacked(workbook: bytes, changes: dict[str, bytes]) -> bytes:
    """The workbook with some of its parts in other words."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, changes.get(name, old.read(name)))
    return out.getvalue()
