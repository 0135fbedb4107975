"""What the terminal shows: lines, tables, JSON, progress. The one place that prints."""

import datetime as dt
import json
import sys
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from pipelines.warehouse import DataDir

T = TypeVar("T")

DataOption = Annotated[
    Path | None, typer.Option("--data", help="the data directory; default WEATHERVANE_DATA or ./weathervane-data")
]
JsonOption = Annotated[bool, typer.Option("--json", help="machine-readable output")]


ROOMS = ("crawlers", "dashboards", "flows", "models", "pipelines")


def is_ours(error: Exception) -> bool:
    """Whether an error was made by this program: its words name places, counts and mends, never what a message says."""
    return type(error).__module__.split(".")[0] in ROOMS


class UsageError(ValueError):
    """A command line that cannot be run as it stands."""


def data_dir(given: Path | None, default: str = "weathervane-data") -> "DataDir":
    """The data directory of a command."""
    from pipelines.warehouse import DataDir  # here, since its libraries would slow down --help

    return DataDir.at(given, default)


def day(text: str | None, option: str) -> dt.date | None:
    """An option's date. Raises UsageError."""
    try:
        return dt.date.fromisoformat(text) if text else None
    except ValueError:
        raise UsageError(f"{option} {text}: not a day; write it as 2019-08-26") from None


def say(line: str, *, error: bool = False) -> None:
    """One line for the person at the terminal."""
    typer.echo(line, err=error)


def show(rows: Sequence[Mapping[str, Any]], as_json: bool) -> None:
    """Rows as JSON, or as an aligned table that counts Chinese characters as two columns wide."""
    if as_json:
        typer.echo(json.dumps([dict(row) for row in rows], ensure_ascii=False, default=str))
        return
    if not rows:
        typer.echo("(none)")
        return
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [names] + [["" if row.get(n) is None else _cell(row[n]) for n in names] for row in rows]
    widths = [max(_width(line[i]) for line in cells) for i in range(len(names))]
    for line in cells:
        typer.echo("  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(line, widths, strict=True)).rstrip())


def told(counts: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    """What each step of a flow did, a line each."""
    for step, found in counts.items():
        yield f"  {step:<28} " + "  ".join(f"{name} {value:,}" for name, value in found.items())


def _cell(value: Any) -> str:
    text = f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    return text.replace("\n", " ")[:120]


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def progress(items: Sequence[T], label: str) -> Iterator[T]:
    """`items`, with a bar on a terminal and a plain line now and then elsewhere."""
    if sys.stderr.isatty():
        with typer.progressbar(items, label=label, file=sys.stderr) as bar:
            yield from bar
        return
    for number, item in enumerate(items):
        if number and number % 1000 == 0:
            say(f"{label}: {number} of {len(items)}", error=True)
        yield item


def read_jsonl(path: Path, needed: Sequence[str] = ("id", "title", "text")) -> list[dict[str, Any]]:
    """The rows of a JSON Lines file. Raises UsageError with file and line."""
    rows = []
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 at byte {error.start}; save the file as UTF-8") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise UsageError(f"{path}:{number}: not JSON: {error.msg}") from None
        if not isinstance(row, dict) or any(name not in row for name in needed):
            raise UsageError(f"{path}:{number}: every line needs {', '.join(needed)}")
        rows.append({**row, **{name: str(row[name]) for name in needed if name in ("title", "text") and row[name] is not None}})
    return rows


def write_jsonl(path: Path, rows: Iterator[Mapping[str, Any]]) -> int:
    """Writes rows aside and renames, so that a kill leaves no half file; gives their number."""
    aside = path.with_name(path.name + ".part")
    count = 0
    with aside.open("w", encoding="utf-8") as out:
        for row in rows:
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    aside.replace(path)
    return count
