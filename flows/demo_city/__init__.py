"""The embedded fictional city 临江市: writes its registry, declarations, export files and the tables of its site, with the truth.

Nothing in it is real: places, people, numbers and every sentence were invented for this project.
"""

import datetime as dt
import json
from dataclasses import dataclass
from importlib.resources import files
from itertools import groupby
from pathlib import Path

from flows.demo_city.forms import board_threads, feed_items, leader_items, write_hotline, write_inspection, write_json
from flows.demo_city.places import write_registry
from flows.demo_city.story import SILENT, SILENT_WEEKS, SOURCES, SURGE_CODE, SURGE_UNIT, Letter, Story

ENDING = dt.date(2026, 8, 23)


@dataclass(frozen=True, slots=True)
class City:
    """What was built: counts, and the two things that the bulletin of `week` must show."""

    folder: Path
    messages: int
    by_source: dict[str, int]
    hostile: int
    week: str
    surge_unit: str
    surge_code: str
    surge_events: int
    silent_source: str
    silent_weeks: tuple[str, ...]


def build(folder: Path, *, seed: int = 7, weeks: int = 60, ending: dt.date = ENDING) -> City:
    """Writes the city into `folder`: units.csv, sources/, drop/, site/, truth.jsonl.

    Parameters
    ----------
    weeks
        how many weeks, at least 2
    ending
        the last day, a Sunday

    Raises
    ------
    ValueError
        when `ending` is no Sunday or `weeks` is below 2.
    """
    if ending.isoweekday() != 7 or weeks < 2:
        raise ValueError("the city's story ends on a Sunday and takes at least two weeks")
    letters = Story(seed, weeks, ending).letters()
    parts: dict[str, list[Letter]] = {source: [] for source in SOURCES}
    for letter in letters:
        parts[letter.source].append(letter)
    (folder / "site").mkdir(parents=True, exist_ok=True)
    write_registry(folder / "units.csv")
    declare("http://127.0.0.1:8808", folder / "sources")
    hostile = write_hotline(folder / "drop" / "hotline", parts["hotline"])
    write_inspection(folder / "drop" / "inspection", parts["inspection"])
    write_json(folder / "site" / "board.json", board_threads(parts["citizen_board"]))
    write_json(folder / "site" / "leader.json", leader_items(parts["leader_board"]))
    write_json(folder / "site" / "feed.json", feed_items(parts["evening_paper"]))
    _write_truth(folder / "truth.jsonl", letters)
    return _city(folder, letters, hostile, ending)


def declare(base_url: str, folder: Path) -> list[Path]:
    """Writes the five source declarations into `folder`, with addresses under `base_url`."""
    folder.mkdir(parents=True, exist_ok=True)
    out = []
    for slug in SOURCES:
        text = (files("flows.demo_city") / "declarations" / f"{slug}.toml").read_text(encoding="utf-8")
        out.append(folder / f"{slug}.toml")
        out[-1].write_text(text.replace("http://base.invalid", base_url), encoding="utf-8")
    return out


def _city(folder: Path, letters: list[Letter], hostile: int, ending: dt.date) -> City:
    week = _week(ending)
    counts = {source: sum(1 for _ in group) for source, group in groupby(sorted(x.source for x in letters))}
    surging = {x.event for x in letters if x.unit.code == SURGE_UNIT and SURGE_CODE in x.codes and _week(x.posted.date()) == week}
    silent = tuple(_week(ending - dt.timedelta(days=7 * back)) for back in reversed(range(SILENT_WEEKS)))
    return City(folder, len(letters), counts, hostile, week, SURGE_UNIT, SURGE_CODE, len(surging), SILENT, silent)


def _week(day: dt.date) -> str:
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02d}"


def _write_truth(path: Path, letters: list[Letter]) -> None:
    """One line a letter: what a careful reader would find in it."""
    with path.open("w", encoding="utf-8") as out:
        for x in letters:
            row = {
                "source": x.source,
                "native_id": x.native_id,
                "week": _week(x.posted.date()),
                "unit": x.unit.code,
                "codes": list(x.codes),
                "topic": x.topic,
                "event": x.event,
                "kind": x.kind,
                "withdrawn": x.withdrawn,
            }
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
