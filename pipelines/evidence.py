"""The sections of a bulletin that show and explain: 苗头性问题, 典型反映, 来源覆盖, 说明. Reads a snapshot through a `Sheet`."""

from collections import Counter
from typing import Any

from pipelines.chapters import Span, body, code_name, joined, note, unit_name
from pipelines.figures import Sheet, quoted
from pipelines.issue import Column, Paragraph, Part, Parts, Ref, Section, Table

LEAST_PAST_WEEKS = 8  # with fewer nothing is judged
FEWEST_CASES, MOST_CASES = 3, 6
SURGES_SHOWN = 12
ORDINALS = "一二三四五六"
STATUS = {"ok": "正常", "short": "偏少", "silent": "中断", "over": "偏多", "not_started": "未启用"}
NAMED = "coverage LEFT JOIN source ON slug = source"
GAPS = "status IN ('silent', 'short')"


def gaps(sheet: Sheet, span: Span) -> tuple[Parts, ...]:
    """One warning a source that was silent or short this week."""
    rows = sheet.rows(
        f"SELECT source, coalesce(name, source) AS name, status FROM coverage LEFT JOIN source ON slug = source"
        f" WHERE {span.here} AND {GAPS} ORDER BY status, source"
    )
    return tuple(_gap(sheet, span, row) for row in rows)


def _gap(sheet: Sheet, span: Span, row: dict[str, Any]) -> Parts:
    got, least = _source_figures(sheet, span, row["source"])
    if row["status"] == "silent":
        return (f"来源“{row['name']}”本周中断，一条未收（按声明应不少于", least, "条）；有关数字因此偏低，不等于群众反映减少。")
    return (f"来源“{row['name']}”本周偏少，只收到", got, "条（按声明应不少于", least, "条）；有关数字可能偏低。")


def obstacle(sheet: Sheet, span: Span) -> Parts:
    """Why this week must not be compared with the last; empty where it may be."""
    weeks = f"week IN ({quoted(span.week)}, {quoted(span.back(1))})"
    if not sheet.rows(f"SELECT 1 FROM week_total WHERE week = {quoted(span.back(1))} AND about > 0"):
        return ("上周没有数据",)
    last_day = sheet.rows(f"SELECT max(posted_on) AS day FROM message WHERE {span.here}")[0]["day"]
    if (
        last_day is not None
        and last_day < span.ends
        and not sheet.rows(f"SELECT 1 FROM message WHERE week > {quoted(span.week)} LIMIT 1")
    ):
        return (
            "本周数据截至",
            sheet.figure("last_day", f"SELECT max(posted_on) FROM message WHERE {span.here}", "day"),
            "，尚未满一周",
        )
    rows = sheet.rows(f"SELECT DISTINCT coalesce(name, source) AS name FROM {NAMED} WHERE {weeks} AND {GAPS} ORDER BY name")
    if rows:
        return (f"因{'、'.join('“' + str(row['name']) + '”' for row in rows)}在本周或上周中断或偏少",)
    started = sheet.rows(
        f"SELECT source FROM coverage WHERE {weeks} GROUP BY source HAVING count(DISTINCT status = 'not_started') > 1"
    )
    return ("两周启用的来源不同",) if started else ()


def surges(sheet: Sheet, span: Span) -> Section:
    """四、苗头性问题."""
    title = "四、苗头性问题"
    if not sheet.rows(f"SELECT 1 FROM week_total WHERE {span.here} AND about > 0"):
        return Section(title=title, blocks=(body("本周没有数据，未作检验。"),))
    examined = _examined(sheet, span)
    found = sheet.rows(
        f"SELECT series, unit_code, code FROM surge WHERE {span.here}"
        f" ORDER BY score DESC, series, unit_code, code LIMIT {SURGES_SHOWN}"
    )
    lead: Parts = ("本周对单位、问题类型以及单位与问题的组合共", examined, "个有记录的序列逐一检验，")
    if not found and not sheet.number(examined):
        return Section(title=title, blocks=(body("此前有数据的周不足八周，尚不能判断是否异常升高，本期不作检验。"),))
    if not found:
        return Section(title=title, blocks=(body(*lead, "没有发现超出自身历史波动的升高。"),))
    count = sheet.figure("surges.count", f"SELECT count(*) FROM surge WHERE {span.here}")
    most = f"表列超出程度最大的{SURGES_SHOWN}个。" if sheet.number(count) > SURGES_SHOWN else ""
    table = Table(
        caption="本周异常升高的序列（按事件数）",
        columns=(Column(head="单位", share=4, align="left"), Column(head="问题", share=2), Column(head="本周", share=1.1),
                 Column(head="预期", share=1.1), Column(head="上限", share=1.1), Column(head="超出程度", share=1.4)),
        rows=tuple(_surge_row(sheet, span, at, row) for at, row in enumerate(found, 1)),
    )  # fmt: skip
    return Section(
        title=title,
        blocks=(
            body(*lead, "其中", count, "个明显高于自身历史水平，具有苗头性，建议予以关注、核实。", most),
            table,
            note(
                "注：“预期”和“上限”由该序列以往各周推算；超出程度为（本周－预期）÷（上限－预期）。数量升高只说明群众反映增多，未经核实。"
            ),
        ),
    )


