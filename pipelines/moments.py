"""Reads the dates and times that boards and exports write, in whatever form; pure, knows no clock.

Where a form is ambiguous (`2/3/2019`, `19-2-28`) there is no answer, because a wrong day is worse than none.
"""

import datetime as dt
import re
import unicodedata
from email.utils import parsedate_to_datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")
_EXCEL_DAY_0 = dt.datetime(1899, 12, 30)  # noqa: DTZ001  Excel counts 1900 as a leap year, so day 0 lies two days before 1900
_YEARS = range(1949, 2101)

_WRITTEN = re.compile(
    r"(?P<year>\d{4})\s*[-/.年]\s*(?P<month>\d{1,2})\s*[-/.月]\s*(?P<day>\d{1,2})\s*[日号]?"
    r"(?:\s*[,(]?\s*(?:星期|礼拜|周)[一二三四五六日天]\)?)?"
    r"(?:[\sT,]*(?P<half>凌晨|清晨|早上|早晨|上午|中午|下午|傍晚|晚上|[AaPp][Mm])?\s*"
    r"(?P<hour>\d{1,2})\s*[:时点]\s*(?:(?P<minute>\d{1,2}|半|整)"
    r"(?:\s*[:分]\s*(?:(?P<second>\d{1,2})(?:[.,]\d+)?\s*秒?)?)?)?"
    r"\s*(?P<half_after>[AaPp][Mm])?)?"
    r"\s*(?P<zone>Z|z|UTC|GMT|[+-]\d{2}:?\d{2})?"
)
_DIGITS = re.compile(r"(\d{5}|\d{8}|\d{10}|\d{12,14})(\.\d+)?")
_COMPACT = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_MAIL = re.compile(r"(?:[A-Z][a-z]{2}, )?\d{1,2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}")
_AFTER_NOON = {"下午", "傍晚", "晚上", "pm"}
_BEFORE_NOON = {"凌晨", "清晨", "早上", "早晨", "上午", "am"}


@lru_cache(maxsize=65_536)
def parse_moment(text: str) -> dt.datetime | None:
    """The moment that `text` writes, as naive Asia/Shanghai time to the second; None when it writes none or an impossible one.

    Reads `2019/2/28 11:25:05`, `2019年2月28日 下午3点25分`, `2019.2.28`, `20190228112505`, ISO 8601 with `T`, `Z` or an offset,
    Excel serials (`43524.47`), epoch seconds and milliseconds, the mail form of RSS feeds, all in full-width digits too.
    """
    folded = unicodedata.normalize("NFKC", text).strip()
    moment: dt.datetime | None
    try:
        if written := _WRITTEN.fullmatch(folded):
            moment = _from_parts(written)
        elif digits := _DIGITS.fullmatch(folded):
            moment = _from_digits(digits[1], digits[2] or "")
        elif _MAIL.match(folded):
            moment = _in_shanghai(parsedate_to_datetime(folded))
        else:
            return None
    except (ValueError, OverflowError):  # the 31st of February, the 25th hour, an epoch beyond the calendar
        return None
    return moment if moment is not None and moment.year in _YEARS else None


def _from_parts(found: re.Match[str]) -> dt.datetime:
    hour, minute = int(found["hour"] or 0), found["minute"]
    half = (found["half"] or found["half_after"] or "").lower()
    if hour > 24 or (hour == 24 and int(found["second"] or 0)):
        raise ValueError
    if (half in _AFTER_NOON or (half == "中午" and hour < 3)) and 0 < hour < 12:
        hour += 12
    elif half in _BEFORE_NOON and hour == 12:
        hour = 0
    minutes = {"半": 30, "整": 0, None: 0}[minute] if minute in ("半", "整", None) else int(minute)
    days, hour = (1, 0) if hour == 24 and not minutes else (0, hour)  # 24:00 is how some hotlines write midnight
    moment = dt.datetime(int(found["year"]), int(found["month"]), int(found["day"]), hour, minutes, int(found["second"] or 0))  # noqa: DTZ001
    moment += dt.timedelta(days=days)
    zone = found["zone"]
    if zone is None:
        return moment
    if zone[0] not in "+-":
        return _in_shanghai(moment.replace(tzinfo=dt.UTC))
    ahead = dt.timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
    return _in_shanghai(moment.replace(tzinfo=dt.timezone(ahead if zone[0] == "+" else -ahead)))


def _from_digits(whole: str, fraction: str) -> dt.datetime | None:
    length = len(whole)
    if length == 5:
        seconds = round(float(whole + fraction) * 86_400)
        return _EXCEL_DAY_0 + dt.timedelta(seconds=seconds)
    if length in _COMPACT:
        if fraction.strip(".0"):
            return None
        return dt.datetime.strptime(whole, _COMPACT[length])  # noqa: DTZ007
    return _in_shanghai(dt.datetime.fromtimestamp(int(whole[:10]), dt.UTC))


def _in_shanghai(moment: dt.datetime) -> dt.datetime:
    if moment.tzinfo is not None:
        moment = moment.astimezone(SHANGHAI).replace(tzinfo=None)
    return moment.replace(microsecond=0)
