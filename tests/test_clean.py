"""Cleaning: what comes out of the vault is readable, redacted, or rejected with a reason."""

import datetime as dt
from typing import Any

import pytest

from crawlers.sources import Bounds, Export, SourceDeclaration
from pipelines import clean
from pipelines.clean import clean_batch, redact_rows
from pipelines.contracts import CleanMessage, Redaction, arrow_schema
from pipelines.vault import Stored

SOURCE = SourceDeclaration(
    slug="hotline_test", name="测试热线", publisher="测试", channel="hotline", kind="export", place="临江市",
    bounds=Bounds(at_least=0, at_most=100), export=Export(columns={"body": ("内容",)}),
)  # fmt: skip
SOURCES = {SOURCE.slug: SOURCE}


def stored(record_id: int = 1, withdrawn: bool = False, **fields: str) -> Stored:
    whole = {"title": "路灯不亮", "body": "柳巷的路灯坏了没人修。", "posted_at": "2019-08-28 09:00"} | fields
    return Stored(record_id, f"m{record_id:016x}", SOURCE.slug, "k1", withdrawn, whole)


def row(**fields: str) -> dict[str, Any]:
    cleaned = clean_batch([stored(**fields)], SOURCES)
    assert cleaned.rejected == []
    found: dict[str, Any] = cleaned.messages.to_pylist()[0]
    return found


def test_a_message_becomes_a_row_with_its_week_place_and_masks() -> None:
    cleaned = clean_batch([stored(body="我叫林晓棠，電話１３８　0731－5566，請管管。")], SOURCES)
    (message,) = cleaned.messages.to_pylist()
    assert message["body"] == "我叫[姓名]，电话[电话]，请管管。"
    assert (message["week"], message["place"], message["channel"], message["masked"]) == ("2019-W35", "临江市", "hotline", 2)
    for span in cleaned.redactions.to_pylist():
        assert message["body"][span["start"] : span["stop"]] == {"PERSON": "[姓名]", "PHONE": "[电话]"}[span["type"]]


def test_the_tables_keep_their_contract() -> None:
    cleaned = clean_batch([stored(1), stored(2, body="联系人：卜建才，13912345678"), stored(3, withdrawn=True)], SOURCES)
    assert cleaned.messages.schema == arrow_schema(CleanMessage)
    assert cleaned.redactions.schema == arrow_schema(Redaction)
    kinds = {(row["message_id"][-1], row["type"]) for row in cleaned.redactions.to_pylist()}
    assert kinds == {("2", "PERSON"), ("2", "PHONE")}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"posted_at": ""}, "bad_date"),
        ({"posted_at": "2019-02-31"}, "bad_date"),
        ({"posted_at": "2099-01-01"}, "future_date"),
        ({"title": " ", "body": "<br>\x00"}, "no_text"),
        ({"body": "路" * (clean.LONGEST + 1)}, "too_long"),
    ],
)
def test_what_cannot_be_read_is_rejected_with_a_reason(fields: dict[str, str], reason: str) -> None:
    cleaned = clean_batch([stored(7, **fields), stored(8)], SOURCES)
    assert [(record_id, why) for record_id, why, mend in cleaned.rejected if mend] == [(7, reason)]
    assert cleaned.messages["record_id"].to_pylist() == [8]


def test_a_failure_in_redaction_lets_nothing_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("电话13912345678")

    monkeypatch.setattr(clean, "find_entities", fails)
    cleaned = clean_batch([stored(9)], SOURCES)
    assert cleaned.messages.num_rows == 0
    assert cleaned.rejected[0][:2] == (9, "redaction_failed")
    assert "139" not in cleaned.rejected[0][2]


def test_an_undeclared_source_is_rejected() -> None:
    assert clean_batch([stored()], {}).rejected[0][1] == "unknown_source"


def test_what_the_source_knows_of_the_writer_is_masked_wherever_it_stands() -> None:
    message = row(author="柏念慈", phone="07471234567", body="柏念慈的事就是07471234567这家的事", reply="柏念慈同志：您好")
    assert "柏念慈" not in message["body"] + message["reply"] and "0747" not in message["body"]


def test_a_nickname_is_not_masked_as_a_name() -> None:
    assert row(author="路灯", body="路灯坏了")["body"] == "路灯坏了"


def test_a_name_found_in_the_question_is_masked_in_the_answer() -> None:
    message = row(body="我叫司徒启明，住得远。", reply="司徒启明您好，已转办。", replied_at="2019-08-30 09:00")
    assert message["reply"] == "[姓名]您好，已转办。"
    assert message["reply_days"] == 2.0


def test_an_answer_before_the_question_keeps_the_row_without_days() -> None:
    message = row(reply="已办", replied_at="2019-08-01")
    assert message["replied_at"] == dt.datetime(2019, 8, 1) and message["reply_days"] is None  # noqa: DTZ001


def test_a_withdrawn_message_keeps_no_words() -> None:
    said = Stored(
        4, "m" + "4" * 16, SOURCE.slug, None, False, {"body": "路灯坏了", "posted_at": "2019-08-28", "withdrawn": "已撤回"}
    )
    for record in (stored(3, withdrawn=True), said):
        (message,) = clean_batch([record], SOURCES).messages.to_pylist()
        assert message["withdrawn"] and message["title"] == message["body"] == "" and message["reply"] is None


def test_a_missing_title_is_the_start_of_the_body_and_never_half_a_mask() -> None:
    title = row(title="", body="路" * 27 + "我叫林晓棠，请管管。")["title"]
    assert len(title) <= 30 and title.count("[") == title.count("]")


def test_the_source_words_for_closing_are_read() -> None:
    assert row(satisfaction="不满意", reopened="二次办理")["satisfied"] is False
    assert row(satisfaction="满意")["satisfied"] is True
    assert row(satisfaction="待评价")["satisfied"] is None
    assert row(reopened="二次办理")["reopened"] is True


def test_hints_are_redacted_too() -> None:
    assert "139" not in str(row(unit="城管局 电话13912345678")["unit_hint"])


def test_redact_rows_gives_offsets_into_the_original() -> None:
    text = "<b>我叫</b>：上官雅琴，電話\u200b１３９-１２３４-５６７８"
    (out,) = redact_rows([{"id": "x", "title": "一", "text": text}])
    assert {text[e["start"] : e["end"]] for e in out["entities"]} >= {"１３９-１２３４-５６７８"}
    assert "１３９" not in out["text"]
