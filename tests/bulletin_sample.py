"""A small invented city as a published snapshot: what the tests of the bulletin draft from. Made with the real stages."""

import atexit
import datetime as dt
import random
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from crawlers.sources import SourceDeclaration
from models.taxonomy import CODES, TOPICS
from pipelines.aggregate import aggregate
from pipelines.contracts import Attribution, Bulletin, CleanMessage, EventMember, Reading, Signal, Source, Surge, Unit, rows
from pipelines.publish import publish
from pipelines.surveillance import surges
from pipelines.warehouse import DataDir, Warehouse, week_of, week_start

WEEK = "2019-W35"
WEEKS = 12
LEAST = {"hotline": 1, "board": 1, "forum": 1, "patrol": 0}  # a day
SOURCES = {"hotline": ("云河市热线工单", "hotline"), "board": ("云河市市民留言板", "board"), "forum": ("云河论坛", "forum"),
           "patrol": ("明察暗访记录", "inspection")}  # fmt: skip
NAMES = ("住房和城乡建设局", "教育局", "人力资源和社会保障局", "城市管理和综合执法局", "不动产登记中心", "公安局交通警察支队",
         "卫生健康局", "东湖街道办事处", "桃园街道办事处", "青石镇人民政府", "供水公司", "第三中学", "市场监督管理局", "民政局",
         "交通运输局", "税务局", "自然资源和规划局", "中心医院")  # fmt: skip
HOSTILE = (
    '=HYPERLINK("http://evil.example/","点我")要交钱',
    "<script>alert(1)</script><img src=x onerror=alert(2)>窗口收钱",
    '#set page(fill: red) $x^2$ *粗* _斜_ #read("/etc/passwd") @ref',
    "{{ 7 * 7 }}{% raw %} \\u0041 &amp; \x07响铃\x1b[31m红\u202e反写",
    "长" + "W" * 400 + "词没有空格",
    "]]> <w:t>插入</w:t> %PDF- \x00 空字符 \uffff 喆镕堃垚㐂",
)
QUOTES = {
    "perfunctory": "回复说已经处理完毕，可现场一点没动",
    "poor_execution": "文件写得明明白白，窗口说他们这里不执行",
    "inaction": "前后打了六个电话，登记完就再没有下文",
    "delay": "说好二十个工作日，第五个月了还在审核中",
    "buck_passing": "这边让找那边，那边又让找回来，来回跑了四趟",
    "broken_promise": "接访时答应五月底前通水，到今天龙头还是干的",
    "absence": "上午九点半窗口没有人，等到十一点才来一个",
    "rudeness": "工作人员把材料往外一推，说爱办不办",
    "red_tape": "第一次说缺复印件，第二次又说要公证",
    "abuse_of_power": "没有任何文书就把门面的货拖走了",
    "illegal_charges": "每户另收二百元，不给票据也说不出依据",
    "opacity": "补助名单从来没有张贴过，问了也不给看",
    "graft": "暗示要先打点一下才肯排上号",
    "favoritism": "名额都给了自家亲戚，够条件的反而没有",
    "extravagance": "工作日中午在饭店摆了三桌，公车停了一排",
}


def build(
    root: Path, *, weeks: int = WEEKS, silent: str | None = "hotline", extra: Any = None, last: str = WEEK, seed: int = 7
) -> Path:
    """A published snapshot of `weeks` weeks up to `last`; `silent` sends nothing in the last; `extra(tables)` may add rows."""
    chance = random.Random(seed)
    tables: dict[Any, list[dict[str, Any]]] = {kind: [] for kind in (CleanMessage, EventMember, Reading, Signal, Attribution)}
    start = week_start(last) - dt.timedelta(weeks=weeks - 1)
    for at in range(weeks):
        monday = start + dt.timedelta(weeks=at)
        for _ in range(chance.randint(66, 84)):
            source = chance.choices(list(SOURCES), (5, 4, 3, 1))[0]
            if at == weeks - 1 and source == silent:
                continue
            add(tables, chance, source, monday + dt.timedelta(days=chance.randrange(7)))
        for _ in range(13 if at == weeks - 1 and weeks > 8 else 0):  # the surge
            add(tables, chance, "board", monday + dt.timedelta(days=chance.randrange(7)), unit=3, code="abuse_of_power")
    if extra:
        extra(tables, chance)
    return _publish(root, tables)


