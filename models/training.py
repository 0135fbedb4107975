"""Fits, calibrates and saves a model. Reads the written corpus and an office's own labels; writes a model folder."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

import structlog

from models.classifier import ConductClassifier, MessageReading
from models.corpus import CorpusError, Labelled, digest, from_gold, json_lines, read_corpus, read_gold
from models.evaluation import Scores, evaluate

log = structlog.get_logger()

ENOUGH = 50  # labelled messages of its own from which an office's scores rest on them
NEUTRAL_BELOW = 0.1  # an unlabelled message is neutral ground when the first reading finds conduct less probable
NEUTRAL_MOST = 4000


def train(
    labels: Sequence[Path],
    out: Path,
    unlabelled: Sequence[Path] = (),
    corrected: Iterable[Mapping[str, Any]] = (),
    model: ConductClassifier | None = None,
    written: Sequence[Labelled] | None = None,
) -> Scores:
    """Fits a model on the written corpus and on `labels` (gold JSONL) and `corrected` (gold rows); saves it to `out`.

    The scores are of messages held out in turn (the office's own where there are enough, else the corpus's), not of those learned
    from. `unlabelled` (JSONL: id, title, text) lends neutral text to practice messages, so that they sound like the source.
    Raises CorpusError with file and line.
    """
    model = model or ConductClassifier()
    written = read_corpus() if written is None else written
    own = [*(message for path in labels for message in read_gold(path)), *_usable(corrected)]
    messages = [*written, *own]
    model.fit(messages)
    if unlabelled and (neutral := _neutral(model, unlabelled)):
        model.fit(messages, neutral)
        messages += neutral
    scores = held_out_scores(model.held_out_, {id(m) for m in own})
    scores.figures.pop("target_recall")  # whose conduct is not this model's to find
    about = {"messages": len(messages), "corpus_sha256": digest(messages), "scores": scores.as_dict()}
    version = model.save(out, about)
    log.info("trained", version=version, written=len(written), own=len(own), all=len(messages))
    return scores


def held_out_scores(held_out: Sequence[tuple[Labelled, MessageReading]], own: AbstractSet[int]) -> Scores:
    """Scores of held-out readings: of the messages in `own` (by id()) where enough are wholly judged, else of all others."""
    judged = [(m, r) for m, r in held_out if id(m) in own and m.judged is None]
    tested = judged if len(judged) >= ENOUGH else [(m, r) for m, r in held_out if id(m) not in own]
    gold, predicted = [], []
    for number, (message, reading) in enumerate(tested):  # numbered: an office's ids may repeat those of the corpus
        gold.append({**message.gold(), "id": str(number)})
        labels = [{"code": f.code, "quote": f.quote} for f in reading.findings]
        predicted.append({"id": str(number), "labels": labels, "targets": [], "topic": reading.topic})
    return evaluate(gold, predicted)


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


def _neutral(model: ConductClassifier, files: Sequence[Path]) -> list[Labelled]:
    """Unlabelled messages in which `model` finds nothing; at most NEUTRAL_MOST, chosen by their hash. Raises CorpusError."""
    found: dict[str, Labelled] = {}
    for path in files:
        for place, row in json_lines(path):
            try:
                message = Labelled(str(row["id"]), str(row["title"] or ""), str(row["text"] or ""), "", "unlabelled")
            except KeyError as error:
                raise CorpusError(f"{place}: lacks {error}; a line needs id, title, text") from None
            found[hashlib.sha256(f"{message.title}\n{message.text}".encode("utf-8", "surrogatepass")).hexdigest()] = message
    chosen = [found[key] for key in sorted(found)[:NEUTRAL_MOST]]
    read = model.predict([m.title for m in chosen], [m.text for m in chosen])
    return [m for m, reading in zip(chosen, read, strict=True) if reading.conduct_probability < NEUTRAL_BELOW]
