"""Training: an office's own labels join the corpus; broken files are named by line."""

import json
from pathlib import Path
from typing import Any

import pytest

from models.classifier import ConductClassifier
from models.corpus import CorpusError, from_gold, read_corpus, read_gold
from models.training import train

WRITTEN = read_corpus()[:120]
ROW: dict[str, Any] = {
    "id": 7, "title": "门前的路灯", "text": "路灯坏了，找了街道，街道说归电力，电力说归街道。", "topic": "城乡建设",
    "labels": [{"code": "buck_passing", "quote": "街道说归电力，电力说归街道"}],
}  # fmt: skip


def _file(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n\n", encoding="utf-8")
    return path


def test_labels_and_corrections_change_the_model_and_its_manifest(tmp_path: Path) -> None:
    own = _file(tmp_path / "own.jsonl", [{**m.gold(), "id": f"own-{m.id}"} for m in read_corpus()[120:180]])
    plain = _file(tmp_path / "plain.jsonl", [{"id": str(m.id), "title": m.title, "text": m.text} for m in read_corpus()[180:260]])
    model = ConductClassifier(folds=2, practice_messages=1000)
    scores = train([own], tmp_path / "model", unlabelled=[plain], corrected=[ROW], model=model, written=WRITTEN)
    manifest = json.loads((tmp_path / "model" / "manifest.json").read_text(encoding="utf-8"))
    assert scores.messages == 61  # of the office's own messages, each read by a model that had not seen it
    assert manifest["scores"]["messages"] == 61
    assert 181 <= manifest["messages"] <= 261
    assert len(manifest["corpus_sha256"]) == 64
    assert ConductClassifier.load(tmp_path / "model").version == manifest["version"]


def test_a_correction_whose_quote_is_gone_is_left_out(tmp_path: Path) -> None:
    stale = {**ROW, "labels": [{"code": "buck_passing", "quote": "不在文中"}]}
    scores = train([], tmp_path, corrected=[stale], model=ConductClassifier(folds=2, practice_messages=200), written=WRITTEN)
    assert scores.messages == len(WRITTEN)


def test_a_gold_row_becomes_spans() -> None:
    message = from_gold(ROW)
    assert [(s.tag, message.quote(s)) for s in message.labels] == [("buck_passing", "街道说归电力，电力说归街道")]
    assert message.gold()["labels"] == ROW["labels"]
    assert message.judged is None


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({**ROW, "labels": [{"code": "nonsense", "quote": "路灯"}]}, "unknown code"),
        ({**ROW, "labels": [{"code": "delay", "quote": "没有这句"}]}, "not in the title or text"),
        ({**ROW, "topic": "天文"}, "unknown topic"),
        ({"id": 1, "text": "x", "labels": []}, "title"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, row: dict[str, Any], why: str) -> None:
    path = _file(tmp_path / "gold.jsonl", [ROW, row])
    with pytest.raises(CorpusError, match=why) as error:
        read_gold(path)
    assert str(error.value).startswith("gold.jsonl:2:")
    assert "\n" not in str(error.value)


def test_binary_garbage_and_half_a_line_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "half.jsonl"
    path.write_text(json.dumps(ROW)[:40], encoding="utf-8")
    with pytest.raises(CorpusError, match=r"half\.jsonl:1"):
        read_gold(path)
    path.write_bytes(b"\xff\xfe\x00\x81\x99")
    with pytest.raises(CorpusError, match=r"half\.jsonl"):
        read_gold(path)
