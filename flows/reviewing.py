"""The office's own judgement of uncertain labels: through a file or in the terminal; the model learns from it."""

import csv
import datetime as dt
from pathlib import Path
from typing import Any

import typer

from flows.console import UsageError, say
from flows.runtime import data_at, warehouse_of
from models.taxonomy import CODES
from pipelines.contracts import Correction, rows
from pipelines.spreadsheet import inert, live
from pipelines.vault import SHANGHAI
from pipelines.warehouse import DataDir, Warehouse

COLUMNS = ("message_id", "code", "name", "probability", "quote", "title", "verdict")
VERDICTS = {
    "confirmed": "confirmed",
    "是": "confirmed",
    "y": "confirmed",
    "rejected": "rejected",
    "否": "rejected",
    "n": "rejected",
}

_WAITING = """
SELECT signal.message_id, signal.code, round(signal.probability, 3) AS probability, signal.quote, clean_message.title
FROM signal JOIN clean_message USING (message_id) ANTI JOIN correction USING (message_id, code)
WHERE signal.status = 'review' AND NOT clean_message.withdrawn ORDER BY signal.probability DESC, signal.message_id, signal.code
"""


def review_by_file(data: DataDir, export: Path | None, take: Path | None, reviewer: str) -> str:
    """Writes the labels that wait for a person to a CSV, or takes a filled-in one back; says what was done."""
    with warehouse_of(data_at(str(data.root))) as warehouse:
        if export is not None:
            return _write(export, warehouse.query(_WAITING).to_pylist())
        if not reviewer.strip():
            raise UsageError("review --import: name who confirms, as in `--by 赵老师`")
        assert take is not None  # noqa: S101  the command gives one of the two
        given = _read(take)
        _keep(warehouse, given, reviewer)
    return f"{take}: {len(given)} verdicts kept; run `weathervane run` to count them, `weathervane train` to learn from them"


def review_in_terminal(data: DataDir, reviewer: str) -> str:
    """Asks about one label after the other: y confirms, n rejects, s skips, q ends."""
    if not reviewer.strip():
        raise UsageError("review: name who confirms, as in `--by 赵老师`")
    done = 0
    with warehouse_of(data_at(str(data.root))) as warehouse:
        for row in warehouse.query(_WAITING).to_pylist():
            say(f"\n{row['title']}\n  {CODES[row['code']].name} ({row['probability']}): “{row['quote']}”")
            answer = typer.prompt("  y/n/s/q", default="s", show_default=False).strip().lower()
            if answer == "q":
                break
            if answer in VERDICTS:
                _keep(warehouse, [{**row, "verdict": VERDICTS[answer]}], reviewer)
                done += 1
    return f"{done} verdicts kept"


def reviewed_messages(data: DataDir) -> list[dict[str, Any]]:
    """Reviewed messages in gold form: a label stands when it was confirmed or added, or asserted and not rejected."""
    with warehouse_of(data) as warehouse:
        messages = warehouse.query(
            "SELECT message_id AS id, title, body AS text, reading.topic FROM clean_message JOIN reading USING (message_id)"
            " SEMI JOIN correction USING (message_id) WHERE NOT withdrawn ORDER BY message_id"
        ).to_pylist()
        labels = warehouse.query(
            "SELECT message_id, code, quote FROM correction WHERE verdict <> 'rejected'"
            " UNION SELECT signal.message_id, code, quote FROM signal SEMI JOIN correction USING (message_id)"
            " ANTI JOIN correction AS judged USING (message_id, code) WHERE status = 'asserted' ORDER BY ALL"
        ).to_pylist()
    by_message: dict[str, list[dict[str, str]]] = {}
    for label in labels:
        by_message.setdefault(label["message_id"], []).append({"code": label["code"], "quote": label["quote"]})
    return [{**message, "labels": by_message.get(message["id"], []), "targets": [], "pii": []} for message in messages]


def _write(path: Path, waiting: list[dict[str, Any]]) -> str:
    aside = path.with_name(path.name + ".part")
    with aside.open("w", encoding="utf-8-sig", newline="") as file:  # the mark lets Excel read Chinese
        out = csv.DictWriter(file, COLUMNS)
        out.writeheader()
        for row in waiting:
            cells = {**row, "name": CODES[row["code"]].name, "verdict": ""}
            out.writerow({name: inert(str(value)) for name, value in cells.items()})
    aside.replace(path)
    say(f"fill in the last column with 是 or 否, then `weathervane review --import {path} --by NAME`")
    return f"{path}: {len(waiting)} labels wait"


def _read(path: Path) -> list[dict[str, str]]:
    given = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            if not {"message_id", "code", "verdict"} <= set(reader.fieldnames or ()):
                raise UsageError(
                    f"{path}:1: needs the columns message_id, code, verdict; use a file of `weathervane review --export`"
                )
            for number, row in enumerate(reader, start=2):
                verdict = (row["verdict"] or "").strip().lower()
                if not verdict:
                    continue
                if verdict not in VERDICTS:
                    raise UsageError(f"{path}:{number}: verdict '{verdict}' is neither 是 nor 否")
                if row["code"] not in CODES:
                    raise UsageError(f"{path}:{number}: no code '{row['code']}' in the taxonomy")
                given.append({**row, "verdict": VERDICTS[verdict]})
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not UTF-8; save the sheet as CSV UTF-8") from None
    return given


def _keep(warehouse: Warehouse, given: list[dict[str, Any]], reviewer: str) -> None:
    today = dt.datetime.now(SHANGHAI).date()
    kept = [
        {"message_id": row["message_id"], "code": row["code"], "verdict": row["verdict"],
         "quote": live(row.get("quote") or ""),
         "reviewer": reviewer, "reviewed_on": today}
        for row in given
    ]  # fmt: skip
    table = rows(Correction, kept)
    warehouse.write(Correction, table, replacing={"message_id": table["message_id"], "code": table["code"]})
