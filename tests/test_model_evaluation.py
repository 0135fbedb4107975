"""Evaluation: the figures are those of the labelling handbook's own script, and the intervals behave."""

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from models.corpus import read_corpus
from models.evaluation import evaluate
from models.taxonomy import CODES, TOPICS

SHARED = Path(__file__).parents[2] / "shared" / "gold"


def _noisy(gold: list[dict[str, Any]], seed: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    rng = random.Random(seed)
    predicted, redacted = [], []
    for row in gold:
        labels = [dict(label, probability=0.9) for label in row["labels"] if rng.random() < 0.7]
        for label in labels:
            if rng.random() < 0.4:
                label["quote"] = row["text"][:8]
        if rng.random() < 0.3:
            labels.append({"code": rng.choice(list(CODES)), "quote": row["text"][3:20], "probability": 0.6})
        targets = [{"mention": t[: rng.randint(1, len(t))]} for t in row["targets"] if rng.random() < 0.8]
        if rng.random() < 0.95:
            topic = row["topic"] if rng.random() < 0.7 else rng.choice(TOPICS)
            predicted.append({"id": row["id"], "labels": labels, "targets": targets, "topic": topic})
        entities = []
        for item in row["pii"]:
            for field in ("title", "text"):
                at = row[field].find(item["text"])
                if at >= 0 and rng.random() < 0.7:
                    entities.append({"type": item["type"], "field": field, "start": at, "end": at + len(item["text"])})
        if rng.random() < 0.2:
            entities.append({"type": "PERSON", "field": "text", "start": 0, "end": min(2, len(row["text"]))})
        redacted.append({"id": row["id"], "entities": entities})
    return predicted, redacted


def _write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_figures_agree_with_the_handbooks_script(tmp_path: Path, seed: int) -> None:
    script = SHARED / "score.py"
    if not script.exists():
        pytest.skip("the handbook's script ../shared/gold/score.py is not beside this checkout")
    gold = [m.gold() for m in read_corpus()[:300]]
    predicted, redacted = _noisy(gold, seed)
    files = [_write(tmp_path / f"{name}.jsonl", rows) for name, rows in (("g", gold), ("p", predicted), ("r", redacted))]
    command = [sys.executable, str(script), files[0], files[1], "--redacted", files[2]]
    theirs = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    ours = evaluate(gold, predicted, redacted, resamples=50)
    assert (ours.messages, ours.missing) == (theirs["messages"], theirs["missing"])
    for name in (
        "f1_any",
        "micro_f1",
        "macro_f1",
        "family_macro_f1",
        "evidence",
        "target_recall",
        "topic_accuracy",
        "pii_precision",
    ):
        assert round(ours.figures[name].value, 4) == theirs[name], name
    for code, (value, support) in theirs["per_code_f1_and_support"].items():
        assert (round(ours.per_code[code].value, 3), ours.per_code[code].support) == (value, support)
    for kind, (value, support) in theirs["pii_recall"].items():
        assert (round(ours.pii_recall[kind].value, 3), ours.pii_recall[kind].support) == (value, support)


def test_perfect_readings_score_one_and_empty_ones_nought() -> None:
    gold = [m.gold() for m in read_corpus()[:120]]
    perfect = [{**row, "targets": [{"mention": t} for t in row["targets"]]} for row in gold]
    assert all(
        s.value == s.low == s.high == 1
        for name, s in evaluate(gold, perfect, resamples=50).figures.items()
        if name != "family_macro_f1"
    )
    nothing = evaluate(gold, [], resamples=50)
    assert nothing.missing == 120
    assert all(s.value == 0 for s in nothing.figures.values())


def test_intervals_hold_the_value_and_narrow_with_more_messages() -> None:
    gold = [m.gold() for m in read_corpus()]
    predicted, _ = _noisy(gold, 5)
    small, large = evaluate(gold[:60], predicted), evaluate(gold, predicted)
    for scores in (small, large):
        for figure in scores.figures.values():
            assert figure.low <= figure.value <= figure.high
    assert (
        large.figures["micro_f1"].high - large.figures["micro_f1"].low
        < small.figures["micro_f1"].high - small.figures["micro_f1"].low
    )
    assert evaluate(gold, predicted).as_dict() == large.as_dict()


def test_no_messages_at_all_is_no_crash() -> None:
    assert evaluate([], []).figures["micro_f1"].value == 0
