"""Surges: found when injected, not found in noise, never judged without a past; the file command refuses what it cannot read."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.aggregate import aggregate
from pipelines.baseline import LEAST_PAST, judge
from pipelines.contracts import Surge
from pipelines.surveillance import SeriesError, detect, surges
from pipelines.warehouse import Warehouse, check, week_of
from tests.small_world import day, fill, message, source

DICE = 7  # every test throws its own, so that none depends on the others


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with Warehouse(tmp_path / "w.duckdb") as warehouse:
        yield warehouse


def posts(per_week: dict[int, int], **facts: Any) -> list[dict[str, Any]]:
    """So many messages, each an event of its own, in each week counted from 2025-W23."""
    return [message(0, on=7 * week + at % 7, **facts) for week, count in per_week.items() for at in range(count)]


def store(warehouse: Warehouse, messages: list[dict[str, Any]], **sources: Any) -> list[str]:
    numbered = [{**m, "n": n, "event": n, "who": f"k{n}"} for n, m in enumerate(messages)]
    fill(warehouse, numbered)
    aggregate(warehouse, sources or {"board": source()})
    return [row["week"] for row in warehouse.query("SELECT week FROM week_total ORDER BY week").to_pylist()]


def noise(weeks: int, mean: float) -> dict[int, int]:
    return {week: int(count) for week, count in enumerate(np.random.default_rng(3).poisson(mean, weeks))}


def test_an_injected_surge_is_found_with_its_numbers(warehouse: Warehouse) -> None:
    quiet = posts(noise(20, 4.0), units=[("u2", True)], codes={"delay": 0.9})
    loud = posts({**noise(19, 2.0), 19: 14}, units=[("u1", True)], codes={"absence": 0.9})
    weeks = store(warehouse, [*quiet, *loud])
    found = surges(warehouse, weeks)
    assert check(Surge, found).num_rows == found.num_rows
    rows = found.to_pylist()
    assert {(r["series"], r["unit_code"], r["code"]) for r in rows if r["week"] == weeks[-1]} == {
        ("unit", "u1", ""),
        ("code", "", "absence"),
        ("unit_code", "u1", "absence"),
    }
    assert {r["week"] for r in rows} == {weeks[-1]}
    for row in rows:
        assert row["observed"] == 14 and 1 < row["expected"] < 4 < row["upper"] < 12 and row["score"] > 1
    assert surges(warehouse, weeks).equals(found)
    assert surges(warehouse, weeks[:-1]).num_rows == surges(warehouse, ["1999-W01"]).num_rows == 0


def test_counted_are_events_not_messages(warehouse: Warehouse) -> None:
    many = [message(1000 + n, on=7 * 19, event=1000, units=[("u1", True)], codes={"delay": 0.9}) for n in range(20)]
    one = [message(n, on=7 * n, units=[("u1", True)], codes={"delay": 0.9}) for n in range(19)]
    fill(warehouse, [*one, *many])
    aggregate(warehouse, {"board": source()})
    assert surges(warehouse, [week_of(day(7 * 19))]).num_rows == 0, "twenty letters about one matter are one event"


def test_without_enough_past_nothing_is_judged(warehouse: Warehouse) -> None:
    weeks = store(warehouse, posts({0: 1, 1: 1, 5: 40, 9: 60}, units=[("u1", True)], codes={"delay": 0.9}))
    assert surges(warehouse, weeks).num_rows == 0
    assert surges(warehouse, []).num_rows == 0


def test_weeks_of_a_silent_source_do_not_make_the_next_one_a_surge(warehouse: Warehouse) -> None:
    usual = dict.fromkeys(range(30), 8)
    lost = {week: 0 if 12 <= week < 26 else 8 for week in range(30)}
    facts = {"units": [("u1", True)], "codes": {"delay": 0.9}}
    messages = [*posts(usual, source="other"), *posts(lost, **facts)]
    weeks = store(warehouse, messages, board=source(), other=source("other"))
    assert surges(warehouse, weeks[26:]).num_rows == 0, "the source is back, nothing surges"
    warehouse.execute("UPDATE coverage SET status = 'ok'")
    assert surges(warehouse, weeks[26:]).num_rows > 0, "the test would notice if silence were not marked"


def test_false_alarms_keep_to_their_rate() -> None:
    counts = np.random.default_rng(DICE).poisson(np.random.default_rng(DICE).uniform(0.3, 20, (200, 1)), (200, 120))
    at = np.arange(60, 120)
    alarms = judge(counts, at=at, alpha=0.01).alarm(counts[:, at])
    assert 0.002 < alarms.mean() < 0.012


def test_season_and_trend_are_no_surge_but_a_surge_on_top_is() -> None:
    t = np.arange(260)
    mean = np.exp(2.5 + 0.002 * t + 0.5 * np.cos(2 * np.pi * t / 52.18))
    counts = np.random.default_rng(DICE).poisson(np.tile(mean, (80, 1)))
    at = np.arange(208, 260)
    assert judge(counts, at=at, alpha=0.01).alarm(counts[:, at]).mean() < 0.015
    loud = counts.copy()
    loud[:, 230] += (6 * np.sqrt(mean[230])).astype(int)
    assert judge(loud, at=np.array([230]), alpha=0.01).alarm(loud[:, [230]]).mean() > 0.95


def test_an_old_surge_does_not_hide_a_new_one() -> None:
    counts = np.random.default_rng(DICE).poisson(3.0, (100, 60))
    counts[:, 30:32] += 60
    counts[:, 59] += 14
    assert judge(counts, at=np.array([59])).alarm(counts[:, [59]]).mean() > 0.9


def test_exposure_makes_it_a_rate() -> None:
    exposure = np.tile(np.linspace(100, 1000, 80), (50, 1))
    counts = np.random.default_rng(DICE).poisson(exposure * 0.02)
    at = np.arange(40, 80)
    assert judge(counts, at=at, exposure=exposure, alpha=0.01).alarm(counts[:, at]).mean() < 0.02
    assert judge(counts, at=np.array([79]), exposure=exposure).expected.mean() == pytest.approx(20, rel=0.1)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.one_of(st.none(), st.integers(0, 10**6)), min_size=14, max_size=14), min_size=1, max_size=4),
    st.booleans(),
)
def test_limits_are_always_sane(table: list[list[int | None]], memory: bool) -> None:
    counts = np.array([[np.nan if cell is None else cell for cell in row] for row in table], float)
    judged = judge(counts, at=np.arange(14), memory=memory)
    known = ~np.isnan(judged.expected)
    assert (judged.expected[known] > 0).all() and np.isfinite(judged.upper[known]).all() and (judged.upper[known] >= 0).all()
    assert not known[:, : LEAST_PAST + 2].any()
    assert not judged.alarm(counts)[~known].any()
    assert np.isnan(judged.upper[np.isnan(counts)]).all(), "no data, no judgement"


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_detect_judges_a_file(tmp_path: Path) -> None:
    lines = [f"a,2020-W{week:02d},{40 if week == 30 else 3}" for week in range(1, 41)]
    lines += [f"short,2020-W{week:02d},1" for week in range(1, 6)]
    path = write(tmp_path / "in.csv", "﻿series_id,week,count\n" + "\n".join(lines))
    assert detect(path, tmp_path / "out.csv") == 30
    with (tmp_path / "out.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["series_id", "week", "expected", "upper", "score", "alarm"]
    assert [row["week"] for row in rows if row["alarm"] == "1"] == ["2020-W30"]
    assert {row["series_id"] for row in rows} == {"a"} and rows[0]["week"] == "2020-W11"
    assert not list(tmp_path.glob("*.part"))


def test_after_an_alarm_the_limit_is_lower(tmp_path: Path) -> None:
    counts = [5, 4, 6, 5] * 10
    counts[30], counts[31] = 20, 9
    path = write(tmp_path / "in.csv", "series_id,week,count\n" + "".join(f"a,{n},{c}\n" for n, c in enumerate(counts, 1)))
    detect(path, tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(encoding="utf-8") as file:
        upper = {int(row["week"]): (float(row["upper"]), row["alarm"]) for row in csv.DictReader(file)}
    assert upper[31][1] == upper[32][1] == "1" and upper[32][0] < upper[31][0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("series,week,count\na,1,2\n", ":1: no column series_id"),
        ("", ":1: no column count"),
        ("series_id,week,count\na,1,zwei\n", ":2: count must be a whole number"),
        ("series_id,week,count\na,1,-2\n", ":2: needs"),
        ("series_id,week,count\na,1\n", ":2: count must be"),
        ("series_id,week,count\na,1,2\na,1,3\n", ":3: series a has week 1 twice"),
        ("series_id,week,count,exposure\na,1,2,0\n", ":2: needs"),
    ],
)
def test_detect_names_the_line_and_the_mend(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SeriesError, match=says):
        detect(write(tmp_path / "in.csv", text), tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_detect_refuses_what_is_no_text_and_takes_an_empty_table(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes("series_id,week,count\n单位,1,2\n".encode("gb18030"))
    with pytest.raises(SeriesError, match="UTF-8"):
        detect(tmp_path / "in.csv", tmp_path / "out.csv")
    assert detect(write(tmp_path / "none.csv", "series_id,week,count\n"), tmp_path / "out.csv") == 0
