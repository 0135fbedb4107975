"""Reading dates: every untidy form gives its moment, every impossible one gives none, and nothing raises."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.moments import parse_moment

D = dt.datetime


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2019/2/28 11:25:05", D(2019, 2, 28, 11, 25, 5)),
        ("2019/02/28 1:05:09", D(2019, 2, 28, 1, 5, 9)),
        ("2019-02-28", D(2019, 2, 28)),
        (" 2019-02-28 11:25\t\n", D(2019, 2, 28, 11, 25)),
        ("2019-02-28 11:25:05.0", D(2019, 2, 28, 11, 25, 5)),
        ("2019年2月28日 11时25分", D(2019, 2, 28, 11, 25)),
        ("2019年2月28日11时25分05秒", D(2019, 2, 28, 11, 25, 5)),
        ("2019年02月28号", D(2019, 2, 28)),
        ("2019年2月28日 星期四 9点", D(2019, 2, 28, 9)),
        ("2019年2月28日上午9点半", D(2019, 2, 28, 9, 30)),
        ("2019-2-28 下午3:05", D(2019, 2, 28, 15, 5)),
        ("2019-2-28 中午12:05", D(2019, 2, 28, 12, 5)),
        ("2019-2-28 中午1:05", D(2019, 2, 28, 13, 5)),
        ("2019-2-28 上午12:05", D(2019, 2, 28, 0, 5)),
        ("2019/2/28 3:05:06 PM", D(2019, 2, 28, 15, 5, 6)),
        ("2019/2/28 12:05 AM", D(2019, 2, 28, 0, 5)),
        ("2019-2-28 下午15:05", D(2019, 2, 28, 15, 5)),
        ("2019.2.28", D(2019, 2, 28)),
        ("20190228", D(2019, 2, 28)),
        ("20190228.0", D(2019, 2, 28)),
        ("201902281125", D(2019, 2, 28, 11, 25)),
        ("20190228112505", D(2019, 2, 28, 11, 25, 5)),
        ("2019-02-28T11:25:05", D(2019, 2, 28, 11, 25, 5)),
        ("2019-02-28T11:25:05Z", D(2019, 2, 28, 19, 25, 5)),
        ("2019-02-28T11:25:05.123+08:00", D(2019, 2, 28, 11, 25, 5)),
        ("2019-02-28T23:25:05-0500", D(2019, 3, 1, 12, 25, 5)),
        ("2019-02-28 24:00:00", D(2019, 3, 1)),
        ("43524.476446759", D(2019, 2, 28, 11, 26, 5)),
        ("43524", D(2019, 2, 28)),
        ("1551324305", D(2019, 2, 28, 11, 25, 5)),
        ("1551324305000", D(2019, 2, 28, 11, 25, 5)),
        ("1551324305.25", D(2019, 2, 28, 11, 25, 5)),
        ("2019/2/28　11:25:05", D(2019, 2, 28, 11, 25, 5)),
        ("2019年2月28日 11:25", D(2019, 2, 28, 11, 25)),
        ("Thu, 28 Feb 2019 03:25:05 GMT", D(2019, 2, 28, 11, 25, 5)),
    ],
)
def test_untidy_forms_give_their_moment(text: str, moment: dt.datetime) -> None:
    assert parse_moment(text) == moment


@pytest.mark.parametrize(
    "text",
    [
     "", "无", "nan", "昨天", "2019-02-30", "2019/13/1", "2019-1-1 25:00", "2019-1-1 24:30", "2019-1-1 10:61", "19-2-28",
     "2/28/2019", "2019-1-1 11:255",
     "0019-02-28", "9999-12-31", "20191345", "123456", "99999", "9999999999999", "2019-02-28 11:25:05 x", "20190228.5",
     "2019-02-28T11:25+99:99", "=NOW()", "Thu, 99 Feb 2019 03:25:05 GMT"],
)  # fmt: skip
def test_impossible_and_ambiguous_ones_give_none(text: str) -> None:
    assert parse_moment(text) is None


# Shanghai kept summer time until 1991
MOMENTS = st.datetimes(D(1992, 1, 1), D(2099, 1, 1)).map(lambda m: m.replace(microsecond=0))


@given(MOMENTS, st.sampled_from(["%Y/%m/%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S+08:00", "%Y年%m月%d日 %H时%M分%S秒", "%Y%m%d%H%M%S"]))
def test_what_is_written_is_read(moment: dt.datetime, form: str) -> None:
    assert parse_moment(moment.strftime(form)) == moment


@given(MOMENTS)
def test_excel_serials_are_read_to_the_second(moment: dt.datetime) -> None:
    serial = (moment - D(1899, 12, 30)) / dt.timedelta(days=1)
    assert parse_moment(f"{serial:.10f}") == moment


@given(st.text(max_size=40) | st.from_regex(r"[0-9０-９/年月日:.T+ -]{0,30}", fullmatch=True))
def test_nothing_raises(text: str) -> None:
    found = parse_moment(text)
    assert found is None or (found.tzinfo is None and 1949 <= found.year <= 2100)
