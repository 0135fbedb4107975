"""Surges (苗头性): reads unit_week, unit_week_code, week_code, week_total, coverage; gives surge rows. Also `detect` on a CSV."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.baseline import judge
from pipelines.contracts import Surge, arrow_schema
from pipelines.warehouse import Warehouse

SERIES = {
    "unit": "SELECT unit_code, '' AS code, week, events FROM unit_week WHERE events > 0",
    "code": "SELECT '' AS unit_code, code, week, events FROM week_code",
    "unit_code": "SELECT unit_code, code, week, events FROM unit_week_code",
}
LEAST_EVENTS = 3  # fewer events are never called a surge, however quiet the past was
SILENT_SHARE = 0.2  # a week that lacks the sources of so much of the usual messages is no fair past to compare with


class SeriesError(ValueError):
    """A file of series that cannot be judged: names file, line and mend."""


def surges(warehouse: Warehouse, weeks: Sequence[str], *, alpha: float = 0.005) -> pa.Table:
    """Units, codes and units by code whose events in one of `weeks` exceed what their own past explains.

    A series is judged from eight fair weeks of past on, and from three events in the week. Per week, the p-values of all
    series are held to a false discovery rate by Benjamini and Hochberg (1995): `alpha` is the level of the upper limit, ten
    times it the false discovery rate. Weeks whose silent sources usually give a fifth of all messages are no fair past.
    """
    calendar = warehouse.query("SELECT week FROM week_total ORDER BY week")["week"].to_pylist()
    wanted = [calendar.index(week) for week in sorted(set(weeks) & set(calendar))]
    if not wanted:
        return arrow_schema(Surge).empty_table()
    fair = _fair_weeks(warehouse, calendar)
    found: list[dict[str, Any]] = []
    names, counts = _matrix(warehouse, calendar)
    if not names:
        return arrow_schema(Surge).empty_table()
    observed = counts[:, wanted]
    judged = judge(counts, at=np.array(wanted), fair=fair, which=observed >= LEAST_EVENTS, alpha=alpha)
    above = judged.alarm(observed)
    for column, at in enumerate(wanted):
        flagged = above[:, column] & _discoveries(judged.p[:, column], rate=min(0.5, 10 * alpha))
        for row in np.flatnonzero(flagged):
            series, unit_code, code = names[row]
            found.append(
                {
                    "week": calendar[at],
                    "series": series,
                    "unit_code": unit_code,
                    "code": code,
                    "observed": int(counts[row, at]),
                    "expected": round(float(judged.expected[row, column]), 3),
                    "upper": round(float(judged.upper[row, column]), 3),
                    "score": round(float(judged.score[row, column]), 3),
                }
            )
    found.sort(key=lambda row: (row["week"], row["series"], -row["score"], row["unit_code"], row["code"]))
    return pa.Table.from_pylist(found, schema=arrow_schema(Surge))


def _discoveries(p: NDArray[np.float64], rate: float) -> NDArray[np.bool_]:
    """Which of the series of one week stay when the false discovery rate is held; NaN, too few events, counts as p = 1."""
    p = np.where(np.isnan(p), 1.0, p)
    order = np.argsort(p, kind="stable")
    passed = np.flatnonzero(p[order] <= rate * np.arange(1, p.size + 1) / p.size)
    keep = np.zeros(p.size, bool)
    keep[order[: passed[-1] + 1 if passed.size else 0]] = True
    return keep


def _matrix(warehouse: Warehouse, calendar: list[str]) -> tuple[list[tuple[str, str, str]], NDArray[np.int64]]:
    """Names and events of every series over the whole calendar; a week without a row is a zero."""
    place = {week: at for at, week in enumerate(calendar)}
    names: list[tuple[str, str, str]] = []
    parts: list[NDArray[np.int64]] = []
    for series, sql in SERIES.items():
        table = warehouse.query(f"{sql} ORDER BY unit_code, code, week")
        keys = list(zip(table["unit_code"].to_pylist(), table["code"].to_pylist(), strict=True))
        own = {key: at for at, key in enumerate(dict.fromkeys(keys))}
        counts = np.zeros((len(own), len(calendar)), np.int64)
        columns = [place[week] for week in table["week"].to_pylist()]
        counts[[own[key] for key in keys], columns] = table["events"].to_numpy()
        names += [(series, unit_code, code) for unit_code, code in own]
        parts.append(counts)
    return names, np.concatenate(parts)


def _fair_weeks(warehouse: Warehouse, calendar: list[str]) -> NDArray[np.bool_]:
    """False for weeks whose silent sources usually (median of their other weeks) give SILENT_SHARE of all messages."""
    table = warehouse.query(
        "WITH usual AS (SELECT source, median(messages) AS messages FROM coverage WHERE status NOT IN ('silent', 'not_started')"
        " GROUP BY source) SELECT week, sum(CASE WHEN status = 'silent' THEN usual.messages ELSE 0 END)"
        " / nullif(sum(usual.messages), 0) AS missing FROM coverage JOIN usual USING (source) WHERE status <> 'not_started'"
        " GROUP BY week"
    )
    missing = dict(zip(table["week"].to_pylist(), table["missing"].to_pylist(), strict=True))
    return np.array([(missing.get(week) or 0.0) < SILENT_SHARE for week in calendar])


def detect(in_csv: Path, out_csv: Path, *, alpha: float = 0.01) -> int:
    """Judges every week of every series in a CSV (series_id, week, count [, exposure]) that has enough past.

    Writes series_id, week, expected, upper, score, alarm (0/1: the count is above upper); returns how many weeks were
    judged. Weeks are taken in the order of their sorting (numbers by value); missing ones count as no data, not as zero.
    Raises SeriesError.
    """
    names, weeks, counts, exposure = _read_series(in_csv)
    written = 0
    aside = out_csv.with_name(out_csv.name + ".part")
    with aside.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(["series_id", "week", "expected", "upper", "score", "alarm"])
        if names:
            judged = judge(counts, at=np.arange(len(weeks)), exposure=exposure, alpha=alpha, memory=True)
            alarm = judged.alarm(counts)
            for row, name in enumerate(names):
                for column in np.flatnonzero(~np.isnan(judged.upper[row])):
                    values = judged.expected[row, column], judged.upper[row, column], judged.score[row, column]
                    out.writerow([name, weeks[column], *(f"{value:.3f}" for value in values), int(alarm[row, column])])
                    written += 1
    aside.replace(out_csv)
    return written


def _rows_of(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = {"series_id", "week", "count"} - set(reader.fieldnames or ())
            if missing:
                raise SeriesError(f"{path}:1: no column {sorted(missing)[0]}; the header must be series_id,week,count[,exposure]")
            yield from ((reader.line_num, row) for row in reader)
    except (UnicodeDecodeError, csv.Error):
        raise SeriesError(f"{path}: not a UTF-8 CSV; save it as CSV UTF-8") from None


def _read_series(path: Path) -> tuple[list[str], list[str], NDArray[np.float64], NDArray[np.float64] | None]:
    """Series × weeks; NaN where a series has no row. Exposure NaN where not given."""
    cells: dict[tuple[str, str], tuple[float, float]] = {}
    for line, row in _rows_of(path):
        name, week = (row["series_id"] or "").strip(), (row["week"] or "").strip()
        try:
            count, exposed = int(row["count"]), float(row.get("exposure") or "nan")
        except (TypeError, ValueError):
            raise SeriesError(f"{path}:{line}: count must be a whole number and exposure a number; mend the line") from None
        if not name or not week or count < 0 or exposed <= 0:
            raise SeriesError(f"{path}:{line}: needs a series_id, a week, count >= 0 and exposure > 0; mend the line")
        if (name, week) in cells:
            raise SeriesError(f"{path}:{line}: series {name} has week {week} twice; keep one line")
        cells[name, week] = (count, exposed)
    names = list(dict.fromkeys(name for name, _ in cells))
    weeks = sorted({week for _, week in cells}, key=lambda week: (0, int(week), "") if week.isdecimal() else (1, 0, week))
    rows, columns = {name: at for at, name in enumerate(names)}, {week: at for at, week in enumerate(weeks)}
    counts = np.full((len(names), len(weeks)), np.nan)
    exposure = np.full((len(names), len(weeks)), np.nan)
    for (name, week), cell in cells.items():
        counts[rows[name], columns[week]], exposure[rows[name], columns[week]] = cell
    return names, weeks, counts, None if np.isnan(exposure).all() else exposure
