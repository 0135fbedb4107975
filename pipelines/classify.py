"""Reads clean_message; writes reading (topic, conduct probability) and signal (code, probability, quote). Runs the model."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pyarrow as pa

from models.classifier import ConductClassifier
from pipelines import contracts, settings
from pipelines.contracts import Signal, arrow_schema
from pipelines.normalise import fold

BATCH = 1000


@dataclass(frozen=True, slots=True)
class Readings:
    """Arrow tables of the contracts Reading and Signal."""

    reading: pa.Table
    signal: pa.Table


def classify_batch(messages: pa.Table, classifier: ConductClassifier, reading: settings.Reading) -> Readings:
    """Reads a batch of clean_message (message_id, title, body). A message whose source withdrew it has empty text and no signal.

    A code is asserted from `reading.assert_from`, waits for a person from `reading.review_from`, and is left out below that.
    """
    ids = messages["message_id"].to_pylist()
    read = classifier.predict(messages["title"].to_pylist(), messages["body"].to_pylist(), least=reading.review_from)
    version = classifier.version
    readings = {
        "message_id": ids,
        "topic": [r.topic for r in read],
        "topic_probability": [r.topic_probability for r in read],
        "conduct_probability": [r.conduct_probability for r in read],
        "model_version": [version] * len(ids),
    }
    signals = [
        (id_, f.code, f.probability, f.quote, "body" if f.field == "text" else "title", f.start, f.stop,
         "asserted" if f.probability >= reading.assert_from else "review", version)
        for id_, r in zip(ids, read, strict=True)
        for f in r.findings
    ]  # fmt: skip
    schema = arrow_schema(Signal)
    columns = list(zip(*signals, strict=True)) or [()] * len(schema)
    return Readings(
        pa.table(readings, schema=arrow_schema(contracts.Reading)),
        pa.table([pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema=schema),
    )


def classify_rows(rows: Iterable[dict[str, Any]], classifier: ConductClassifier, least: float = 0.5) -> Iterator[dict[str, Any]]:
    """Reads raw rows (id, title, text): labels from probability `least` with quotes that are exact substrings; topic."""
    waiting = iter(rows)
    while batch := list(islice(waiting, BATCH)):
        titles = [str(row.get("title") or "") for row in batch]
        texts = [str(row.get("text") or "") for row in batch]
        read = classifier.predict([fold(title) for title in titles], [fold(text) for text in texts], least=least)
        for row, title, text, reading in zip(batch, titles, texts, read, strict=True):
            yield {
                "id": row.get("id"),
                "labels": [_label(finding.code, finding.probability, finding.field, finding.start, finding.stop, title, text)
                           for finding in reading.findings],
                "topic": reading.topic,
                "topic_probability": round(reading.topic_probability, 4),
                "conduct_probability": round(reading.conduct_probability, 4),
            }  # fmt: skip


def _label(code: str, probability: float, field: str, start: int, stop: int, title: str, text: str) -> dict[str, Any]:
    quote = (title if field == "title" else text)[start:stop]  # folding keeps length, so that the quote is the writer's own
    return {"code": code, "probability": round(probability, 4), "quote": quote, "field": field, "start": start, "end": stop}
