"""The weekly bulletin: drafted from the published snapshot, signed by a person, verified by anyone."""

import datetime as dt
import hashlib
from pathlib import Path
from typing import Any

from flows.runtime import data_at, settings_of, warehouse_of
from pipelines.bulletin import draft, number_of, read_issue, sign, verify, write
from pipelines.contracts import Bulletin, rows
from pipelines.vault import SHANGHAI
from pipelines.warehouse import DataDir, newest_snapshot, week_start


class BulletinError(ValueError):
    """A bulletin that cannot be drafted, signed or verified."""


def draft_bulletin(data: DataDir, week: str, formats: tuple[str, ...], drafted_on: dt.date | None = None) -> list[Path]:
    """Drafts the issue of a week and writes its files. A signed issue is not drafted again."""
    try:
        week_start(week)
    except (ValueError, IndexError):
        raise BulletinError(f"bulletin: '{week}' is not an ISO week; write it as 2019-W35") from None
    unknown = set(formats) - {"docx", "pdf", "html", "json"}
    if unknown:
        raise BulletinError(f"bulletin: unknown format '{min(unknown)}'; there are docx, pdf, html, json")
    number = number_of(week)
    with warehouse_of(data_at(str(data.root))) as warehouse:
        state = warehouse.scalar("SELECT state FROM bulletin WHERE number = ?", [number])
        if state == "signed":
            raise BulletinError(f"bulletin {number}: already signed; a signed issue stays as it is")
        snapshot = newest_snapshot(data)
        day = drafted_on or dt.datetime.now(SHANGHAI).date()
        issue = draft(snapshot, week, settings_of(data).office, drafted_on=day)
        paths = write(issue, data.bulletins, ("json", *[f for f in formats if f != "json"]))
        _register(warehouse, number, week, "draft", day, None, None, snapshot.name, data.bulletins / f"{number}.json")
    return sorted((path for path in paths if path.suffix[1:] in formats), key=lambda path: formats.index(path.suffix[1:]))


def sign_bulletin(data: DataDir, number: str, by: str, on: dt.date | None = None) -> list[Path]:
    """Issues a draft: the files lose the draft mark and name the signer."""
    file = data.bulletins / f"{number}.json"
    if not file.exists():
        raise BulletinError(f"bulletin {number}: no draft; run `weathervane bulletin --week …` first")
    day = on or dt.datetime.now(SHANGHAI).date()
    with warehouse_of(data_at(str(data.root))) as warehouse:
        row = warehouse.query("SELECT * FROM bulletin WHERE number = ?", [number]).to_pylist()
        if row and row[0]["state"] == "signed":
            raise BulletinError(f"bulletin {number}: already signed by {row[0]['signed_by']} on {row[0]['signed_on']}")
        before = read_issue(file)
        snapshot = data.published.parent / before.snapshot
        mismatches = verify(file, snapshot)[1]
        if mismatches:
            raise BulletinError(f"{file}: {len(mismatches)} numbers differ from the snapshot; draft it again")
        paths = write(sign(before, by, day), data.bulletins, ("json", "docx", "pdf", "html"))
        _register(warehouse, number, before.week, "signed", before.drafted_on, by, day, before.snapshot, file)
    return paths


def verify_bulletin(data: DataDir, file: Path) -> tuple[int, list[Any]]:
    """How many numbers an issue has, and those that its snapshot does not give again."""
    if not file.exists():
        raise BulletinError(f"{file}: no such file")
    snapshot = data.published.parent / read_issue(file).snapshot
    if not snapshot.exists():
        raise BulletinError(
            f"{file}: its snapshot {snapshot.name} is gone from {snapshot.parent}; bring it back from the archive"
        )
    return verify(file, snapshot)


def _register(
    warehouse: Any,
    number: str,
    week: str,
    state: str,
    drafted_on: dt.date,
    by: str | None,
    on: dt.date | None,
    snapshot: str,
    file: Path,
) -> None:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    row = {"number": number, "week": week, "state": state, "drafted_on": drafted_on, "signed_by": by, "signed_on": on,
           "snapshot": snapshot, "digest": digest}  # fmt: skip
    warehouse.write(Bulletin, rows(Bulletin, [row]), replacing={"number": [number]})