def _examined(sheet: Sheet, span: Span) -> Ref:
    # the same series that pipelines/surveillance.py judges; none where the past is too short for any
    past = f"(SELECT count(*) FROM week_total WHERE week < {quoted(span.week)})"
    series = (
        "(SELECT count(DISTINCT unit_code) FROM unit_week WHERE events > 0) + (SELECT count(DISTINCT code) FROM week_code)"
        " + (SELECT count(*) FROM (SELECT DISTINCT unit_code, code FROM unit_week_code))"
    )
    return sheet.figure("surges.examined", f"SELECT CASE WHEN {past} < {LEAST_PAST_WEEKS} THEN 0 ELSE {series} END")


def _surge_row(sheet: Sheet, span: Span, at: int, row: dict[str, Any]) -> tuple[Parts, ...]:
    where = (
        f"FROM surge WHERE {span.here} AND series = {quoted(row['series'])} AND unit_code = {quoted(row['unit_code'])}"
        f" AND code = {quoted(row['code'])}"
    )
    unit = unit_name(sheet, row["unit_code"]) if row["unit_code"] else "全域"
    return (
        (unit,),
        (code_name(sheet, row["code"]) if row["code"] else "各类合计",),
        (sheet.figure(f"surge.{at}.observed", f"SELECT observed {where}"),),
        (sheet.figure(f"surge.{at}.expected", f"SELECT expected {where}", "decimal"),),
        (sheet.figure(f"surge.{at}.upper", f"SELECT upper {where}", "decimal"),),
        (sheet.figure(f"surge.{at}.score", f"SELECT score {where}", "decimal"),),
    )


def typical(sheet: Sheet, span: Span) -> Section:
    """五、典型反映: three to six signals by rule, each with its redacted quote."""
    title = "五、典型反映"
    chosen = _choose(_candidates(sheet, span))
    if not chosen:
        return Section(title=title, blocks=(body("本周没有符合选取条件的反映。"),))
    blocks: list[Paragraph] = []
    for at, row in enumerate(chosen, 1):
        blocks += _case(sheet, at, row)
    marks: list[Parts] = [
        (f"（{ORDINALS[at - 1]}）{row['message_id']}，", _probability(sheet, at, row)) for at, row in enumerate(chosen, 1)
    ]
    rule = (
        "注：典型反映由程序按规则选取，不经人工挑选：先取已认定单位的，次看问题轻重，再看同一事件的消息数，后看判定概率；"
        "同一事件只取一条，单位、问题尽量不重复，最多六条。引文为脱敏后的原话，未经核实。各条消息编号及判定概率："
    )
    return Section(title=title, blocks=(*blocks, note(rule, *joined(marks, "；"), "。")))


def _candidates(sheet: Sheet, span: Span) -> list[dict[str, Any]]:
    return sheet.rows(
        "WITH size AS (SELECT event_id, count(*) AS size FROM message GROUP BY event_id), "
        "about AS (SELECT message_id, min(unit_code) AS unit_code FROM counted_unit GROUP BY message_id HAVING count(*) = 1) "
        "SELECT s.message_id, s.code, m.event_id, b.unit_code, coalesce(src.name, m.source) AS source FROM signal AS s "
        "JOIN message AS m USING (message_id) JOIN code AS c ON c.code = s.code JOIN size AS z ON z.event_id = m.event_id "
        "LEFT JOIN about AS b ON b.message_id = s.message_id LEFT JOIN source AS src ON src.slug = m.source "
        f"WHERE m.{span.here} AND s.status = 'asserted' AND length(trim(s.quote)) >= 6 "
        "ORDER BY b.unit_code IS NULL, c.severity DESC, z.size DESC, s.probability DESC, s.message_id, s.code"
    )


