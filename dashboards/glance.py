"""Reads what the page of one week shows, from a published snapshot; writes nothing. Small numbers leave as “<5”."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from models.taxonomy import FAMILIES
from pipelines.warehouse import week_start

TREND_WEEKS = 26
STATUS = {"ok": "正常", "short": "偏少", "silent": "中断", "over": "偏多", "not_started": "未启用"}
CHANNEL = {
    "hotline": "热线",
    "board": "留言板",
    "forum": "论坛",
    "media": "媒体",
    "inspection": "检查",
    "visit": "来访",
    "letter": "来信",
}
ALERT = {"surge": "异常升高", "grave": "严重问题", "repeat": "多人反映", "silent_source": "来源中断"}
STATE = {"open": "待处置", "acked": "已签收", "cased": "已立台账"}
TIER = {1: "一类", 2: "二类", 3: "三类"}

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Glance:
    """One week: `total` is None for a week without messages; texts are ready to show, but not yet escaped for Markdown."""

    week: str
    small_cell: int
    total: dict[str, Any] | None
    before: dict[str, Any] | None
    trend: Rows
    families: Rows
    codes: Rows
    topics: Rows
    units: Rows
    few_units: int
    surges: Rows
    alerts: Rows
    sources: Rows

    @property
    def silent(self) -> list[str]:
        """Names of the sources that gave nothing."""
        return [row["来源"] for row in self.sources if row["状态"] == STATUS["silent"]]

    @property
    def short(self) -> list[str]:
        """Names of the sources that gave less than their minimum."""
        return [row["来源"] for row in self.sources if row["状态"] == STATUS["short"]]


def week_name(week: str) -> str:
    """A week in words: 2026年第34周（8月17日至8月23日）."""
    start = week_start(week)
    end = start + dt.timedelta(days=6)
    return f"{week[:4]}年第{int(week[6:])}周（{start.month}月{start.day}日至{end.month}月{end.day}日）"


def weeks(snapshot: duckdb.DuckDBPyConnection) -> list[str]:
    """All weeks of a snapshot, newest first."""
    return [row[0] for row in snapshot.sql("SELECT week FROM week_total ORDER BY week DESC").fetchall()]


def last_day(snapshot: duckdb.DuckDBPyConnection) -> dt.date | None:
    """The day of the newest message."""
    found = snapshot.execute("SELECT last_day FROM meta").fetchone()
    return found[0] if found else None


def glance(snapshot: duckdb.DuckDBPyConnection, week: str) -> Glance:
    """Everything that the page of `week` shows."""

    def rows(sql: str, *params: Any) -> Rows:
        found = snapshot.execute(sql, params)
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    small = int(rows("SELECT small_cell FROM meta")[0]["small_cell"])
    total = rows("SELECT t.*, v.comparable FROM week_total AS t JOIN v_week_trend AS v USING (week) WHERE week = ?", week)
    before = rows("SELECT * FROM week_total WHERE week < ? ORDER BY week DESC LIMIT 1", week)
    units, few_units = _units(rows(_UNITS, week, week, week), small)
    trend = rows(f"SELECT * FROM v_week_trend WHERE week <= ? ORDER BY week DESC LIMIT {TREND_WEEKS}", week)
    return Glance(
        week,
        small,
        total[0] if total else None,
        before[0] if before else None,
        trend[::-1],
        sorted(rows(_FAMILIES, week), key=lambda row: list(FAMILIES.values()).index(row["方面"])),
        [_people(row, small) for row in rows(_CODES, week)],
        [_people(row, small) for row in rows(_TOPICS, week)],
        units,
        few_units,
        rows(_SURGES, week),
        [_alert(row) for row in rows(_ALERTS, week)],
        [_source(row) for row in rows(_SOURCES, week)],
    )


def few(count: int | None, hidden: bool, small: int) -> str:
    """A count as it may be shown."""
    return f"<{small}" if hidden or count is None else f"{count:,}"


def _people(row: dict[str, Any], small: int) -> dict[str, Any]:
    hidden = row.pop("hidden")
    return row | {"诉求人": few(row["诉求人"], hidden, small)}


def _units(found: Sequence[dict[str, Any]], small: int) -> tuple[Rows, int]:
    """The units with enough complainants, most events first, and how many others there are.

    What is left of a unit with too few people is not its place in an order, so those stand in the order of their codes.
    """
    shown = []
    for row in found:
        hidden = row["hidden"]
        shown.append(
            {
                "单位": row["name"],
                "类别": TIER.get(row["tier"], ""),
                "消息": few(row["messages"], hidden, small),
                "诉求人": few(row["complainants"], hidden, small),
                "事件": few(row["events"], hidden, small),
                "近四周事件": few(row["four_weeks"], (row["four_weeks"] or 0) < small, small),
                "主要问题": "—" if hidden else row["main"] or "—",
                "答复天数中位数": "—" if hidden or row["reply_days"] is None else f"{row['reply_days']:.1f}",
            }
        )
    return shown, sum(row["hidden"] for row in found)


def _alert(row: dict[str, Any]) -> dict[str, str]:
    return {
        "种类": ALERT.get(row["kind"], row["kind"]),
        "轻重": "●" * row["severity"],
        "说明": row["summary"],
        "状态": STATE.get(row["state"], row["state"]),
    }


def _source(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "来源": row["name"],
        "渠道": CHANNEL.get(row["channel"], row["channel"]),
        "条数": row["messages"],
        "有消息天数": row["days"],
        "本周下限": row["at_least"],
        "状态": STATUS.get(row["status"], row["status"]),
    }


_FAMILIES = """
SELECT f.name AS "方面", coalesce(v.messages, 0) AS "消息", coalesce(v.events, 0) AS "事件"
FROM family AS f LEFT JOIN v_code_family_week AS v ON v.family = f.family AND v.week = ?
"""
_CODES = """
SELECT c.family_name AS "方面", c.name AS "问题", w.messages AS "消息", w.complainants AS "诉求人", w.events AS "事件",
    w.complainants_hidden AS hidden
