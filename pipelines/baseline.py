"""What a weekly count series should be by its own past, for thousands of series at once. Arrays in, arrays out.

A quasi-Poisson baseline after Farrington et al. (1996) and Noufaily et al. (2013), simplified to a robust weighted mean: past
weeks with high standardised residuals are weighted down, dispersion comes from the same weights, the upper limit is the
negative-binomial quantile with the baseline's own uncertainty in it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

PAST = 52  # weeks looked back on
LEAST_PAST = 8  # start-up rule: fewer fair weeks give no judgement
GAP = 2  # the newest weeks before the judged one stay out, so that a slow rise does not raise its own limit
OUTLIER = 2.58  # Anscombe residuals above this are weighted down by their inverse square (Noufaily et al. 2013)
LEAST_MEAN = 0.1  # events a week: below it a quiet past cannot tell rare from never

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Judged:
    """Arrays of series × judged weeks; NaN where the past does not suffice."""

    expected: Floats
    upper: Floats
    score: Floats
    p: Floats
    alarm: NDArray[np.bool_]


def judge(
    counts: NDArray[np.int64] | Floats,
    *,
    at: NDArray[np.int64],
    fair: NDArray[np.bool_] | None = None,
    exposure: Floats | None = None,
    alpha: float = 0.005,
) -> Judged:
    """Judges the weeks `at` of `counts` (series × weeks, NaN = no data) by the weeks before them.

    `fair` (weeks) leaves weeks out of every baseline. `exposure` (series × weeks) makes the baseline a rate. The score is
    (observed - expected) / (upper - expected): above 1 is above the limit.
    """
    values = np.asarray(counts, np.float64)
    known = ~np.isnan(values) & (np.ones(values.shape[1], bool) if fair is None else fair)
    size = np.ones_like(values) if exposure is None else np.where(exposure > 0, exposure, np.nan)
    known &= ~np.isnan(size)
    out = {name: np.full((values.shape[0], len(at)), np.nan) for name in ("expected", "upper", "score", "p")}
    for column, week in enumerate(at):
        past = slice(max(0, week - GAP - PAST), max(0, week - GAP))
        rate, dispersion, weeks = _baseline(values[:, past], known[:, past], size[:, past])
        ready = (weeks >= LEAST_PAST) & ~np.isnan(values[:, week]) & ~np.isnan(size[:, week])
        expected = np.maximum(rate * size[:, week], LEAST_MEAN)[ready]
        observed = values[ready, week]
        # the limit must also cover that the baseline itself is estimated, from so many weeks
        spread = dispersion[ready] * (1 + 1 / weeks[ready])
        out["expected"][ready, column] = expected
        out["upper"][ready, column], out["p"][ready, column] = _limits(observed, expected, spread, alpha)
    with np.errstate(invalid="ignore"):
        out["score"] = (values[:, at] - out["expected"]) / np.maximum(out["upper"] - out["expected"], 0.5)
        alarm = values[:, at] > out["upper"]
    return Judged(**out, alarm=alarm)


def _baseline(values: Floats, known: NDArray[np.bool_], size: Floats) -> tuple[Floats, Floats, Floats]:
    """Robust rate, dispersion (at least 1) and number of weeks, of each series."""
    counts, sizes = np.where(known, values, 0.0), np.where(known, size, 0.0)
    weights = known.astype(np.float64)
    weeks = weights.sum(axis=1)
    rate = dispersion = np.zeros(len(values))
    for _ in range(3):
        total = np.maximum((weights * sizes).sum(axis=1), 1e-9)
        rate = (weights * counts).sum(axis=1) / total
        mean = np.maximum(rate[:, None] * sizes, 1e-3)
        pearson = np.where(known, (counts - mean) ** 2 / mean, 0.0)
        dispersion = np.maximum(1.0, (weights * pearson).sum(axis=1) / np.maximum(weights.sum(axis=1) - 1, 1.0))
        residual = 1.5 * (counts ** (2 / 3) - mean ** (2 / 3)) / (mean ** (1 / 6) * np.sqrt(dispersion)[:, None])
        weights = np.where(known, np.where(residual > OUTLIER, (OUTLIER / np.maximum(residual, OUTLIER)) ** 2, 1.0), 0.0)
    return rate, dispersion, weeks


def _limits(observed: Floats, mean: Floats, spread: Floats, alpha: float) -> tuple[Floats, Floats]:
    """Upper limit (1 - alpha quantile) and the probability of `observed` or more; Poisson where the spread is 1."""
    excess = np.maximum(spread - 1, 1e-3)
    size, success = mean / excess, 1 / (1 + excess)
    return stats.nbinom.ppf(1 - alpha, size, success), stats.nbinom.sf(observed - 1, size, success)
