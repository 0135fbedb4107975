"""One typed row class a table: what every stage may rely on, and where the data dictionary comes from.

A column is `Annotated[type, Column(meaning, bounds)]`; `X | None` may be null. Times are Asia/Shanghai wall time,
weeks are ISO weeks written `2019-W35`. `warehouse.write` holds every row to its class.
"""

import datetime as dt
from typing import Annotated

from pipelines.columns import TABLES, Column, Field, arrow_schema, fields, rows, table

__all__ = ["TABLES", "Column", "Field", "arrow_schema", "fields", "rows", "table"]

CHANNELS = ("hotline", "board", "forum", "media", "inspection", "visit", "letter")
ATTRIBUTION = ("named", "inferred", "contested", "unresolved")
WEEK = r"\d{4}-W\d{2}"

MessageId = Annotated[str, Column("消息编号:来源与原编号的带钥摘要,不可反推", pattern=r"m[0-9a-f]{16}")]
UnitCode = Annotated[str, Column("单位编码")]
Week = Annotated[str, Column("ISO 周,如 2019-W35", pattern=WEEK)]
Code = Annotated[str, Column("问题代码,见 taxonomy")]
Messages = Annotated[int, Column("消息数", low=0)]
Complainants = Annotated[int, Column("不同诉求人数;匿名者按事件计", low=0)]
Events = Annotated[int, Column("事件数:重复、转帖、跨渠道的同一件事算一件", low=0)]


@table("source", "slug")
class Source:
    """来源:留言板、论坛、热线导出等,各一行。"""

    slug: Annotated[str, Column("来源代号,与声明文件同名")]
    name: Annotated[str, Column("来源名称")]
    publisher: Annotated[str, Column("主办者")]
    channel: Annotated[str, Column("渠道", one_of=CHANNELS)]
    kind: Annotated[str, Column("接入方式", one_of=("html_board", "json_board", "feed", "export"))]
    at_least: Annotated[int, Column("每日至少条数,少于此数视为偏少或中断", low=0)]
    at_most: Annotated[int, Column("每日至多条数,超出则提示", low=0)]


@table("intake", "intake_id")
class Intake:
    """接收记录:每个文件或每次抓取一行,说明收了多少、并了多少、隔离了多少。"""

    intake_id: Annotated[int, Column("序号", low=1)]
    source: Annotated[str, Column("来源代号")]
    origin: Annotated[str, Column("文件名,或 crawl")]
    received_at: Annotated[dt.datetime, Column("接收时间")]
    seen: Annotated[int, Column("看到的行数", low=0)]
    new: Annotated[int, Column("新消息数", low=0)]
    updated: Annotated[int, Column("已有消息的新版本数(答复、评价、撤回)", low=0)]
    same: Annotated[int, Column("与已有完全相同而并入的行数", low=0)]
    ignored: Annotated[int, Column("按命名规则略过的行数(如空行、表尾合计)", low=0)]
    quarantined: Annotated[int, Column("隔离行数", low=0)]


@table("quarantine", "quarantine_id")
class Quarantine:
    """隔离:读不懂或不可信的行,原文加密留在保险库,这里只有位置与原因。"""

    quarantine_id: Annotated[int, Column("序号", low=1)]
    source: Annotated[str, Column("来源代号")]
    stage: Annotated[str, Column("在哪一步被隔离", one_of=("ingest", "crawl", "clean"))]
    place: Annotated[str, Column("文件与行,或网址")]
    reason: Annotated[str, Column("原因代号,如 bad_date")]
    mend: Annotated[str, Column("如何补救")]
    received_at: Annotated[dt.datetime, Column("时间")]


