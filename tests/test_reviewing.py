"""Review by file: what waits goes out inert, verdicts come back, and quotes are the message's own words again."""

import csv
import datetime as dt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.console import UsageError
from flows.reviewing import review_by_file, reviewed_messages
from flows.runtime import warehouse_of
from flows.setup import make_data_directory
from pipelines.contracts import CleanMessage, Reading, Signal, rows
from pipelines.spreadsheet import FORMULA, inert, live
from pipelines.warehouse import DataDir

ID = "m0123456789abcdef"
POSTED = dt.datetime.fromisoformat("2019-08-26T10:00:00")
QUOTE = '＝HYPERLINK("x")电话没人接'


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    made = DataDir(tmp_path / "data")
    for _ in make_data_directory(made):
        pass
    message = {
        "message_id": ID, "record_id": 1, "source": "s", "channel": "board", "posted_at": POSTED, "week": "2019-W35",
        "title": "窗口电话", "body": QUOTE, "reopened": False, "withdrawn": False, "masked": 0,
    }  # fmt: skip
    reading = {"message_id": ID, "topic": "党务政务", "topic_probability": 0.9, "conduct_probability": 0.4, "model_version": "t"}
    signal = {
        "message_id": ID, "code": "absence", "probability": 0.4, "quote": QUOTE, "field": "body", "start": 0, "stop": len(QUOTE),
        "status": "review", "model_version": "t",
    }  # fmt: skip
    with warehouse_of(made) as warehouse:
        warehouse.write(CleanMessage, rows(CleanMessage, [message]))
        warehouse.write(Reading, rows(Reading, [reading]))
        warehouse.write(Signal, rows(Signal, [signal]))
    return made


def filled_in(path: Path, verdict: str) -> None:
    with path.open(encoding="utf-8-sig", newline="") as file:
        waiting = list(csv.DictReader(file))
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        out = csv.DictWriter(file, list(waiting[0]))
        out.writeheader()
        out.writerows({**row, "verdict": verdict} for row in waiting)


def test_a_verdict_goes_out_and_comes_back(data: DataDir, tmp_path: Path) -> None:
    sheet = tmp_path / "待复核.csv"
    assert "1 labels wait" in review_by_file(data, sheet, None, "")
    assert "'＝HYPERLINK" in sheet.read_text(encoding="utf-8-sig"), "a spreadsheet would run this cell"
    filled_in(sheet, "是")
    assert "1 verdicts kept" in review_by_file(data, None, sheet, "赵老师")
    assert "0 labels wait" in review_by_file(data, tmp_path / "again.csv", None, "")
    (message,) = reviewed_messages(data)
    assert message["labels"] == [{"code": "absence", "quote": QUOTE}], "the quote must be the message's own words again"


def test_a_label_that_was_rejected_does_not_stand(data: DataDir, tmp_path: Path) -> None:
    sheet = tmp_path / "待复核.csv"
    review_by_file(data, sheet, None, "")
    filled_in(sheet, "否")
    review_by_file(data, None, sheet, "赵老师")
    assert reviewed_messages(data)[0]["labels"] == []


def test_what_cannot_be_taken_back_says_where(data: DataDir, tmp_path: Path) -> None:
    sheet = tmp_path / "待复核.csv"
    review_by_file(data, sheet, None, "")
    filled_in(sheet, "也许")
    with pytest.raises(UsageError, match=r"待复核.csv:2: verdict"):
        review_by_file(data, None, sheet, "赵老师")
    with pytest.raises(UsageError, match="name who confirms"):
        review_by_file(data, None, sheet, " ")
    sheet.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(UsageError, match="needs the columns"):
        review_by_file(data, None, sheet, "赵老师")


@given(st.text(alphabet=st.characters(min_codepoint=32, blacklist_categories=["Cs"])))
def test_an_inert_cell_starts_with_no_sign_and_comes_back(cell: str) -> None:
    written = inert(cell)
    assert written.lstrip(" \u3000\ufeff")[:1] not in FORMULA
    assert live(written) == cell
