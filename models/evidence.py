"""From what each clause says to what the message says: the best clauses, a calibrated probability, a quote."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from models.clauses import Clauses

Floats = npt.NDArray[Any]

PER_CODE = 5  # features of one message and code, see `_features`
CONDUCT = 4
SHORTEST, LONGEST = 6, 60  # characters of a quote
_TRIM = " \t\r\n\u3000\xa0，,。；;！!、：:…~～"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Of m messages and k scores (codes, then any): the best clause's score and number, the second best, the title's.

    `margin` (m, k - 1): how far the best clause of a code speaks for it rather than for another code.
    """

    first: Floats
    second: Floats
    title: Floats
    best: Floats
    margin: Floats


def gather(clauses: Clauses, scores: Floats) -> Evidence:
    """The evidence of each message from the scores (n, k) of its clauses."""
    count = np.bincount(clauses.message, minlength=len(clauses.title_at))
    begin = np.cumsum(count) - count
    first = np.maximum.reduceat(scores, begin, axis=0)
    is_best = scores == first[clauses.message]
    number = np.where(is_best, np.arange(len(scores))[:, None], len(scores))
    best = np.minimum.reduceat(number, begin, axis=0)
    rest = scores.copy()
    rest[best, np.arange(scores.shape[1])] = -8.0
    second = np.maximum.reduceat(rest, begin, axis=0)
    title = np.maximum.reduceat(np.where(clauses.in_title[:, None], scores, -8.0), begin, axis=0)
    codes = scores[:, :-1]
    at_best = codes[best[:, :-1]]  # (m, codes, codes)
    own = np.arange(codes.shape[1])
    at_best[:, own, own] = -np.inf
    margin = first[:, :-1] - at_best.max(axis=2)
    return Evidence(first, second, title, best, margin)


def _features(found: Evidence) -> Floats:
    """(m, codes, PER_CODE)."""
    codes = found.first[:, :-1]
    shape = codes.shape
    columns = [
        codes,
        np.clip(found.second[:, :-1], -8, None),
        np.clip(found.title[:, :-1], -8, None),
        np.clip(found.margin, -6, 6),
        np.broadcast_to(found.first[:, -1:], shape),
    ]
    return np.stack(columns, axis=2)


def _design(features: Floats) -> Floats:
    """Rows for each (message, code): the shared features, then an intercept for each code, shrunk towards none."""
    size, codes, width = features.shape
    offset = np.broadcast_to(np.eye(codes), (size, codes, codes))
    design: Floats = np.concatenate([features, offset], axis=2).reshape(size * codes, width + codes)
    return design


def fit_message_model(parts: Sequence[Evidence], truths: Sequence[Floats]) -> Floats:
    """The weights (PER_CODE + codes + 1) of the calibrated model of a message, from messages the clause model had not seen."""
    design = np.concatenate([_design(_features(part)) for part in parts])
    truth = np.concatenate([t.reshape(-1) for t in truths])
    judged = ~np.isnan(truth)
    model = LogisticRegression(C=0.05, max_iter=2000).fit(design[judged], truth[judged])
    return np.append(model.coef_[0], model.intercept_[0]).astype(np.float32)


def probabilities(found: Evidence, weights: Floats) -> Floats:
    """(m, codes): how probable it is that the message asserts each code."""
    features = _features(found)
    return _sigmoid(features @ weights[:PER_CODE] + weights[PER_CODE:-1] + weights[-1])


def _conduct_features(found: Evidence, codes: Floats) -> Floats:
    top = np.sort(codes, axis=1)
    none_of_them = np.log(np.clip(np.prod(1 - codes, axis=1), 1e-9, 1 - 1e-9))
    return np.stack([_logit(top[:, -1]), top[:, -2], np.log(-np.expm1(none_of_them)) - none_of_them, found.first[:, -1]], axis=1)


def fit_conduct_model(held_out: Sequence[tuple[Evidence, Floats]], codes: Sequence[Floats]) -> Floats:
    """The weights (CONDUCT + 1) of "any code at all"."""
    features = np.concatenate([_conduct_features(part, p) for (part, _), p in zip(held_out, codes, strict=True)])
    truth = np.concatenate([t for _, t in held_out])
    judged = ~np.isnan(truth).any(axis=1)
    model = LogisticRegression(C=1.0, max_iter=2000).fit(features[judged], truth[judged].any(axis=1))
    return np.append(model.coef_[0], model.intercept_[0]).astype(np.float32)


def conduct(found: Evidence, codes: Floats, weights: Floats) -> Floats:
    """(m): how probable it is that the message asserts any code."""
    return _sigmoid(_conduct_features(found, codes) @ weights[:-1] + weights[-1])


def quote(clauses: Clauses, scores: Floats, best: int) -> tuple[int, int]:
    """Offsets into the batch of the evidence: the best clause, with its neighbour where that speaks for the code too."""
    start, stop = int(clauses.start[best]), int(clauses.stop[best])
    floor = max(0.0, float(scores[best]) - 1.5)
    for beside in (best - 1, best + 1):
        if not 0 <= beside < len(clauses) or clauses.message[beside] != clauses.message[best]:
            continue
        if clauses.in_title[beside] != clauses.in_title[best]:
            continue
        short = stop - start < SHORTEST + 2
        wide = max(stop, int(clauses.stop[beside])) - min(start, int(clauses.start[beside]))
        if (scores[beside] >= floor or short) and wide <= LONGEST:
            start, stop = min(start, int(clauses.start[beside])), max(stop, int(clauses.stop[beside]))
    return _trimmed(clauses.whole, start, stop)


def _trimmed(whole: str, start: int, stop: int) -> tuple[int, int]:
    a, b = start, min(stop, start + LONGEST)
    while a < b and whole[a] in _TRIM:
        a += 1
    while b > a and whole[b - 1] in _TRIM:
        b -= 1
    return a, b


def _logit(p: Floats) -> Floats:
    p = np.clip(p, 1e-6, 1 - 1e-6)
    out: Floats = np.log(p) - np.log1p(-p)
    return out


def _sigmoid(x: Floats) -> Floats:
    out: Floats = 1 / (1 + np.exp(-np.clip(x, -30, 30)))
    return out
