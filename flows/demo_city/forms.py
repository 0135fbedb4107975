"""Writes the story into the forms of its sources: weekly XLSX files, a GB18030 CSV, an inspection CSV, and the site's tables."""

import csv
import datetime as dt
import io
import json
import re
import zipfile
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

from flows.demo_city.story import Letter

HOTLINE = (
    "工单编号",
    "来电时间",
    "来电人",
    "来电号码",
    "联系地址",
    "诉求标题",
    "诉求内容",
    "所属区域",
    "诉求领域",
    "诉求类型",
    "承办单位",
    "办理状态",
    "答复内容",
    "答复时间",
    "满意度",
    "是否二次办理",
)
INSPECTION = ("检查编号", "检查日期", "被检查单位", "所在区", "问题标题", "问题描述", "问题领域", "整改情况", "整改反馈日期")
CSV_WEEKS = 8
_FORMULA = '=HYPERLINK("http://example.invalid/","点我领取补贴")'
_STAMP = (2026, 1, 1, 0, 0, 0)


def hotline_row(letter: Letter) -> list[str]:
    """One work order."""
    person = letter.person
    known = person is not None and person.number % 9 != 0
    return [
        letter.native_id,
        f"{letter.posted:%Y/%m/%d %H:%M:%S}",
        person.name if person and known else "匿名",
        person.phone if person and known else "",
        person.home if person and known and person.number % 3 == 0 else "",
        letter.title,
        letter.body,
        letter.district,
        letter.topic,
        letter.kind,
        letter.unit.name,
        "已办结" if letter.reply else "办理中",
        letter.reply,
        f"{letter.replied:%Y-%m-%d %H:%M}" if letter.replied else "",
        letter.satisfied,
        "是" if letter.reopened else "",
    ]


def hostile_rows(monday: dt.date) -> list[list[str]]:
    """Work orders as no one should write them: what is impossible goes to quarantine, what is dangerous must stay text."""
    day = monday + dt.timedelta(days=2)

    def row(number: str, when: str, title: str, body: str) -> list[str]:
        return [
            number,
            when,
            "匿名",
            "",
            "",
            title,
            body,
            "清江区",
            "党务政务",
            "投诉",
            "临江市12345政务服务便民热线服务中心",
            "办理中",
            "",
            "",
            "",
            "",
        ]

    return [
        row(
            "LJ-X1",
            f"{day:%Y/%m/%d} 09:12:00",
            "<script>alert('热线')</script>窗口没人值班",
            "来电人反映：<b>大厅</b>上午十点窗口没有人，等了四十分钟。",
        ),
        row("LJ-X2", f"{day:%Y/%m/%d} 10:20:00", _FORMULA, _FORMULA + " 来电人称收到此短信，咨询是否为诈骗。"),
        row("LJ-X3", f"{day:%Y}/02/30 10:20:00", "日期写错的工单", "来电人咨询公交年卡如何办理。"),
        row("LJ-X4", "2099/01/01 08:00:00", "来自未来的工单", "来电人咨询何时通地铁。"),
        row("LJ-X5", f"{day:%Y/%m/%d} 11:00:00", "同号不同文之一", "来电人咨询图书馆闭馆时间。"),
        row("LJ-X5", f"{day:%Y/%m/%d} 11:05:00", "同号不同文之二", "来电人反映路灯不亮，请尽快维修。"),
        row("LJ-X6", f"{day:%Y/%m/%d} 12:00:00", "", ""),
    ]


