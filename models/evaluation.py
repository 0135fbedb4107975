"""Scores readings against labelled messages, with bootstrap intervals. Reads gold, predicted, redacted rows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.taxonomy import CODES, FAMILIES

Row = Mapping[str, Any]
Floats = npt.NDArray[Any]

CODE_NAMES = tuple(CODES)
ENOUGH = 5  # codes with fewer gold labels are left out of the macro mean
_FAMILY = np.array([[code.family == family for family in sorted(FAMILIES)] for code in CODES.values()])


@dataclass(frozen=True, slots=True)
class Score:
    """One figure with its 95% bootstrap interval over messages, and the number it rests on (gold labels, messages…)."""

    value: float
    low: float
    high: float
    support: int


@dataclass(frozen=True, slots=True)
class Scores:
    """All figures of one evaluation."""

    messages: int
    missing: int
    figures: dict[str, Score]
    per_code: dict[str, Score]
    pii_recall: dict[str, Score]

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON: figure -> [value, low, high, support]."""

        def plain(scores: Mapping[str, Score]) -> dict[str, list[float]]:
            return {name: [round(s.value, 4), round(s.low, 4), round(s.high, 4), s.support] for name, s in scores.items()}

        out: dict[str, Any] = {"messages": self.messages, "missing": self.missing, **plain(self.figures)}
        out["per_code"] = plain(self.per_code)
        if self.pii_recall:
            out["pii_recall"] = plain(self.pii_recall)
        return out

    def rows(self) -> list[dict[str, Any]]:
        """One row a figure: what a terminal shows."""
        named = {
            **self.figures,
            **{f"f1 {c}": s for c, s in self.per_code.items()},
            **{f"pii recall {k}": s for k, s in self.pii_recall.items()},
        }
        return [
            {"score": name, "value": round(s.value, 3), "low": round(s.low, 3), "high": round(s.high, 3), "support": s.support}
            for name, s in named.items()
        ]


@dataclass(slots=True)
class _Counts:
    """What each message adds to each figure: rows are messages, so that a resample is a weighted sum."""

    gold: Floats  # (m, codes)
    predicted: Floats  # (m, codes)
    right: Floats  # (m) right labels
    proven: Floats  # (m) right labels whose quote overlaps the gold quote
    named: Floats  # (m) 1 where targets are given
    met: Floats  # (m) 1 where one of them was found
    topic: Floats  # (m) 1 where the topic is right
    pii: dict[str, Floats]  # kind -> (m, 2): all, covered
    spans: Floats  # (m, 2): masked spans, those that touch something private


def evaluate(
    gold: Iterable[Row],
    predicted: Iterable[Row],
    redacted: Iterable[Row] | None = None,
    resamples: int = 1000,
    seed: int = 20191101,
) -> Scores:
    """Scores of `predicted` (id, labels[{code, quote}], targets[{mention}], topic) against `gold`; with `redacted`, masking too.

    Figures as in the labelling handbook: F1 of "any code", micro and macro F1 over codes, macro over families, the share of right
    labels with the right evidence, recall of targets, accuracy of topics. Intervals are percentiles of a bootstrap over messages
    (Efron and Tibshirani, 1993, ch. 13).
    """
    by_id = {str(row["id"]): row for row in gold}
    ids = sorted(by_id)
    read = {str(row["id"]): row for row in predicted}
    masked = None if redacted is None else {str(row["id"]): row for row in redacted}
    counts = _count(
        [by_id[i] for i in ids], [read.get(i, {}) for i in ids], None if masked is None else [masked.get(i, {}) for i in ids]
    )
    draws = (
        np.random.default_rng(seed).multinomial(len(ids), np.full(len(ids), 1 / max(1, len(ids))), size=resamples)
        if ids
        else np.ones((1, 0))
    )
    weights = np.concatenate([np.ones((1, len(ids))), draws]).astype(np.float64)

    def score(figure: Callable[[Floats], Floats], support: float) -> Score:
        values = figure(weights)
        low, high = np.percentile(values[1:], [2.5, 97.5])
        return Score(float(values[0]), float(low), float(high), int(support))

    any_gold, any_predicted = (x.any(axis=1).astype(float) for x in (counts.gold, counts.predicted))
    code_truth = counts.gold.sum(axis=0)
    usual = code_truth >= ENOUGH
    families = [(x @ _FAMILY > 0).astype(float) for x in (counts.gold, counts.predicted)]
    figures = {
        "f1_any": score(lambda w: _f1(w, any_gold[:, None], any_predicted[:, None])[:, 0], any_gold.sum()),
        "micro_f1": score(lambda w: _micro(w, counts.gold, counts.predicted), counts.gold.sum()),
        "macro_f1": score(
            lambda w: _f1(w, counts.gold, counts.predicted)[:, usual].sum(axis=1) / max(1, usual.sum()), usual.sum()
        ),
        "family_macro_f1": score(lambda w: _f1(w, *families).mean(axis=1), families[0].sum()),
        "evidence": score(lambda w: _ratio(w @ counts.proven, w @ counts.right), counts.right.sum()),
        "target_recall": score(lambda w: _ratio(w @ counts.met, w @ counts.named), counts.named.sum()),
        "topic_accuracy": score(lambda w: _ratio(w @ counts.topic, w.sum(axis=1)), len(ids)),
    }
    if masked is not None:
        figures["pii_precision"] = score(
            lambda w: _ratio(w @ counts.spans[:, 1], w @ counts.spans[:, 0]), counts.spans[:, 0].sum()
        )
    per_code = {
        code: score(lambda w, j=j: _f1(w, counts.gold[:, [j]], counts.predicted[:, [j]])[:, 0], code_truth[j])  # type: ignore[misc]
        for j, code in enumerate(CODE_NAMES)
    }
    recall = {
        kind: score(lambda w, c=c: _ratio(w @ c[:, 1], w @ c[:, 0]), c[:, 0].sum())  # type: ignore[misc]
        for kind, c in sorted(counts.pii.items())
    }
    return Scores(len(ids), sum(i not in read for i in ids), figures, per_code, recall)


