"""Reads texts, gives the spans that mention a public unit, and the places they name: found, not yet resolved."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import rjieba

from pipelines.departments import words
from pipelines.vocabulary import LEVEL_CHARS, NEEDS_PLACE, Patterns, build

_BREAK = re.compile(r"[。!?！？;；,，:：\n]")
_STOP = re.compile(r"[。!?！？\n]")
_MASKED = re.compile(r"[A-Z]\d{0,3}[市区县州乡镇]")
_REACH = 60  # characters after a mention in which a failure is still its own
_CACHE = 200_000
_SUFFIXES = ("街道", "社区", "村", "镇", "乡")
# rjieba's tags of words that end before a name begins; people who stand there; and verbs that are names all the same.
_NO_NAME = frozenset({"v", "vn", "vd", "vi", "p", "d", "c", "r", "t", "ad", "m", "i", "l"})
_PEOPLE = frozenset({
    "业主", "小孩", "孩子", "代表", "村民", "居民", "家长", "学生", "老师", "领导", "部门", "政府", "网友", "群众", "公司",
    "小区", "项目",
})  # fmt: skip
_NAMES = frozenset({"希望", "实验", "开发", "光明", "解放", "建设", "示范"})
_OF_COMMUNITY = frozenset({"居委会", "居民委员会", "居委"})


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """What a mention says, apart from where it stands. One object a wording (hashed as such, which is quick).

    `head` is the word for the organ ("" when a place itself acts), `name` a free name before it, `over` its superior organ,
    `places` the places it names, widest first, `level` a bare 市, 区, 县, 镇 … before it; `acts` whether it stands for an organ
    and not only for a place or a thing, None where only the words around say so.
    """

    head: str
    name: str
    over: str
    places: tuple[str, ...]
    level: str
    trim: int
    plain: bool
    acts: bool | None


@dataclass(slots=True)  # not frozen: that makes each of many a microsecond dearer
class Mention:
    """A span of text `doc` that mentions a unit (`mention`) or only a place."""

    doc: int
    start: int
    end: int
    shape: Shape
    mention: bool
    blamed: bool


class Finder:
    """Finds mentions in many texts at once."""

    def __init__(self, names: Iterable[str] = (), places: Iterable[str] = ()) -> None:
        places = list(places)
        self._places = frozenset(places)
        stems = {p[:-1] for p in places if len(p) > 2 and p[-1] in "市区县省" and not _MASKED.fullmatch(p)}
        wide = [p for p in places if p[-1] in "省市区县州" and not _MASKED.fullmatch(p)]
        organs = {name for name in names if len(name) > 1 and name not in ("街道", "社区")}
        self._patterns: Patterns = build(organs, {*stems, *wide, *(p for p in places if not _regular(p))})
        self._inside = frozenset(words().inside)
        self._named = frozenset(word[::-1] for word in self._patterns.named)
        self._shapes: dict[tuple[str, str, str], Shape] = {}

    def find(self, texts: Sequence[str]) -> Iterator[Mention]:
        """Mentions and places of every text, last text first, and in each from the end to the start."""
        joined = "\n".join(texts)
        back = joined[::-1]
        size, doc = len(joined), len(texts) - 1
        first = size - len(texts[-1]) if texts else 0
        taken = 0
        patterns = self._patterns
        for match in patterns.scan.finditer(back):
            at, stop = match.span()
            if at < taken:
                continue
            head_end = match.end(1)
            end = size - at
            while end <= first and doc:
                doc -= 1
                first -= len(texts[doc]) + 1
            head, mid = match.groups()
            name = ""
            if head[0].isdigit() and not self._hotline(head, joined, back, end, head_end):
                continue
            if not mid and head in self._named and (more := patterns.name.match(back, head_end)):
                name = more[0]
                chain = patterns.chain.match(back, more.end())
                mid = chain[0] if chain else ""
                stop = more.end() + len(mid)
            shape = self._shape(head, mid, name)
            start = size - stop + shape.trim
            if start >= end:
                continue
            taken = size - start
            if (longer := patterns.never.match(joined, size - head_end)) and longer.end() > end:
                continue
            if name and patterns.private.search(joined, start, end):
                continue
            acts = shape.acts
            if acts is None:
                acts = self._acts_here(shape, joined, back, end, size - start)
            if not acts and not shape.places:
                continue
            blamed = acts and self._blamed(joined, back, start, end, size)
            yield Mention(doc, start - first, end - first, shape, acts, blamed)

    def _hotline(self, head: str, joined: str, back: str, end: int, head_end: int) -> bool:
        """A hotline's number is no part of a longer number; three digits must be dialled or answer."""
        if joined[end : end + 1].isdigit() or back[head_end : head_end + 1].isdigit():
            return False
        return (
            len(head) > 3 or back[head_end : head_end + 1] in set("打拨报找向了") or joined[end : end + 1] in set("报出接民警指")
        )

    def _acts_here(self, shape: Shape, joined: str, back: str, end: int, back_start: int) -> bool:
        """Whether the words around a span make it stand for an organ."""
        patterns = self._patterns
        if not shape.head and shape.places[-1][-1] in "省市区县州" and not shape.places[-1].endswith("社区"):
            return patterns.region_after.match(joined, end) is not None
        return bool(patterns.after.match(joined, end) or patterns.before.match(back, back_start))

    def _blamed(self, joined: str, back: str, start: int, end: int, size: int) -> bool:
        """A failure is told in the mention's clause or after it in its sentence, and the clause does not just ask it for help."""
        patterns = self._patterns
        if start and joined[start - 1] in "诉报控" and patterns.complaint.match(back, size - start):
            return True
        left = _BREAK.search(back, size - start)
        clause = size - left.start() if left else 0
        if clause < start:
            if patterns.asking.search(joined, clause, start):
                return False
            if patterns.cue.search(joined, clause, start):
                return True
        if patterns.subject.match(joined, end):
            return True
        right = _STOP.search(joined, end, end + _REACH)
        return patterns.cue.search(joined, end, right.start() if right else min(size, end + _REACH)) is not None

    def _shape(self, head: str, mid: str, name: str) -> Shape:
        key = (head, mid, name)
        shape = self._shapes.get(key)
        if shape is None:
            if len(self._shapes) > _CACHE:
                self._shapes.clear()
            shape = self._shapes[key] = self._read(head[::-1], mid, name[::-1])
        return shape

    def _read(self, head: str, mid: str, name: str) -> Shape:
        """Takes a span apart: places, superior organ, level."""
        word, parts = head, [match[0][::-1] for match in self._patterns.part.finditer(mid)][::-1]
        plain = head not in self._patterns.strong and head not in words().weak
        if plain and head not in self._inside:  # a place by itself
            parts, head = [*parts, head], ""
        places: list[str] = []
        over = level = ""
        trim = 0
        for index, part in enumerate(parts):
            if part in self._patterns.strong:
                over = part
            elif part.lstrip("我本该全当") in LEVEL_CHARS:
                level = part[-1]
            else:
                short = self._known_end(part) if index == 0 else part
                if short:
                    places.append(short)
                else:  # no name was left: 附近镇 -> 镇
                    level = part[-1] if part[-1] in LEVEL_CHARS and head else ""
                trim += len(part) - (len(short) or len(level))
        if not level and head in words().roles and head[0] in "镇乡县区":  # 县长, 镇干部 say their level themselves
            level = head[0]
        suffix = next((suffix for suffix in _SUFFIXES if head.startswith(suffix)), "社区" if head in _OF_COMMUNITY else "")
        if name and suffix:  # 汉回村支书, 天顶街道办: the name is a place's
            short = self._known_end(name + suffix)
            trim += len(name) + len(suffix) - len(short) if short else len(name)
            places, name = [*places, *([short] if short else [])], ""
        if name and (cut := self._edge(name)):  # what stands before the cut is another phrase
            trim, name = sum(map(len, parts)) + cut, name[cut:]
            places, over, level = [], "", ""
        if len(name) == 1 and name not in "一二三四五六七八九十" and not places:  # a stray character, no name
            trim, name = trim + 1, ""
        narrowed = bool(places or level or over)
        acts: bool | None = None
        if word in NEEDS_PLACE:
            acts = narrowed
        elif word in self._patterns.strong or (head and (narrowed or name)):
            acts = True
        elif not head and not places:
            acts = False
        return Shape(head, name, over, tuple(places), level, trim, plain, acts)

    def _known_end(self, place: str) -> str:
        """`place` without words that a free name swept in from its left."""
        if place in self._places or _MASKED.fullmatch(place):
            return place
        for cut in range(1, len(place) - 1):
            if place[cut:] in self._places:
                return place[cut:]
        body = place[:-2] if place.endswith(("街道", "社区")) else place[:-1]
        cut = self._edge(body)
        return place[cut:] if cut < len(body) else ""

    def _edge(self, name: str) -> int:
        """Where a free name begins in what stands before its head: after verbs, adverbs, pronouns and people."""
        match = self._patterns.front.match(name)
        at = cut = match.end() if match else 0
        for word, tag in rjieba.tag(name[at:]) if len(name) - at > 1 else ():
            at += len(word)
            if len(word) > 1 and (tag in _NO_NAME or word in _PEOPLE) and word not in _NAMES:
                cut = at
        return cut


def _regular(place: str) -> bool:
    """Whether the free pattern finds the place anyway."""
    stop = words().stop
    body = place[:-2] if place.endswith(("街道", "社区")) else place[:-1]
    tail = place[len(body) :]
    return bool(_MASKED.fullmatch(place)) or (
        tail in ("街道", "社区", "镇", "乡", "村") and 1 <= len(body) <= 5 and not set(body) & set(stop + LEVEL_CHARS)
    )
