"""The counted sections of a bulletin: 概况, 问题类型, 单位情况. Reads a snapshot through a `Sheet`; writes nothing."""

import datetime as dt
from dataclasses import dataclass

from models.taxonomy import FAMILIES
from pipelines.figures import Sheet, quoted
from pipelines.issue import Chart, Column, Paragraph, Part, Parts, Ref, Section, Series, Table, chinese_day
from pipelines.warehouse import week_of, week_start

UNITS_SHOWN = 15
TREND_WEEKS = 12
CASE = "CASE WHEN count(*) = 0 THEN 0 ELSE any_value(complainants) END"


@dataclass(frozen=True, slots=True)
class Span:
    """A week and those that it is read against."""

    week: str

    @property
    def starts(self) -> dt.date:
        """The Monday."""
        return week_start(self.week)

    @property
    def ends(self) -> dt.date:
        """The Sunday."""
        return self.starts + dt.timedelta(days=6)

    def back(self, weeks: int) -> str:
        """The week so many weeks before."""
        return week_of(self.starts - dt.timedelta(weeks=weeks))

    def last(self, weeks: int) -> str:
        """An SQL condition: the week and those before it, `weeks` in all."""
        return f"week BETWEEN {quoted(self.back(weeks - 1))} AND {quoted(self.week)}"

    @property
    def here(self) -> str:
        """An SQL condition: this week."""
        return f"week = {quoted(self.week)}"


def body(*parts: Part) -> Paragraph:
    """A paragraph of body text."""
    return Paragraph(parts=parts)


def note(*parts: Part) -> Paragraph:
    """A small note below a table."""
    return Paragraph(style="note", parts=parts)


def joined(items: list[Parts], by: str) -> Parts:
    """`items` in a row with `by` between them."""
    out: list[Part] = []
    for item in items:
        out += [by, *item] if out else item
    return tuple(out)


def total(sheet: Sheet, span: Span, column: str, weeks_back: int = 0) -> Ref:
    """A column of week_total as a figure; a week without a row is 0."""
    week = span.back(weeks_back)
    where = f"FROM week_total WHERE week = {quoted(week)}"
    name = f"total.{column}" + (f".{weeks_back}_weeks_back" if weeks_back else "")
    if column == "complainants":
        return sheet.figure(name, f"SELECT {CASE} {where}", "people")
    if column == "reply_days":
        return sheet.figure(name, f"SELECT any_value(reply_days) {where}", "days")
    return sheet.figure(name, f"SELECT coalesce(sum({column}), 0) {where}")


def overview(sheet: Sheet, span: Span, obstacle: Parts) -> Section:
    """一、本周概况. `obstacle` says why the week is not compared with the last; empty where it may be."""
    about, messages = total(sheet, span, "about"), total(sheet, span, "messages")
    when = f"本周（{chinese_day(span.starts, year=False)}至{chinese_day(span.ends, year=False)}）"
    blocks: list[Paragraph | Chart] = []
    if not sheet.number(about):
        blocks.append(body(f"{when}快照中没有群众诉求数据。可能是尚未接收，也可能是各来源均无来件，不能据此判断无群众反映。"))
    elif not sheet.number(messages):
        blocks.append(body(f"{when}共接收群众诉求", about, "条，未发现反映干部作风和机关效能问题的诉求。"))
    else:
        blocks.append(body(*_paragraph_of_numbers(sheet, span, when)))
    # second, so that text fills the page behind it wherever it falls
    blocks.append(Chart(caption="近十二周走势与本周问题类别"))
    if sheet.number(messages):
        blocks.append(body("从领域看，反映作风问题较多的是", *_topics(sheet, span), "。"))
    if sheet.number(about):
        blocks.append(body(*_compared(sheet, span, obstacle)))
    return Section(title="一、本周概况", blocks=tuple(blocks))


def _paragraph_of_numbers(sheet: Sheet, span: Span, when: str) -> Parts:
    replied, days = total(sheet, span, "replied"), total(sheet, span, "reply_days")
    parts: Parts = (
        f"{when}共接收各渠道群众诉求",
        total(sheet, span, "about"),
        "条，其中反映干部作风和机关效能问题的",
        total(sheet, span, "messages"),
        "条，涉及不同诉求人",
        total(sheet, span, "complainants"),
        "名，归并为",
        total(sheet, span, "events"),
        "个事件；能够认定被反映单位的",
        total(sheet, span, "attributed"),
        "条。",
    )
    if sheet.value(days) is None:
        return (*parts, "本周诉求截至快照时尚无答复记录。")
    return (*parts, "本周诉求已有答复", replied, "条，答复天数中位数", days, "天。")