FROM week_code AS w JOIN code AS c USING (code)
WHERE w.week = ? AND w.messages > 0
ORDER BY w.events DESC, c.code
"""
_TOPICS = """
SELECT topic AS "领域", about AS "全部消息", messages AS "作风消息", complainants AS "诉求人", events AS "事件",
    complainants_hidden AS hidden
FROM week_topic WHERE week = ? AND about > 0 ORDER BY about DESC, topic
"""
_UNITS = """
WITH named AS (SELECT code, arg_max(name, valid_from) AS name, arg_max(tier, valid_from) AS tier FROM unit GROUP BY code),
main AS (
    SELECT w.unit_code, arg_max(c.name, w.events) AS main
    FROM (SELECT * FROM unit_week_code WHERE week = ? ORDER BY code DESC) AS w JOIN code AS c USING (code) GROUP BY w.unit_code
)
SELECT n.name, n.tier, u.messages, u.complainants, u.events, u.reply_days, u.complainants_hidden AS hidden, m.main,
    r.events AS four_weeks
FROM unit_week AS u
JOIN named AS n ON n.code = u.unit_code
LEFT JOIN main AS m USING (unit_code)
LEFT JOIN v_unit_ranking AS r ON r.unit_code = u.unit_code AND r.week = ?
WHERE u.week = ? AND u.messages > 0
ORDER BY u.complainants_hidden, CASE WHEN u.complainants_hidden THEN 0 ELSE u.events END DESC, u.unit_code
"""
_SURGES = """
SELECT coalesce(n.name, '全域') AS "单位", coalesce(c.name, '合计') AS "问题", s.observed AS "本周事件",
    round(s.expected, 1) AS "预期", round(s.upper, 1) AS "上限"
FROM surge AS s
LEFT JOIN (SELECT code, arg_max(name, valid_from) AS name FROM unit GROUP BY code) AS n ON n.code = s.unit_code
LEFT JOIN code AS c ON c.code = s.code
WHERE s.week = ? ORDER BY s.score DESC, s.series, s.unit_code, s.code
"""
_ALERTS = "SELECT kind, severity, summary, state FROM alert WHERE week = ? ORDER BY severity DESC, kind, alert_id"
_SOURCES = """
SELECT coalesce(s.name, c.source) AS name, s.channel, c.messages, c.days, c.at_least, c.status
FROM coverage AS c LEFT JOIN source AS s ON s.slug = c.source
WHERE c.week = ? ORDER BY c.status = 'silent' DESC, c.status = 'short' DESC, c.messages DESC, c.source
"""