def write_hotline(folder: Path, letters: Sequence[Letter]) -> int:
    """The work orders: the first weeks as one GB18030 CSV, then a workbook a week. Returns the number of hostile rows."""
    folder.mkdir(parents=True, exist_ok=True)
    mondays = groupby(letters, key=lambda x: x.posted.date() - dt.timedelta(days=x.posted.weekday()))
    weeks = [(monday, list(group)) for monday, group in mondays]
    early = min(CSV_WEEKS, len(weeks) - 1)
    with (folder / "历史工单.csv").open("w", encoding="gb18030", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(HOTLINE)
        writer.writerows(hotline_row(letter) for _, group in weeks[:early] for letter in group)
    hostile: list[list[str]] = []
    for monday, group in weeks[early:]:
        rows = [hotline_row(letter) for letter in group]
        if monday == weeks[-1][0]:
            hostile = hostile_rows(monday)
            rows += hostile
        year, week, _ = monday.isocalendar()
        title = f"临江市12345政务服务便民热线工单周报（{year}年第{week}周）"
        (folder / f"热线工单_{year}-W{week:02d}.xlsx").write_bytes(workbook(title, HOTLINE, rows))
    return len(hostile)


def workbook(title: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """A workbook as hotlines send them: a title line above the header, a total below; the same bytes for the same rows."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("工单")
    sheet.append([title])
    sheet.append(list(header))
    count = 0
    for row in rows:
        sheet.append([_text_cell(sheet, value) if value.startswith("=") else value or None for value in row])
        count += 1
    sheet.append(["合计", f"{count}件"])
    raw, out = io.BytesIO(), io.BytesIO()
    book.save(raw)
    with zipfile.ZipFile(raw) as given, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as same:
        for entry in given.infolist():
            content = given.read(entry)
            if entry.filename == "docProps/core.xml":  # openpyxl writes the clock into it
                content = re.sub(rb"\d{4}-\d\d-\d\dT[\d:]+Z", b"2026-01-01T00:00:00Z", content)
            same.writestr(zipfile.ZipInfo(entry.filename, _STAMP), content, zipfile.ZIP_DEFLATED, 1)
    return out.getvalue()


def _text_cell(sheet: Any, value: str) -> Any:
    cell = WriteOnlyCell(sheet, value)
    cell.data_type = "s"
    return cell


def write_inspection(folder: Path, letters: Sequence[Letter]) -> None:
    """The findings, one CSV with a byte order mark."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "明察暗访问题清单.csv").open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(INSPECTION)
        writer.writerows(
            [
                x.native_id,
                f"{x.posted:%Y.%m.%d}",
                x.unit.name,
                x.district,
                x.title,
                x.body,
                x.topic,
                x.reply,
                f"{x.replied:%Y.%m.%d}" if x.replied else "",
            ]
            for x in letters
        )
        writer.writerow(["合计", f"{len(letters)}件"])


def board_threads(letters: Sequence[Letter]) -> list[dict[str, Any]]:
    """The citizens' board as its site keeps it, newest first."""
    return [
        {
            "id": x.native_id,
            "title": x.title,
            "body": x.body,
            "author": x.person.nick if x.person and x.person.number % 7 else "匿名网友",
            "posted": f"{x.posted:%Y-%m-%d %H:%M:%S}",
            "place": x.district,
            "topic": x.topic,
            "kind": x.kind,
            "reply": x.reply,
            "reply_unit": x.unit.name if x.reply else "",
            "replied": f"{x.replied:%Y-%m-%d %H:%M}" if x.replied else "",
            "satisfied": x.satisfied,
            "withdrawn": x.withdrawn,
        }
        for x in reversed(letters)
    ]


def leader_items(letters: Sequence[Letter]) -> list[dict[str, Any]]:
    """The 领导留言板 as its interface gives it, newest first."""
    rating = {"满意": 5, "不满意": 1, "": 0}
    return [
        {
            "tid": int(x.native_id),
            "date": f"{x.posted:%Y-%m-%d}",
            "fid": 4399,
            "forum": "临江市",
            "level": "city",
            "district": x.district or None,
            "title": x.title,
            "content": x.body,
            "domain": x.topic,
            "type": {"投诉": "投诉/求助", "求助": "投诉/求助"}.get(x.kind, x.kind),
            "status": "已办理" if x.reply else "办理中",
            "hasReply": bool(x.reply),
            "replyOrg": x.unit.name if x.reply else "",
            "replyContent": x.reply,
            "likes": int(x.native_id) % 11,
            "gManner": rating[x.satisfied],
            "gSpeed": rating[x.satisfied],
        }
        for x in reversed(letters)
    ]


def feed_items(letters: Sequence[Letter]) -> list[dict[str, str]]:
    """The evening paper's column, newest first."""
    return [
        {"guid": x.native_id, "title": x.title, "description": x.body, "category": x.topic, "posted": x.posted.isoformat()}
        for x in reversed(letters)
    ]


def write_json(path: Path, content: Any) -> None:
    """UTF-8 JSON."""
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