def _topics(sheet: Sheet, span: Span) -> Parts:
    rows = sheet.rows(f"SELECT topic FROM week_topic WHERE {span.here} AND messages > 0 ORDER BY messages DESC, topic LIMIT 3")
    items: list[Parts] = []
    for at, row in enumerate(rows, 1):
        where = f"{span.here} AND topic = {quoted(row['topic'])}"
        ref = sheet.figure(f"topic.{at}", f"SELECT coalesce(sum(messages), 0) FROM week_topic WHERE {where}")
        items.append((f"{row['topic']}（", ref, "条）"))
    return joined(items, "、") or ("（领域未定）",)


def _compared(sheet: Sheet, span: Span, obstacle: Parts) -> Parts:
    if obstacle:
        return (*obstacle, "，两周数字不可直接比较，本期不与上周作比。")
    items: list[Parts] = []
    for column, words, unit in (("about", "接收诉求", "条"), ("messages", "反映作风问题的消息", "条"), ("events", "事件", "个")):
        here, before = (
            f"SELECT coalesce(sum({column}), 0) FROM week_total WHERE week = {quoted(w)}" for w in (span.week, span.back(1))
        )
        change = sheet.figure(f"change.{column}", f"SELECT ({here}) - ({before})", "change")
        tail = unit if sheet.number(change) else ""
        items.append((words, change, f"{tail}（上周", total(sheet, span, column, 1), f"{unit}）"))
    return ("各来源两周均正常，与上周相比，", *joined(items, "，"), "。")


def types(sheet: Sheet, span: Span) -> Section:
    """二、问题类型: the five families in words, the codes in a table."""
    codes = sheet.rows(
        "SELECT code, family, name FROM code JOIN (SELECT code, sum(messages) AS n, sum(messages) FILTER (WHERE "
        f"{span.here}) AS now FROM week_code WHERE {span.last(4)} GROUP BY code) USING (code) WHERE n > 0 "
        "ORDER BY now DESC NULLS LAST, n DESC, code"
    )
    families = [(_family(sheet, span, family), name) for family, name in FAMILIES.items()]
    if not any(sheet.number(ref) for ref, _ in families):
        return Section(title="二、问题类型", blocks=(body("本周没有可以归类的作风问题反映。"),))
    families.sort(key=lambda pair: -sheet.number(pair[0]))
    words = joined([(f"“{name}”", ref, "件次") for ref, name in families], "，")
    order = list(FAMILIES)
    rows = [
        _code_row(sheet, span, row["code"], row["name"], row["family"])
        for row in sorted(codes, key=lambda r: order.index(r["family"]))
    ]
    table = Table(
        caption="本周群众反映的问题类型",
        columns=(Column(head="类别", share=1), Column(head="问题", share=2), Column(head="本周消息", share=1.5),
                 Column(head="诉求人数", share=1.5), Column(head="事件", share=1.2), Column(head="近四周消息", share=1.7)),
        rows=tuple(rows),
    )  # fmt: skip
    return Section(
        title="二、问题类型",
        blocks=(
            body("按庸、懒、散、乱、贪五类分，本周", *words, "。"),
            table,
            note("注：一条消息可以反映几类问题，各类相加大于消息总数；近四周没有反映的问题不列。"),
        ),
    )


def _family(sheet: Sheet, span: Span, family: str) -> Ref:
    sql = (
        f"SELECT coalesce(sum(messages), 0) FROM week_code JOIN code USING (code) WHERE {span.here} AND family = {quoted(family)}"
    )
    return sheet.figure(f"family.{family}", sql)


def _code_row(sheet: Sheet, span: Span, code: str, name: str, family: str) -> tuple[Parts, ...]:
    where = f"FROM week_code WHERE {span.here} AND code = {quoted(code)}"
    month = f"SELECT coalesce(sum(messages), 0) FROM week_code WHERE {span.last(4)} AND code = {quoted(code)}"
    return (
        (FAMILIES[family],),
        (name,),
        (sheet.figure(f"code.{code}.messages", f"SELECT coalesce(sum(messages), 0) {where}"),),
        (sheet.figure(f"code.{code}.complainants", f"SELECT {CASE} {where}", "people"),),
        (sheet.figure(f"code.{code}.events", f"SELECT coalesce(sum(events), 0) {where}"),),
        (sheet.figure(f"code.{code}.four_weeks", month),),
    )


def unit_name(sheet: Sheet, unit_code: str) -> str:
    """The newest name of a unit in the registry; its code where the registry lacks it."""
    rows = sheet.rows(f"SELECT name FROM unit WHERE code = {quoted(unit_code)} ORDER BY valid_from DESC LIMIT 1")
    return str(rows[0]["name"]) if rows else unit_code


def code_name(sheet: Sheet, code: str) -> str:
    """The Chinese name of a conduct code."""
    rows = sheet.rows(f"SELECT name FROM code WHERE code = {quoted(code)}")
    return str(rows[0]["name"]) if rows else code


