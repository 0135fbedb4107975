"""Fits, calibrates and saves a model. Reads the written corpus and an office's own labels; writes a model folder."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import structlog

from models.classifier import ConductClassifier
from models.corpus import Labelled, digest, from_gold, read_corpus, read_gold
from models.evaluation import Scores, evaluate

log = structlog.get_logger()

NEUTRAL_BELOW = 0.1  # an unlabelled message is neutral ground when the first reading finds conduct less probable
NEUTRAL_MOST = 4000


def train(
    labels: Sequence[Path],
    out: Path,
    unlabelled: Sequence[Path] = (),
    corrected: Iterable[Mapping[str, Any]] = (),
    model: ConductClassifier | None = None,
    folds: int = 5,
) -> Scores:
    """Fits a model on the written corpus and on `labels` (gold JSONL) and `corrected` (gold rows); saves it to `out`.

    Gives scores, which are of messages held out in turn (the office's own where there are any, else the corpus's), not of those learned
    from. `unlabelled` (JSONL: id, title, text) lends neutral text to practice messages, so that they sound like the source.
    Raises CorpusError with file and line.
    """
    model = model or ConductClassifier()
    written = read_corpus()
    own = [*(message for path in labels for message in read_gold(path)), *_usable(corrected)]
    neutral = _neutral(model, [*written, *own], unlabelled)
    scores = held_out_scores(model, written, own, neutral, folds)
    messages = [*written, *own]
    model.fit(messages, neutral)
    about = {"messages": len(messages), "corpus_sha256": digest([*messages, *neutral]), "scores": scores.as_dict()}
    version = model.save(out, about)
    log.info("trained", version=version, written=len(written), own=len(own), neutral=len(neutral))
    return scores


def held_out_scores(
    model: ConductClassifier, written: Sequence[Labelled], own: Sequence[Labelled], neutral: Sequence[Labelled], folds: int
) -> Scores:
    """Scores by cross-validation: of `own` messages where all codes are judged (at least 50 of them), else of `written` ones."""
    judged = [m for m in own if m.judged is None]
    tested = judged if len(judged) >= 50 else list(written)
    order = np.random.default_rng(model.seed).permutation(len(tested))
    gold: list[dict[str, object]] = []
    predicted: list[dict[str, Any]] = []
    for fold in range(folds):
        held = {id(tested[i]) for i in order[fold::folds]}
        part = ConductClassifier(
            model.practice_messages,
            model.strength,
            3,
            model.least_seen,
            model.most_columns,
            model.seed,
            model.cues_text,
            model.topics_text,
        ).fit([m for m in [*written, *own] if id(m) not in held], neutral)
        unseen = [m for m in tested if id(m) in held]
        gold += [m.gold() for m in unseen]
        predicted += readings(part, unseen)
    return evaluate(gold, predicted)


def readings(model: ConductClassifier, messages: Sequence[Labelled], assert_from: float = 0.5) -> list[dict[str, Any]]:
    """What the model says of `messages`, in the form of a predicted file (without targets)."""
    read = model.predict([m.title for m in messages], [m.text for m in messages], least=assert_from)
    return [
        {
            "id": m.id,
            "labels": [{"code": f.code, "quote": f.quote} for f in reading.findings],
            "targets": [],
            "topic": reading.topic,
        }
        for m, reading in zip(messages, read, strict=True)
    ]


def _usable(rows: Iterable[Mapping[str, Any]]) -> list[Labelled]:
    """Reviewed messages whose quotes still stand in the text: cleaning may have changed it since."""
    kept, lost = [], 0
    for row in rows:
        try:
            kept.append(from_gold(row))
        except ValueError:
            lost += 1
    if lost:
        log.warning("reviewed messages left out: a quote is no longer in the text", messages=lost)
    return kept


def _neutral(model: ConductClassifier, messages: Sequence[Labelled], files: Sequence[Path]) -> list[Labelled]:
    """Unlabelled messages that a first model finds to assert nothing; at most NEUTRAL_MOST, chosen by their hash."""
    found: dict[str, Labelled] = {}
    for path in files:
        for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
            if line.strip():
                try:
                    row = json.loads(line)
                    message = Labelled(str(row["id"]), str(row["title"] or ""), str(row["text"] or ""), "", "unlabelled")
                except (ValueError, KeyError, TypeError) as error:
                    raise ValueError(f"{path.name}:{number}: {error}; a line needs id, title, text") from None
                found[hashlib.sha256(f"{message.title}\n{message.text}".encode("utf-8", "surrogatepass")).hexdigest()] = message
    if not found:
        return []
    chosen = [found[key] for key in sorted(found)[:NEUTRAL_MOST]]
    first = ConductClassifier(model.practice_messages, model.strength, 2, model.least_seen, model.most_columns, model.seed).fit(
        messages
    )
    read = first.predict([m.title for m in chosen], [m.text for m in chosen])
    return [m for m, reading in zip(chosen, read, strict=True) if reading.conduct_probability < NEUTRAL_BELOW]
