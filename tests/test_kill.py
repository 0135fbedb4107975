"""The daily flow, killed at random moments and run again, gives the tables of an undisturbed run."""

import datetime as dt
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from flows.demo_city import build
from flows.setup import make_data_directory
from pipelines.contracts import TABLES, fields
from pipelines.warehouse import DataDir

ROOT = Path(__file__).parents[1]
ENDING = dt.date(2026, 8, 23)
KILLS = 10

# What the clock writes, and what counts tries: not a result of the messages.
CLOCK = {"received_at", "intake_id", "quarantine_id", "record_id"}
NOT_COMPARED = {"intake", "stage_done"}

RUN = """
import sys
from flows import steps
from flows.runtime import data_at, warehouse_of
root = sys.argv[1]
with warehouse_of(data_at(root)):
    for slug in ("hotline", "inspection"):
        steps.take_in_exports(root, slug)
    for step in (steps.clean, steps.join, steps.attribute, steps.classify, steps.count):
        step(root)
    steps.watch(root, "2026-08-23")
    steps.send(root)
    steps.publish_snapshot(root)
"""


def data_directory(folder: Path, city: Path, keys: Path) -> DataDir:
    data = DataDir(folder)
    shutil.copytree(keys, data.keys)
    for _ in make_data_directory(data):
        pass
    shutil.copy(city / "units.csv", data.units)
    shutil.copytree(city / "drop", data.drop, dirs_exist_ok=True)
    for slug in ("hotline", "inspection"):
        shutil.copy(city / "sources" / f"{slug}.toml", data.sources)
    return data


def start(data: DataDir) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, "WEATHERVANE_LIMITS__BATCH": "60", "WEATHERVANE_LIMITS__WORKERS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-c", RUN, str(data.root)], cwd=ROOT, env=environment)


def digests(data: DataDir) -> dict[str, str]:
    """A digest of each table's rows, less what the clock writes."""
    found = {}
    with duckdb.connect(str(data.warehouse), read_only=True) as connection:
        for name, row_class in TABLES.items():
            if name in NOT_COMPARED:
                continue
            columns = ", ".join(f'"{f.name}"' for f in fields(row_class) if f.name not in CLOCK)
            rows = connection.execute(f"SELECT {columns} FROM {name} ORDER BY ALL").fetchall()
            found[name] = f"{len(rows)} rows {hashlib.sha256(repr(rows).encode()).hexdigest()[:16]}"
    return found


@pytest.mark.timeout(400)
def test_killed_at_ten_random_moments_and_run_again_gives_the_same_tables(tmp_path: Path) -> None:
    city = tmp_path / "city"
    build(city, weeks=10, ending=ENDING)
    first = DataDir(tmp_path / "first")
    for _ in make_data_directory(first):
        pass
    calm = data_directory(tmp_path / "calm", city, first.keys)
    began = time.monotonic()
    assert start(calm).wait(timeout=200) == 0
    took = time.monotonic() - began
    expected = digests(calm)
    assert expected["clean_message"].split()[0] != "0"

    shaken = data_directory(tmp_path / "shaken", city, first.keys)
    moments = random.Random(11)
    killed = 0
    for _ in range(KILLS):
        process = start(shaken)
        try:
            process.wait(timeout=moments.uniform(0.3, 1.0) * took)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            killed += 1
    assert killed >= KILLS // 2, "the run was too quick to be killed; the test proves nothing"
    assert start(shaken).wait(timeout=200) == 0
    assert digests(shaken) == expected
    assert len(list(shaken.published.parent.glob("*.duckdb"))) >= 1 and shaken.published.resolve().exists()
    assert not list(shaken.root.rglob("*.part"))