def units(sheet: Sheet, span: Span, small: Ref) -> Section:
    """三、单位情况: units that messages point at this week, in words that accuse nobody. `small`: the small-cell limit."""
    count = sheet.figure("units.count", f"SELECT count(*) FROM unit_week WHERE {span.here} AND messages > 0")
    if not sheet.number(count):
        return Section(title="三、单位情况", blocks=(body("本周没有能够认定被反映单位的作风问题反映。"),))
    found = sheet.rows(
        f"SELECT unit_code FROM unit_week WHERE {span.here} AND messages > 0"
        f" ORDER BY messages DESC, events DESC, unit_code LIMIT {UNITS_SHOWN}"
    )
    lead: Parts = ("本周群众反映涉及", count, "个单位。")
    if sheet.number(count) > UNITS_SHOWN:
        lead = (*lead, f"下表列消息较多的{UNITS_SHOWN}个，其余见快照。")
    table = Table(
        caption="本周群众反映涉及的单位",
        columns=(Column(head="单位", share=4.4, align="left"), Column(head="本周消息", share=1.3), Column(head="人数", share=1.2),
                 Column(head="事件", share=1.2), Column(head="近四周消息", share=1.6), Column(head="主要反映", share=2.4),
                 Column(head="答复/涉及", share=1.9), Column(head="答复天数", share=1.3)),
        rows=tuple(_unit_row(sheet, span, row["unit_code"]) for row in found),
    )  # fmt: skip
    below = note(
        "注：数据为群众反映，未经核实，不作为认定责任的依据；先后按消息数排列，便于查阅，不是排名。不同诉求人少于",
        small,
        "名者只写“少于”，不列具体人数。“答复/涉及”为已答复数与涉及该单位的全部诉求数；答复天数为中位数，“—”表示尚无答复。",
    )
    return Section(title="三、单位情况", blocks=(body(*lead), table, below))


def _unit_row(sheet: Sheet, span: Span, unit: str) -> tuple[Parts, ...]:
    where = f"FROM unit_week WHERE {span.here} AND unit_code = {quoted(unit)}"
    month = f"SELECT coalesce(sum(messages), 0) FROM unit_week WHERE {span.last(4)} AND unit_code = {quoted(unit)}"
    main = sheet.rows(
        f"SELECT code FROM unit_week_code WHERE {span.here} AND unit_code = {quoted(unit)} AND messages > 0"
        " ORDER BY messages DESC, events DESC, code LIMIT 1"
    )
    return (
        (unit_name(sheet, unit),),
        (sheet.figure(f"unit.{unit}.messages", f"SELECT coalesce(sum(messages), 0) {where}"),),
        (sheet.figure(f"unit.{unit}.complainants", f"SELECT {CASE} {where}", "people"),),
        (sheet.figure(f"unit.{unit}.events", f"SELECT coalesce(sum(events), 0) {where}"),),
        (sheet.figure(f"unit.{unit}.four_weeks", month),),
        (code_name(sheet, main[0]["code"]) if main else "—",),
        (
            sheet.figure(f"unit.{unit}.replied", f"SELECT coalesce(sum(replied), 0) {where}"),
            "/",
            sheet.figure(f"unit.{unit}.about", f"SELECT coalesce(sum(about), 0) {where}"),
        ),
        (sheet.figure(f"unit.{unit}.reply_days", f"SELECT any_value(reply_days) {where}", "days"),),
    )


def trend(sheet: Sheet, span: Span) -> Series:
    """The last twelve weeks for the chart: week, messages, events (null without data), whether a source was silent or short."""
    weeks = ", ".join(f"({quoted(span.back(back))})" for back in range(TREND_WEEKS - 1, -1, -1))
    gaps = "SELECT count(*) FROM coverage AS c WHERE c.week = w.week AND c.status IN ('silent', 'short')"
    sql = (
        f"SELECT w.week, t.messages, t.events, ({gaps}) FROM (VALUES {weeks}) AS w(week) "
        "LEFT JOIN week_total AS t ON t.week = w.week ORDER BY w.week"
    )
    return sheet.series("trend", ("week", "messages", "events", "gaps"), sql)


def family_series(sheet: Sheet, span: Span) -> Series:
    """The five families this week for the chart, in the order of the taxonomy."""
    order = ", ".join(f"({at}, {quoted(family)}, {quoted(name)})" for at, (family, name) in enumerate(FAMILIES.items()))
    sql = (
        f"SELECT f.name, coalesce(sum(w.messages), 0) FROM (VALUES {order}) AS f(place, family, name) "
        "LEFT JOIN code AS c ON c.family = f.family "
        f"LEFT JOIN week_code AS w ON w.code = c.code AND w.{span.here} GROUP BY f.place, f.name ORDER BY f.place"
    )
    return sheet.series("families", ("family", "messages"), sql)
