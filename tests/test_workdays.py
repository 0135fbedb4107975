"""Working days by the official calendar."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.workdays import CalendarError, add_workdays, covered_years, is_workday, workdays_between

DAYS = st.dates(dt.date(2019, 1, 1), dt.date(2023, 12, 31))


@pytest.mark.parametrize(
    ("day", "works"),
    [
        (dt.date(2019, 9, 29), True),  # a Sunday made up for the National Day
        (dt.date(2019, 10, 1), False),
        (dt.date(2019, 10, 7), False),  # a Monday
        (dt.date(2019, 10, 12), True),  # a Saturday made up for it
        (dt.date(2020, 1, 31), False),  # the Spring Festival that was prolonged
        (dt.date(2019, 8, 31), False),
        (dt.date(2019, 9, 2), True),
    ],
)
def test_holidays_and_days_made_up_for(day: dt.date, works: bool) -> None:
    assert is_workday(day) is works


def test_a_time_limit_across_the_national_day() -> None:
    # from Friday 27 September: Sun 29, Mon 30, then Tue 8 October
    assert add_workdays(dt.date(2019, 9, 27), 3) == dt.date(2019, 10, 8)
    assert add_workdays(dt.date(2019, 10, 1), 0) == dt.date(2019, 10, 1)


def test_a_year_without_a_calendar_is_said_plainly() -> None:
    first, last = covered_years()
    for day in (dt.date(last + 1, 3, 3), dt.date(first - 1, 3, 3)):
        with pytest.raises(CalendarError, match=f"{day.year}.*not known.*chinesecalendar"):
            is_workday(day)
    with pytest.raises(CalendarError):
        add_workdays(dt.date(last, 12, 28), 15)
    beyond = add_workdays(dt.date(last, 12, 28), 15, weekdays_beyond=True)
    assert beyond.year == last + 1 and beyond.weekday() < 5
    with pytest.raises(ValueError, match="negative"):
        add_workdays(dt.date(2019, 9, 27), -1)


@given(DAYS, st.integers(1, 40))
def test_adding_and_counting_agree(day: dt.date, count: int) -> None:
    due = add_workdays(day, count)
    assert is_workday(due)
    assert workdays_between(day, due) == count
    assert workdays_between(due, day) == -count