@table("clean_message", "message_id")
class CleanMessage:
    """清洗并脱敏后的消息,每条最新版本一行。"""

    message_id: MessageId
    record_id: Annotated[int, Column("保险库中的版本号", low=1)]
    source: Annotated[str, Column("来源代号")]
    channel: Annotated[str, Column("渠道", one_of=CHANNELS)]
    complainant_key: Annotated[str | None, Column("诉求人的带钥摘要;匿名为空;从不发布")]
    posted_at: Annotated[dt.datetime, Column("提出时间")]
    week: Week
    title: Annotated[str, Column("标题(已脱敏)")]
    body: Annotated[str, Column("正文(已脱敏)")]
    place: Annotated[str | None, Column("来源所给地区")]
    topic_hint: Annotated[str | None, Column("来源所给领域")]
    unit_hint: Annotated[str | None, Column("来源所给被反映或承办单位")]
    kind: Annotated[str | None, Column("来源所给类型:投诉、求助、咨询、建议")]
    reply: Annotated[str | None, Column("答复(已脱敏)")]
    reply_unit: Annotated[str | None, Column("答复单位")]
    replied_at: Annotated[dt.datetime | None, Column("答复时间")]
    reply_days: Annotated[float | None, Column("从提出到答复的天数", low=0)]
    satisfied: Annotated[bool | None, Column("诉求人是否满意;未评价为空")]
    reopened: Annotated[bool, Column("是否二次办理")]
    withdrawn: Annotated[bool, Column("来源已撤下;撤下者不计入任何数")]
    masked: Annotated[int, Column("脱敏处数", low=0)]


@table("redaction", "message_id", "field", "start")
class Redaction:
    """脱敏位置:清洗后文本中每一处遮盖的类型与角色,不含原文。"""

    message_id: MessageId
    field: Annotated[str, Column("所在字段", one_of=("title", "body", "reply"))]
    type: Annotated[str, Column("类型", one_of=("PERSON", "PHONE", "IDNUM", "ADDRESS", "PLATE", "ACCOUNT"))]
    role: Annotated[str, Column("角色", one_of=("self", "third", "official", "unknown"))]
    start: Annotated[int, Column("遮盖在清洗后文本中的起点", low=0)]
    stop: Annotated[int, Column("遮盖的终点", low=0)]


@table("event_member", "message_id")
class EventMember:
    """消息所属事件。"""

    message_id: MessageId
    event_id: Annotated[str, Column("事件编号:最早一条消息的编号以 e 开头", pattern=r"e[0-9a-f]{16}")]
    relation: Annotated[str, Column("并入的理由", one_of=("first", "exact", "near", "same_person"))]


@table("unit", "code", "valid_from")
class Unit:
    """单位名录,带有效期。"""

    code: UnitCode
    name: Annotated[str, Column("全称")]
    parent: Annotated[str | None, Column("上级单位编码")]
    kind: Annotated[str, Column("种类,如 bureau street village school hospital")]
    tier: Annotated[int, Column("一、二、三类", low=1, high=3)]
    place: Annotated[str, Column("所在地")]
    aliases: Annotated[str, Column("别名,以 | 分隔")]
    exposure: Annotated[float | None, Column("服务人口或办件量", low=0)]
    valid_from: Annotated[dt.date, Column("自何日有效")]
    valid_to: Annotated[dt.date | None, Column("至何日有效,空为至今")]


@table("attribution", "message_id", "field", "start", "mention")
class Attribution:
    """归属:消息中的单位提法与认定结果。"""

    message_id: MessageId
    mention: Annotated[str, Column("原文提法;由来源推断者为空")]
    field: Annotated[str, Column("所在字段;由来源推断者为 source", one_of=("title", "body", "source"))]
    start: Annotated[int, Column("起点", low=0)]
    stop: Annotated[int, Column("终点", low=0)]
    unit_code: Annotated[str | None, Column("认定的单位编码;未认定为空")]
    status: Annotated[str, Column("认定状态", one_of=ATTRIBUTION)]
    confidence: Annotated[float, Column("把握", low=0, high=1)]
    blamed: Annotated[bool, Column("是被反映者,而非仅被提及")]
    why: Annotated[str, Column("依据代号,如 full_name alias+place parent_of")]


@table("reading", "message_id")
class Reading:
    """阅读结果:主题与是否反映作风问题。"""

    message_id: MessageId
    topic: Annotated[str, Column("十五个领域之一")]
    topic_probability: Annotated[float, Column("领域概率", low=0, high=1)]
    conduct_probability: Annotated[float, Column("反映公共单位作风问题的概率", low=0, high=1)]
    model_version: Annotated[str, Column("模型版本")]


