"""The main job on the embedded fictional city 临江市: its site is crawled, its exports taken in, a bulletin comes out."""

import datetime as dt
import shutil
import time
from pathlib import Path

from flows.console import say, told
from flows.daily import run_daily
from flows.demo_city import build
from flows.demo_site import serve
from flows.setup import make_data_directory
from flows.steps import last_full_week
from flows.weekly import draft_bulletin, verify_bulletin
from pipelines.warehouse import DataDir, newest_snapshot, open_snapshot

ENDING = dt.date(2026, 8, 23)  # a Sunday; the city's days end here, so that every run tells the same story


def run_demo(data: DataDir, weeks: int) -> None:
    """Builds the city beside the data directory, runs everything on it, and says where the results are."""
    started = time.monotonic()
    shutil.rmtree(data.root, ignore_errors=True)
    say(f"临江市 Linjiang (fictional): {weeks} weeks of messages up to {ENDING}, data in {_near(data.root)}")
    for _ in make_data_directory(data):
        pass
    city_folder = data.root / "city"
    city = build(city_folder, weeks=weeks, ending=ENDING)
    _settle(data, city_folder)
    with serve(city_folder, data.sources) as address:
        say(f"crawling the city's boards at {address}, taking in its exports …")
        counts = run_daily(data, until=ENDING)
    for line in told(counts):
        say(line)
    week = last_full_week(ENDING)
    paths = draft_bulletin(data, week, ("docx", "pdf", "html", "json"), drafted_on=ENDING + dt.timedelta(days=1))
    checked, wrong = verify_bulletin(data, data.bulletins / f"{paths[0].stem}.json")
    say(f"bulletin of {week}: {checked} numbers recomputed from the snapshot, {len(wrong)} differ")
    for path in paths:
        say(f"  {_near(path)}")
    with open_snapshot(newest_snapshot(data)) as snapshot:
        alerts = snapshot.sql("SELECT kind, count(*) FROM alert GROUP BY kind ORDER BY kind").fetchall()
    say(f"alerts: {', '.join(f'{kind} {number}' for kind, number in alerts) or 'none'}; outbox {_near(data.outbox)}")
    say(f"snapshot: {_near(data.published)}")
    say("next:")
    say(f'  weathervane sql --data {_near(data.root)} "SELECT * FROM v_unit_ranking LIMIT 10"')
    say(f"  weathervane dashboard --data {_near(data.root)}")
    say(f"done in {time.monotonic() - started:.0f} s ({city.messages:,} messages written for the city)")


def _settle(data: DataDir, city_folder: Path) -> None:
    """Moves the city's registry and export files to where an installation has them."""
    shutil.copy(city_folder / "units.csv", data.units)
    shutil.copytree(city_folder / "drop", data.drop, dirs_exist_ok=True)
    text = data.settings.read_text(encoding="utf-8")
    data.settings.write_text(text.replace("示例市", "临江市"), encoding="utf-8")


def _near(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
