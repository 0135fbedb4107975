"""Working days by the official holiday calendar with 调休; says so when a year is not covered. Pure, no clock.

The calendar is the `chinesecalendar` package's: the State Council's yearly notice of holidays and days made up for.
"""

import datetime as dt
from functools import cache

import chinese_calendar


class CalendarError(ValueError):
    """A year whose official holidays are not known yet."""


@cache
def covered_years() -> tuple[int, int]:
    """First and last year whose official holidays are known."""
    years = [day.year for day in chinese_calendar.constants.holidays]
    return min(years), max(years)


def is_covered(day: dt.date) -> bool:
    """Whether the official holidays of this day's year are known."""
    first, last = covered_years()
    return first <= day.year <= last


def is_workday(day: dt.date) -> bool:
    """Whether offices work on `day`: made-up weekends count, holidays on weekdays do not. Raises CalendarError."""
    if not is_covered(day):
        first, last = covered_years()
        known = f"known: {first}-{last}; upgrade the package chinesecalendar"
        raise CalendarError(f"{day.year}: the official holidays of this year are not known ({known})")
    return bool(chinese_calendar.is_workday(day))


def add_workdays(day: dt.date, count: int, *, weekdays_beyond: bool = False) -> dt.date:
    """The `count`th working day after `day`, which itself does not count (自次日起算). Raises CalendarError.

    With `weekdays_beyond`, days of years that are not known work from Monday to Friday; whoever asks for that must say so.
    """
    if count < 0:
        raise ValueError(f"count is {count}; it must not be negative")
    while count:
        day += dt.timedelta(days=1)
        count -= day.weekday() < 5 if weekdays_beyond and not is_covered(day) else is_workday(day)
    return day


def workdays_between(start: dt.date, end: dt.date) -> int:
    """Working days after `start` up to and including `end`; negative when `end` lies before. Raises CalendarError."""
    if end < start:
        return -workdays_between(end, start)
    return sum(is_workday(start + dt.timedelta(days=n)) for n in range(1, (end - start).days + 1))