@table("signal", "message_id", "code")
class Signal:
    """信号:一条消息所断言的一个作风问题,附原文。"""

    message_id: MessageId
    code: Code
    probability: Annotated[float, Column("校准后的概率", low=0, high=1)]
    quote: Annotated[str, Column("证据原文(已脱敏)")]
    field: Annotated[str, Column("所在字段", one_of=("title", "body"))]
    start: Annotated[int, Column("起点", low=0)]
    stop: Annotated[int, Column("终点", low=0)]
    status: Annotated[str, Column("asserted 计入;review 待人工确认;rejected 人工否定", one_of=("asserted", "review", "rejected"))]
    model_version: Annotated[str, Column("模型版本")]


@table("stage_done", "stage", "message_id")
class StageDone:
    """各步已办到哪个版本;输入不变则不重做。"""

    stage: Annotated[str, Column("步骤", one_of=("clean", "classify", "attribute"))]
    message_id: MessageId
    input_hash: Annotated[str, Column("输入与模型(或名录)版本的摘要")]


@table("unit_week", "unit_code", "week")
class UnitWeek:
    """单位每周:涉及消息、作风信号与办结情况。"""

    unit_code: UnitCode
    week: Week
    about: Annotated[int, Column("涉及该单位的全部消息数(作暴露量)", low=0)]
    messages: Messages
    complainants: Complainants
    events: Events
    replied: Annotated[int, Column("涉及消息中已答复数", low=0)]
    reply_days: Annotated[float | None, Column("答复天数中位数", low=0)]
    rated: Annotated[int, Column("有评价数", low=0)]
    satisfied: Annotated[int, Column("评价满意数", low=0)]
    reopened: Annotated[int, Column("二次办理数", low=0)]


@table("unit_week_code", "unit_code", "week", "code")
class UnitWeekCode:
    """单位每周每类问题。"""

    unit_code: UnitCode
    week: Week
    code: Code
    messages: Messages
    complainants: Complainants
    events: Events


@table("week_code", "week", "code")
class WeekCode:
    """全域每周每类问题(含未认定单位者)。"""

    week: Week
    code: Code
    messages: Messages
    complainants: Complainants
    events: Events


@table("week_topic", "week", "topic")
class WeekTopic:
    """全域每周各领域:全部消息与反映作风问题的消息。"""

    week: Week
    topic: Annotated[str, Column("领域")]
    about: Annotated[int, Column("该领域全部消息数", low=0)]
    messages: Messages
    complainants: Complainants
    events: Events


@table("week_total", "week")
class WeekTotal:
    """全域每周总数。"""

    week: Week
    about: Annotated[int, Column("全部消息数", low=0)]
    messages: Messages
    complainants: Complainants
    events: Events
    attributed: Annotated[int, Column("作风消息中认定到单位的消息数", low=0)]
    review: Annotated[int, Column("待人工确认的信号数", low=0)]
    replied: Annotated[int, Column("已答复数", low=0)]
    reply_days: Annotated[float | None, Column("答复天数中位数", low=0)]


@table("coverage", "source", "week")
class Coverage:
    """来源每周覆盖:少于声明的下限者标明,趋势不与之静默相比。"""

    source: Annotated[str, Column("来源代号")]
    week: Week
    messages: Messages
    days: Annotated[int, Column("有消息的天数", low=0, high=7)]
    at_least: Annotated[int, Column("本周下限", low=0)]
    at_most: Annotated[int, Column("本周上限", low=0)]
    status: Annotated[str, Column("正常、偏少、中断、偏多、未启用", one_of=("ok", "short", "silent", "over", "not_started"))]


@table("surge", "week", "series", "unit_code", "code")
class Surge:
    """异常升高:本周数超过自身历史所能解释者(苗头性)。"""

    week: Week
    series: Annotated[str, Column("序列种类", one_of=("unit", "code", "unit_code"))]
    unit_code: Annotated[str, Column("单位编码;全域为空串")]
    code: Annotated[str, Column("问题代码;合计为空串")]
    observed: Annotated[int, Column("本周事件数", low=0)]
    expected: Annotated[float, Column("预期", low=0)]
    upper: Annotated[float, Column("上限", low=0)]
    score: Annotated[float, Column("超出上限的程度:(观测-预期)/(上限-预期)")]