def add(tables: Any, chance: random.Random, source: str, day: dt.date, unit: int | None = None, code: str | None = None,
        quote: str | None = None, same_event: bool | None = None, title: str = "反映一个问题") -> None:  # fmt: skip
    """One message with its event, reading, and, four times in ten, a signal and a unit."""
    messages = tables[CleanMessage]
    number = len(messages) + 1
    ident = f"m{number:016x}"
    conduct = code is not None or chance.random() < 0.42
    code = code or chance.choices(list(CODES), range(len(CODES), 0, -1))[0]
    quote = quote if quote is not None else QUOTES[code]
    replied = chance.random() < 0.4
    again = chance.random() < 0.06 and number > 5 if same_event is None else same_event
    event = tables[EventMember][-1]["event_id"] if again else f"e{number:016x}"
    messages.append(
        {"message_id": ident, "record_id": number, "source": source, "channel": SOURCES[source][1],
         "complainant_key": f"k{chance.randrange(100000)}" if chance.random() < 0.8 else None,
         "posted_at": dt.datetime.combine(day, dt.time(9, 30)), "week": week_of(day), "title": title, "body": f"您好，{quote}。",
         "reopened": False, "withdrawn": False, "masked": 0, "reply": "已转办" if replied else None,
         "replied_at": dt.datetime.combine(day + dt.timedelta(days=5), dt.time(10)) if replied else None,
         "reply_days": float(chance.randint(1, 20)) if replied else None, "place": None}
    )  # fmt: skip
    tables[EventMember].append({"message_id": ident, "event_id": event, "relation": "near" if again else "first"})
    tables[Reading].append(
        {"message_id": ident, "topic": chance.choice(TOPICS), "topic_probability": 0.8,
         "conduct_probability": 0.9 if conduct else 0.1, "model_version": "sample"}
    )  # fmt: skip
    unit = chance.choices(range(len(NAMES)), range(len(NAMES), 0, -1))[0] if unit is None else unit
    if chance.random() < 0.85:
        tables[Attribution].append(
            {"message_id": ident, "mention": "贵局", "field": "body", "start": 0, "stop": 2, "unit_code": f"U{unit:03d}",
             "status": "named", "confidence": 0.9, "blamed": True, "why": "alias"}
        )  # fmt: skip
    if conduct:
        status = "review" if chance.random() < 0.12 and title == "反映一个问题" else "asserted"
        tables[Signal].append(
            {"message_id": ident, "code": code, "probability": round(chance.uniform(0.55, 0.99), 4), "quote": quote,
             "field": "body", "start": 3, "stop": 3 + len(quote), "status": status, "model_version": "sample"}
        )  # fmt: skip


def _publish(root: Path, tables: Any) -> Path:
    data = DataDir(root)
    data.make()
    units = [
        {"code": f"U{at:03d}", "name": f"云河市{name}", "parent": None, "kind": "bureau", "tier": 1 + at % 3, "place": "云河市",
         "aliases": "", "exposure": None, "valid_from": dt.date(2010, 1, 1), "valid_to": None}
        for at, name in enumerate(NAMES)
    ]  # fmt: skip
    sources = [
        {"slug": slug, "name": name, "publisher": "云河市", "channel": channel, "kind": "export", "at_least": 1, "at_most": 500}
        for slug, (name, channel) in SOURCES.items()
    ]
    with Warehouse(data.warehouse) as warehouse:
        for row_class, items in {Unit: units, Source: sources, **tables}.items():
            warehouse.write(row_class, rows(row_class, items))
        warehouse.write(Bulletin, rows(Bulletin, [
            {"number": "2019-34", "week": "2019-W34", "state": "signed", "drafted_on": dt.date(2019, 8, 26), "signed_by": "甲",
             "signed_on": dt.date(2019, 8, 26), "snapshot": "x.duckdb", "digest": "0"}]))  # fmt: skip
        aggregate(warehouse, _declared())
        calendar = warehouse.query("SELECT week FROM week_total ORDER BY week")["week"].to_pylist()
        warehouse.write(Surge, surges(warehouse, calendar))
        return publish(warehouse, data, small_cell=5)


def _declared() -> dict[str, Any]:
    return {
        slug: SourceDeclaration.model_validate(
            {"slug": slug, "name": name, "publisher": "云河市", "channel": channel, "kind": "export",
             "bounds": {"at_least": LEAST[slug], "at_most": 500},
             "export": {"columns": {"native_id": ["编号"], "posted_at": ["时间"], "title": ["标题"], "body": ["内容"]}}}
        )
        for slug, (name, channel) in SOURCES.items()
    }  # fmt: skip


@cache
def city() -> Path:
    """The snapshot with a surge and a silent hotline in `WEEK`, made once a session."""
    return build(_folder())


@cache
def calm() -> Path:
    """Three whole weeks without silence and without surge."""
    return build(_folder(), weeks=3, silent=None)


@cache
def hostile() -> Path:
    """Three weeks; in the last each of HOSTILE is the quote of a grave message with a code of its own."""
    return build(_folder(), weeks=3, silent=None, extra=_hostile_rows)


@cache
def bare() -> Path:
    """A snapshot without any message."""
    return build(_folder(), weeks=0)


def _hostile_rows(tables: Any, chance: random.Random) -> None:
    grave = ("abuse_of_power", "graft", "favoritism", "illegal_charges", "opacity", "extravagance")
    for at, (code, quote) in enumerate(zip(grave, HOSTILE, strict=True)):
        for copy in range(4):  # the more messages an event has, the surer its case is shown
            add(tables, chance, "board", week_start(WEEK), unit=at, code=code, quote=quote, same_event=copy > 0, title="照录")


def _folder() -> Path:
    folder = tempfile.TemporaryDirectory(prefix="bulletin-", ignore_cleanup_errors=True)
    atexit.register(folder.cleanup)
    return Path(folder.name)