def _choose(candidates: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Greedy: first only new units and new codes, then, while there are fewer than three, any new event."""
    chosen: list[dict[str, Any]] = []
    for strict in (True, False):
        seen = {key: Counter(row[key] for row in chosen) for key in ("event_id", "unit_code", "code")}
        for row in candidates:
            enough = MOST_CASES if strict else FEWEST_CASES
            if len(chosen) >= enough or seen["event_id"][row["event_id"]]:
                continue
            if strict and (seen["code"][row["code"]] or (row["unit_code"] and seen["unit_code"][row["unit_code"]])):
                continue
            chosen.append(row)
            for key, counts in seen.items():
                counts[row[key]] += 1
    return chosen


def _case(sheet: Sheet, at: int, row: dict[str, Any]) -> list[Paragraph]:
    where = f"FROM signal WHERE message_id = {quoted(row['message_id'])} AND code = {quoted(row['code'])}"
    message = f"FROM message WHERE message_id = {quoted(row['message_id'])}"
    size = sheet.figure(f"case.{at}.size", f"SELECT count(*) FROM message WHERE event_id = (SELECT event_id {message})")
    unit = unit_name(sheet, row["unit_code"]) if row["unit_code"] else "被反映单位未能认定"
    tail: tuple[Part, ...] = ("（同一事件共有消息", size, "条）。") if sheet.number(size) > 1 else ("。",)
    quote = sheet.figure(f"case.{at}.quote", f"SELECT quote {where}", "quote")
    day = sheet.figure(f"case.{at}.day", f"SELECT posted_on {message}", "day")
    return [
        Paragraph(style="head", parts=(f"（{ORDINALS[at - 1]}）{code_name(sheet, row['code'])}：{unit}",)),
        Paragraph(style="quote", parts=(day, f"，{row['source']}来件反映：“", quote, "”", *tail)),
    ]


def _probability(sheet: Sheet, at: int, row: dict[str, Any]) -> Ref:
    where = f"FROM signal WHERE message_id = {quoted(row['message_id'])} AND code = {quoted(row['code'])}"
    return sheet.figure(f"case.{at}.probability", f"SELECT round(probability, 2) {where}")


def coverage(sheet: Sheet, span: Span) -> Section:
    """六、来源覆盖."""
    title = "六、来源覆盖"
    rows = sheet.rows(f"SELECT source, coalesce(name, source) AS name, status FROM {NAMED} WHERE {span.here} ORDER BY source")
    if not rows:
        return Section(title=title, blocks=(body("快照中没有本周的来源覆盖记录，本期数字不能作为群众反映多少的依据。"),))
    out: list[tuple[Parts, ...]] = []
    for row in rows:
        got, least = _source_figures(sheet, span, row["source"])
        days = sheet.figure(f"source.{row['source']}.days", f"SELECT days {_source_where(span, row['source'])}")
        out.append(((row["name"],), (got,), (days,), (least,), (STATUS.get(row["status"], row["status"]),)))
    bad = [row for row in rows if row["status"] in ("silent", "short")]
    words = joined([(f"“{row['name']}”{STATUS[row['status']]}",) for row in bad], "、")
    count = sheet.figure("sources.count", f"SELECT count(*) FROM coverage WHERE {span.here}")
    lead: Parts = ("本期共涉及", count, "个来源，", *((*words, "，其余正常接收。") if bad else ("接收均无中断。",)))
    table = Table(
        caption="本周各来源接收情况",
        columns=(Column(head="来源", share=4, align="left"), Column(head="收到条数", share=1.4),
                 Column(head="有件天数", share=1.4), Column(head="本周下限", share=1.4), Column(head="状态", share=1.3)),
        rows=tuple(out),
    )  # fmt: skip
    return Section(title=title, blocks=(body(*lead), table))


def _source_where(span: Span, source: str) -> str:
    return f"FROM coverage WHERE {span.here} AND source = {quoted(source)}"


def _source_figures(sheet: Sheet, span: Span, source: str) -> tuple[Ref, Ref]:
    where = _source_where(span, source)
    return (
        sheet.figure(f"source.{source}.messages", f"SELECT messages {where}"),
        sheet.figure(f"source.{source}.at_least", f"SELECT at_least {where}"),
    )


def explained(sheet: Sheet, span: Span, number: str, small: Ref) -> Section:
    """七、说明: method, what waits for a person, how to recompute."""
    review = sheet.figure(
        "review", f"SELECT count(*) FROM signal JOIN message USING (message_id) WHERE message.{span.here} AND status = 'review'"
    )
    lines: tuple[Parts, ...] = (
        ("1. 数据来自各来源的公开留言、热线工单和检查记录，入库前已脱敏；来源撤下的不计入。",),
        ("2. 问题类型由模型逐条判读，每一判定都有原文为据；判读有误差，本周另有", review, "项拿不准的待人工确认，未计入。"),
        ("3. 消息按条计；诉求人按不可反推的编号去重，匿名者按事件计；重复、转帖和跨渠道的同一事项算一个事件。",),
        ("4. 人数少于", small, "名的单元不公布具体人数；本件不含诉求人身份，请勿据以查找诉求人。"),
        (f"5. 每个数字都附有查询语句，可用 weathervane bulletin verify {number}.json 对照快照逐项复算。",),
    )
    return Section(title="七、说明", blocks=tuple(Paragraph(style="small", parts=parts) for parts in lines))
