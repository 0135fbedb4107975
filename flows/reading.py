"""Reads, scores and teaches outside the flow: `classify`, `evaluate`, `train` on files."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from flows.console import UsageError
from flows.steps import model_folder
from models.classifier import SHIPPED, ConductClassifier
from models.evaluation import evaluate
from models.training import train
from pipelines.classify import classify_rows
from pipelines.clean import redact_rows
from pipelines.registry import Registry
from pipelines.units import Resolver, targets_of
from pipelines.warehouse import DataDir

BATCH = 500


def read_rows(rows: Sequence[Mapping[str, Any]], data: DataDir, units: Path | None = None) -> Iterator[dict[str, Any]]:
    """What each message says, in the file form of `weathervane classify`, in the order given."""
    classifier = ConductClassifier.load(_model_of(data))
    resolver = Resolver(_registry_of(data, units))
    for at in range(0, len(rows), BATCH):
        part = [{**row, "id": row["id"], "title": row["title"] or "", "text": row["text"] or ""} for row in rows[at : at + BATCH]]
        for row, read in zip(part, classify_rows(part, classifier), strict=True):
            yield {**read, "targets": targets_of(row["title"], row["text"], row.get("place"), resolver)}


def score(gold: Sequence[Mapping[str, Any]], data: DataDir) -> list[dict[str, Any]]:
    """The figures of an evaluation with 95% intervals, as rows to show."""
    bare = [{name: row[name] for name in ("id", "title", "text")} for row in gold]
    return evaluate(list(gold), list(read_rows(bare, data)), list(redact_rows(bare))).rows()


def train_model(labels: list[Path], unlabelled: list[Path], output: Path | None, data: DataDir) -> list[dict[str, Any]]:
    """Fits on the written corpus, the files given and the office's own corrections; saves and gives the scores."""
    for path in [*labels, *unlabelled]:
        if not path.exists():
            raise UsageError(f"{path}: no such file")
    return train(labels, output or data.model, unlabelled=unlabelled, corrected=_corrected(data)).rows()


def _corrected(data: DataDir) -> list[dict[str, Any]]:
    """Messages that an office has reviewed, in gold form: redacted text with the labels that stand."""
    if not data.warehouse.exists():
        return []
    from flows.reviewing import reviewed_messages

    return reviewed_messages(data)


def _model_of(data: DataDir) -> Path:
    return model_folder(data) if data.keys.exists() else SHIPPED


def _registry_of(data: DataDir, units: Path | None) -> Registry:
    if units is not None:
        return Registry.read(units)
    return Registry.read(data.units) if data.units.exists() else Registry.from_rows([])
