"""Finds what identifies a natural person in a message, and masks it; spans first, one function transforms.

Reads and writes strings in memory only. Nothing is caught here: when finding fails, the caller must not pass the message on.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from pipelines import addresses, identifiers, names
from pipelines.normalise import fold

MASKS = {
    "PERSON": "[姓名]",
    "PHONE": "[电话]",
    "IDNUM": "[身份证号]",
    "ADDRESS": "[住址]",
    "PLATE": "[车牌]",
    "ACCOUNT": "[账号]",
}
_STRENGTH = {"IDNUM": 0, "PHONE": 1, "ACCOUNT": 2, "PLATE": 3, "ADDRESS": 4, "PERSON": 5}

_OWN = re.compile(r"我|本人|来电人|反映人|投诉人|举报人|联系人|申请人|代表|业主|村民|居民|住户|家住|联系电话|联系方式|回电")
_OFFICE = re.compile(r"[局所办厅委院校站]|政府|热线|公司|部门|街道|银行|中心|书记|主任|工作人员|服务")


class Entity(NamedTuple):
    """`type` over `start:end` of `field` ("title" or "text"); `role` is self, third, official or unknown."""

    type: str
    role: str
    field: str
    start: int
    end: int


def find_entities(title: str, text: str, known: Iterable[tuple[str, str]] = ()) -> list[Entity]:
    """What identifies a person in `title` and `text`, by field and start; entities of one field do not overlap.

    `known` are (type, string) pairs that the source itself gives (the author's name, a telephone): they are entities of role
    self wherever they stand. Offsets count characters of the strings given, folded or not.
    """
    folded = fold(title), fold(text)
    fields = zip(("title", "text"), folded, names.find(*folded), addresses.find(*folded), strict=True)
    given = [(kind, plain) for kind, string in known if len(plain := fold(string).strip()) >= 2]
    found: list[Entity] = []
    for where, plain, people, homes in fields:
        if not plain:
            continue
        spans = [Entity(kind, _role(plain, kind, start, end), where, start, end) for start, end, kind in identifiers.find(plain)]
        spans += [Entity("ADDRESS", _role(plain, "ADDRESS", start, end), where, start, end) for start, end in homes]
        spans += [Entity("PERSON", name.role, where, name.start, name.end) for name in people]
        for kind, string in given:
            spans += [Entity(kind, "self", where, at, at + len(string)) for at in names.occurrences(plain, string)]
        found += _apart(spans) if len(spans) > 1 else spans
    return found


def mask(text: str, entities: Iterable[Entity]) -> tuple[str, list[Entity]]:
    """`text` with each of `entities` (all of one field, apart) replaced by its mask, and where the masks stand in the result."""
    parts: list[str] = []
    masked: list[Entity] = []
    at = length = 0
    for entity in sorted(entities, key=lambda e: e.start):
        word = MASKS[entity.type]
        length += entity.start - at
        parts += [text[at : entity.start], word]
        masked.append(Entity(entity.type, entity.role, entity.field, length, length + len(word)))
        at, length = entity.end, length + len(word)
    return "".join([*parts, text[at:]]), masked


def _apart(spans: list[Entity]) -> list[Entity]:
    """Spans in order without overlap: together they cover all that any of them covers; the stronger type names the whole."""
    kept: list[Entity] = []
    for span in sorted(spans, key=lambda e: (e.start, -e.end)):
        if not kept or span.start >= kept[-1].end:
            kept.append(span)
            continue
        last = kept[-1]
        whole = last if _STRENGTH[last.type] <= _STRENGTH[span.type] else span
        kept[-1] = whole._replace(start=last.start, end=max(last.end, span.end))
    return kept


def _role(text: str, kind: str, start: int, end: int) -> str:
    """Whose number or address it is, by the words shortly before it."""
    before = text[max(0, start - 16) : start]
    if _OWN.search(before):
        return "self"
    if kind in ("PHONE", "ACCOUNT") and _OFFICE.search(before):
        return "official"
    if kind == "ADDRESS":
        return "self" if text[max(0, start - 3) : start].endswith(("住", "家", "址：", "在")) else "third"
    if len(text) - end < 40:  # a number at the foot of a letter is the writer's
        return "self"
    return "third" if kind == "PLATE" else "unknown"