@table("alert", "alert_id")
class Alert:
    """预警:发往治庸问责办的一行。"""

    alert_id: Annotated[str, Column("预警编号,由内容决定", pattern=r"a[0-9a-f]{12}")]
    kind: Annotated[str, Column("种类", one_of=("surge", "grave", "repeat", "silent_source"))]
    week: Week
    raised_on: Annotated[dt.date, Column("发出日期")]
    unit_code: Annotated[str | None, Column("单位编码")]
    code: Annotated[str | None, Column("问题代码")]
    event_id: Annotated[str | None, Column("事件编号")]
    source: Annotated[str | None, Column("来源代号(来源中断时)")]
    severity: Annotated[int, Column("轻重 1 至 3", low=1, high=3)]
    messages: Messages
    summary: Annotated[str, Column("一句话说明,不含个人信息")]
    state: Annotated[str, Column("open 待处置;acked 已签收;cased 已立台账", one_of=("open", "acked", "cased"))]
    acked_by: Annotated[str | None, Column("签收人")]
    note: Annotated[str | None, Column("签收备注")]


@table("delivery", "delivery_id")
class Delivery:
    """发件箱:每个预警对每个接收方一行。"""

    delivery_id: Annotated[str, Column("预警编号与接收方的摘要")]
    alert_id: Annotated[str, Column("预警编号")]
    route: Annotated[str, Column("接收方名称,见设置")]
    state: Annotated[str, Column("状态", one_of=("pending", "sent", "failed"))]
    attempts: Annotated[int, Column("已试次数", low=0)]
    error: Annotated[str | None, Column("最近一次失败的原因")]


@table("case_entry", "case_id")
class CaseEntry:
    """台账:一案一行。"""

    case_id: Annotated[str, Column("案号,如 2019-0001", pattern=r"\d{4}-\d{4}")]
    alert_id: Annotated[str | None, Column("来自哪个预警")]
    unit_code: Annotated[str | None, Column("被反映单位")]
    code: Annotated[str | None, Column("问题代码")]
    matter: Annotated[str, Column("事由")]
    opened_on: Annotated[dt.date, Column("立项日期")]
    due_on: Annotated[dt.date, Column("限办日期(工作日推算)")]
    state: Annotated[str, Column("状态", one_of=("opened", "assigned", "answered", "closed", "reopened"))]
    assignee: Annotated[str | None, Column("承办单位或科室")]
    closed_on: Annotated[dt.date | None, Column("销号日期")]


@table("case_step", "case_id", "step")
class CaseStep:
    """台账流水:每一步不可改。"""

    case_id: Annotated[str, Column("案号")]
    step: Annotated[int, Column("第几步", low=1)]
    action: Annotated[str, Column("动作", one_of=("open", "assign", "feedback", "close", "reopen"))]
    taken_on: Annotated[dt.date, Column("日期")]
    taken_by: Annotated[str, Column("经办")]
    note: Annotated[str, Column("说明")]


@table("correction", "message_id", "code")
class Correction:
    """人工复核:确认或否定某条消息的某个代码;重跑模型也不覆盖。"""

    message_id: MessageId
    code: Code
    verdict: Annotated[str, Column("结论", one_of=("confirmed", "rejected", "added"))]
    quote: Annotated[str, Column("证据原文")]
    reviewer: Annotated[str, Column("复核人")]
    reviewed_on: Annotated[dt.date, Column("复核日期")]


@table("bulletin", "number")
class Bulletin:
    """《舆情快报》各期。"""

    number: Annotated[str, Column("期号,如 2019-35", pattern=r"\d{4}-\d{2}")]
    week: Week
    state: Annotated[str, Column("draft 草稿;signed 已签发", one_of=("draft", "signed"))]
    drafted_on: Annotated[dt.date, Column("成稿日期")]
    signed_by: Annotated[str | None, Column("签发人")]
    signed_on: Annotated[dt.date | None, Column("签发日期")]
    snapshot: Annotated[str, Column("所据快照文件名")]
    digest: Annotated[str, Column("内容 JSON 的 SHA-256")]