def _count(gold: Sequence[Row], predicted: Sequence[Row], redacted: Sequence[Row] | None) -> _Counts:
    size = len(gold)
    by_code = (size, len(CODE_NAMES))
    counts = _Counts(
        gold=np.zeros(by_code), predicted=np.zeros(by_code), right=np.zeros(size), proven=np.zeros(size), named=np.zeros(size),
        met=np.zeros(size), topic=np.zeros(size), pii={}, spans=np.zeros((size, 2)),
    )  # fmt: skip
    for i, (truth, said) in enumerate(zip(gold, predicted, strict=True)):
        _count_labels(counts, i, truth, said)
        targets = truth.get("targets") or []
        counts.named[i] = bool(targets)
        mentions = [target.get("mention") or "" for target in said.get("targets") or []]
        counts.met[i] = any(m and t and (m in t or t in m) for m in mentions for t in targets)
        counts.topic[i] = said.get("topic") == truth.get("topic")
        if redacted is not None:
            _count_pii(counts, i, truth, redacted[i])
    return counts


def _count_labels(counts: _Counts, i: int, truth: Row, said: Row) -> None:
    whole = f"{truth['title']}\n{truth['text']}"
    for label in truth["labels"]:
        counts.gold[i, CODE_NAMES.index(label["code"])] = 1
    for label in said.get("labels") or []:
        counts.predicted[i, CODE_NAMES.index(label["code"])] = 1
        quotes = [other["quote"] for other in truth["labels"] if other["code"] == label["code"]]
        counts.right[i] += bool(quotes)
        counts.proven[i] += any(_overlap(label.get("quote") or "", quote, whole) for quote in quotes)


def _count_pii(counts: _Counts, i: int, truth: Row, masked: Row) -> None:
    covered: dict[str, set[int]] = {"title": set(), "text": set()}
    private: dict[str, set[int]] = {"title": set(), "text": set()}
    entities = masked.get("entities") or []
    for entity in entities:
        covered[entity["field"]].update(range(entity["start"], entity["end"]))
    for item in truth.get("pii") or []:
        whole = True
        for where in ("title", "text"):
            for start, stop in _places(item["text"], truth[where]):
                private[where].update(range(start, stop))
                whole = whole and covered[where].issuperset(range(start, stop))
        for kind in (item["type"], item["role"], "all"):
            row = counts.pii.setdefault(kind, np.zeros((len(counts.topic), 2)))[i]
            row += (1, whole)
    for entity in entities:
        touched = not private[entity["field"]].isdisjoint(range(entity["start"], entity["end"]))
        counts.spans[i] += (1, touched)


def _places(words: str, text: str) -> list[tuple[int, int]]:
    out = []
    at = text.find(words) if words else -1
    while at >= 0:
        out.append((at, at + len(words)))
        at = text.find(words, at + 1)
    return out


def _overlap(one: str, other: str, text: str) -> bool:
    """Whether two quotes share at least half of the shorter one, at any of their places in `text`."""
    return any(
        2 * max(0, min(b, d) - max(a, c)) >= min(b - a, d - c) for a, b in _places(one, text) for c, d in _places(other, text)
    )


def _f1(weights: Floats, gold: Floats, predicted: Floats) -> Floats:
    """(draws, columns) F1 of each column, 0 where nothing is right."""
    both = weights @ (gold * predicted)
    return _ratio(2 * both, weights @ gold + weights @ predicted)


def _micro(weights: Floats, gold: Floats, predicted: Floats) -> Floats:
    both = weights @ (gold * predicted).sum(axis=1)
    return _ratio(2 * both, weights @ gold.sum(axis=1) + weights @ predicted.sum(axis=1))


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(np.asarray(part, dtype=np.float64)), where=whole > 0)
