"""What a weekly count series should be by its own past, for thousands of series at once. Arrays in, arrays out.

A quasi-Poisson regression (log link; level, trend, yearly season in two harmonics) after Farrington et al. (1996) and
Noufaily et al. (2013): past weeks with high Anscombe residuals are weighted down, the newest weeks stay out, the limit is a
negative-binomial quantile that has the uncertainty of the fit in it. Normal priors on trend and season stand in for the
rules of those papers about when to use them: a short or sparse past cannot tell a season, and shrinks it to none.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

PAST = 208  # weeks looked back on, four years
LEAST_PAST = 8  # start-up rule: fewer fair weeks give no judgement
GAP = 2  # the newest weeks before the judged one stay out, so that a slow rise does not raise its own limit
OUTLIER = 2.58  # Anscombe residuals above this are weighted down by their inverse square (Noufaily et al. 2013, eq. 5)
LEAST_MEAN = 0.05  # events a week: below it a quiet past cannot tell rare from never
YEAR = 365.2425 / 7  # weeks
PRIOR_SD = np.array([30.0, 0.3, 0.3, 0.3, 0.15, 0.15])  # of level, trend a year, cos and sin of a year and of half a year
DISPERSION_PRIOR = 20  # weeks: so much past weighs as much as the belief that counts are Poisson
STILL = 0.3  # the week after an alarm is still part of it above the quantile 1 - STILL

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Judged:
    """Arrays of series × judged weeks; NaN where the past does not suffice or the week was not asked for."""

    expected: Floats
    upper: Floats
    score: Floats
    p: Floats

    def alarm(self, observed: NDArray[np.int64] | Floats) -> Mask:
        """Where `observed`, of the same shape, is above the limit."""
        with np.errstate(invalid="ignore"):
            return np.asarray(observed > self.upper)


def judge(
    counts: NDArray[np.int64] | Floats,
    *,
    at: NDArray[np.int64],
    fair: Mask | None = None,
    exposure: Floats | None = None,
    which: Mask | None = None,
    alpha: float = 0.005,
    memory: bool = False,
) -> Judged:
    """Judges the weeks `at`, in order, of `counts` (series × weeks, NaN = no data) by the weeks before them.

    `fair` (weeks) leaves weeks out of every baseline; `exposure` (series × weeks) makes the baseline a rate; `which` (series
    × at) names what to judge. With `memory` a week's limit also looks at the week before (needs all weeks in `at`): a surge
    that goes on, or two weeks that are too high together. The score is (observed - expected) / (upper - expected).
    """
    values = np.asarray(counts, np.float64)
    size = np.ones_like(values) if exposure is None else np.where(exposure > 0, exposure, np.nan)
    known = ~np.isnan(values) & ~np.isnan(size)
    usable = known & (np.ones(values.shape[1], bool) if fair is None else fair)
    values, log_size = np.where(known, values, 0.0), np.log(np.where(known, size, 1.0))
    fit = _Fit(values, log_size, usable)
    expected, spread = np.full((2, values.shape[0], len(at)), np.nan)
    for column, week in enumerate(at):
        asked = known[:, week] if which is None else known[:, week] & which[:, column]
        ready = np.flatnonzero(asked & (usable[:, max(0, week - GAP - PAST) : max(0, week - GAP)].sum(axis=1) >= LEAST_PAST))
        if ready.size:
            expected[ready, column], spread[ready, column] = fit.predict(ready, int(week))
    observed = np.where(np.isnan(expected), np.nan, values[:, at])
    upper, p = _limit(expected, spread, alpha), _tail(observed, expected, spread)
    if memory:
        upper = _remember(observed, expected, spread, upper, alpha)
    return Judged(expected, upper, (observed - expected) / np.maximum(upper - expected, 0.5), p)


class _Fit:
    """Coefficients of every series, carried from week to week: the next week's fit starts from the last one's."""

    def __init__(self, values: Floats, log_size: Floats, usable: Mask) -> None:
        self.values, self.log_size, self.usable = values, log_size, usable
        turn = 2 * np.pi * np.arange(values.shape[1]) / YEAR
        self.design = np.stack([np.ones_like(turn), turn, np.cos(turn), np.sin(turn), np.cos(2 * turn), np.sin(2 * turn)], axis=1)
        self.design[:, 1] /= 2 * np.pi  # years
        self.coefficients = np.zeros((len(values), self.design.shape[1]))
        self.dispersion = np.ones(len(values))
        self.fitted = np.full(len(values), -2)

    def predict(self, rows: NDArray[np.int64], week: int) -> tuple[Floats, Floats]:
        """Mean of `week` and variance over mean, for the series `rows`, by a fit to the weeks before it."""
        past = slice(max(0, week - GAP - PAST), week - GAP)
        counts, usable, offset = self.values[rows, past], self.usable[rows, past].astype(np.float64), self.log_size[rows, past]
        warm = bool((self.fitted[rows] == week - 1).all())
        if not warm:
            self.coefficients[rows] = 0.0
            total = (usable * counts).sum(axis=1) + 0.05
            self.coefficients[rows, 0] = np.log(total / (usable * np.exp(offset)).sum(axis=1))
            self.dispersion[rows] = 1.0
        covariance = np.empty(0)
        for _ in range(2 if warm else 6):
            covariance = self._iterate(rows, self.design[past], counts, usable, offset)
        self.fitted[rows] = week
        point = self.design[week]
        mean = np.exp(np.clip(self.coefficients[rows] @ point + self.log_size[rows, week], -12, 16))
        mean = np.maximum(mean, LEAST_MEAN)
        return mean, self.dispersion[rows] + mean * np.einsum("i,nij,j->n", point, covariance, point)

    def _iterate(self, rows: NDArray[np.int64], design: Floats, counts: Floats, usable: Floats, offset: Floats) -> Floats:
        """One step of iteratively reweighted least squares with outliers weighted down; gives the covariance."""
        linear = np.clip(self.coefficients[rows] @ design.T + offset, -12, 16)
        sixth = np.exp(linear / 6)
        mean = sixth**6
        dispersion = self.dispersion[rows, None]
        residual = 1.5 * (np.cbrt(counts) ** 2 - sixth**4) / (sixth * np.sqrt(dispersion))
        weights = usable * np.where(residual > OUTLIER, (OUTLIER / np.maximum(residual, OUTLIER)) ** 2, 1.0)
        working = weights * mean / dispersion
        width = design.shape[1]
        squares = (design[:, :, None] * design[:, None, :]).reshape(len(design), -1)
        information = (working @ squares).reshape(-1, width, width) + np.diag(PRIOR_SD**-2.0)
        covariance = np.linalg.inv(information)
        gradient = (working * (linear - offset) + weights * (counts - mean) / dispersion) @ design
        self.coefficients[rows] = np.einsum("nij,nj->ni", covariance, gradient)
        freedom = np.maximum(weights.sum(axis=1) - 3, 1.0)
        # weights squared: by the weight alone one huge old surge would still raise the dispersion, and so hide the next one
        pearson = (weights**2 * (counts - mean) ** 2 / np.maximum(mean, 1e-3)).sum(axis=1)
        self.dispersion[rows] = np.maximum(1.0, (pearson + DISPERSION_PRIOR) / (freedom + DISPERSION_PRIOR))
        return covariance


def _limit(mean: Floats, spread: Floats, alpha: float) -> Floats:
    """The 1 - alpha quantile of a count with this mean and variance over mean."""
    excess = np.maximum(spread - 1, 1e-3)
    return np.asarray(stats.nbinom.ppf(1 - alpha, mean / excess, 1 / (1 + excess)))


def _tail(observed: Floats, mean: Floats, spread: Floats) -> Floats:
    """The probability of `observed` or more."""
    excess = np.maximum(spread - 1, 1e-3)
    return np.asarray(stats.nbinom.sf(observed - 1, mean / excess, 1 / (1 + excess)))


def _remember(observed: Floats, mean: Floats, spread: Floats, upper: Floats, alpha: float) -> Floats:
    """Limits in the light of the week before: lower after an alarm, and where two weeks together leave less room."""
    still = _limit(mean, spread, STILL)
    pair_mean = mean[:, 1:] + mean[:, :-1]
    pair_spread = (spread[:, 1:] * mean[:, 1:] + spread[:, :-1] * mean[:, :-1]) / pair_mean
    room = _limit(pair_mean, pair_spread, alpha) - observed[:, :-1]
    later = np.where(observed[:, :-1] > upper[:, :-1], still[:, 1:], upper[:, 1:])
    later = np.fmin(later, np.maximum(still[:, 1:], room))  # fmin: a week before without data gives no room to speak of
    return np.concatenate([upper[:, :1], later], axis=1)
