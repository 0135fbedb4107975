"""The reading stage: clean messages in, readings and signals out, as the contracts want them."""

import datetime as dt
from typing import Any

import pyarrow as pa
import pytest

from models.classifier import ConductClassifier
from pipelines.classify import classify_batch, classify_rows
from pipelines.contracts import CleanMessage, Reading, Signal, arrow_schema, rows
from pipelines.settings import Reading as ReadingSettings

TEXTS = [
    ("反映路灯无人管", "我们多次向街道办反映路灯损坏，街道办一直不管不问，至今没有答复。部门之间互相推诿。"),
    ("咨询公交", "请问三路公交车周末几点收车，能不能延长到晚上十点？谢谢。"),
    ("", ""),
    ("[姓名]投诉派出所", "本人[姓名]，电话[电话]，到派出所办事，窗口民警态度恶劣，张口就骂人，还说随便你去告。"),
]


@pytest.fixture(scope="module")
def classifier() -> ConductClassifier:
    return ConductClassifier.load()


def _messages(texts: list[tuple[str, str]]) -> pa.Table:
    moment = dt.datetime.fromisoformat("2019-08-30T09:00:00")
    shared: dict[str, Any] = {
        "record_id": 1, "source": "board", "channel": "board", "posted_at": moment, "week": "2019-W35", "reopened": False,
        "withdrawn": False, "masked": 0,
    }  # fmt: skip
    return rows(
        CleanMessage,
        [{**shared, "message_id": f"m{i:016x}", "title": title, "body": body} for i, (title, body) in enumerate(texts)],
    )


def test_tables_are_those_of_the_contracts_and_statuses_follow_the_settings(classifier: ConductClassifier) -> None:
    settings = ReadingSettings(assert_from=0.6, review_from=0.1)
    readings = classify_batch(_messages(TEXTS), classifier, settings)
    assert readings.reading.schema == arrow_schema(Reading)
    assert readings.signal.schema == arrow_schema(Signal)
    assert readings.reading["message_id"].to_pylist() == [f"m{i:016x}" for i in range(4)]
    signals = readings.signal.to_pylist()
    assert {s["status"] for s in signals} == {"asserted", "review"}
    for signal in signals:
        title, body = TEXTS[int(signal["message_id"][1:], 16)]
        assert (title if signal["field"] == "title" else body)[signal["start"] : signal["stop"]] == signal["quote"]
        assert signal["probability"] >= 0.1
        assert (signal["status"] == "asserted") == (signal["probability"] >= 0.6)
        assert signal["model_version"] == classifier.version
    keys = [(s["message_id"], s["code"]) for s in signals]
    assert len(keys) == len(set(keys))
    asserted = {(s["message_id"][-1], s["code"]) for s in signals if s["status"] == "asserted"}
    assert ("0", "inaction") in asserted
    assert ("3", "rudeness") in asserted
    assert not [s for s in signals if s["message_id"][-1] == "2"]


def test_an_empty_batch_gives_empty_tables(classifier: ConductClassifier) -> None:
    readings = classify_batch(_messages([]), classifier, ReadingSettings())
    assert (readings.reading.num_rows, readings.signal.num_rows) == (0, 0)
    assert readings.signal.schema == arrow_schema(Signal)


def test_the_same_batch_twice_gives_the_same_tables(classifier: ConductClassifier) -> None:
    one, two = (classify_batch(_messages(TEXTS), classifier, ReadingSettings()) for _ in range(2))
    assert one.reading.equals(two.reading)
    assert one.signal.equals(two.signal)


def test_rows_keep_their_order_and_quote_the_writers_own_characters(classifier: ConductClassifier) -> None:
    given = [
        {
            "id": "b",
            "title": "投訴城管局",
            "text": "小區門口違建，居民多次向城管局投訴，城管局一直不管不問，互相推諉，至今沒有答復！",
            "extra": 1,
        },
        {"id": "a", "title": None, "text": "ＡＢＣ１２３　　谢谢"},
    ]
    out = list(classify_rows(iter(given), classifier))
    assert [row["id"] for row in out] == ["b", "a"]
    labels = out[0]["labels"]
    assert {"inaction"} <= {label["code"] for label in labels}
    for label in labels:
        whole = given[0]["title"] if label["field"] == "title" else given[0]["text"]
        assert isinstance(whole, str)
        assert whole[label["start"] : label["end"]] == label["quote"]
    assert set(out[0]) == {"id", "labels", "topic", "topic_probability", "conduct_probability"}
    assert out[1]["labels"] == []
