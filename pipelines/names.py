"""Finds personal names in folded text: surname and given name weighed character by character, plus what stands around them.

Reads the tables in `pipelines/data`. A candidate's weight is the sum of log likelihood ratios (name against running text) of
its characters, its borders and its context; from `ENOUGH` on it is a name. Names in a list carry each other.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import NamedTuple

ENOUGH = 5.2
_HOPEFUL = 2.8  # enough beside a name in a list
_ALONE = 7.5  # enough where nothing around speaks for a name
_SIGNED = 2.0  # what standing as a signature adds at most
_AFTER = 2.5  # what the words after a name add at most
_UNSEEN = 5.0  # what a candidate must be able to reach where no telling word can stand before it
_LIST_AT_LEAST = 3  # names that run on without a mark between them
_FOLLOW = frozenset(
    "的在是说与和及等于把将被对向以住男女也却又就都称为从找到去来让给带用因已经自系拿开要请叫跟同所则后未没不有之站分"
)
_BEFORE = frozenset("的和与及跟向由被把让给是叫找对以为因但而据着请替帮同原如名令经使")
_PLACES = frozenset(
    "省市县区镇乡村路街巷道桥站港河湖江山岭冲湾坪塘垸组队社苑园城府庭寨坳厂店场局院校馆厅部会所矿集楼栋寺庙屯庄坝洞井冈大"
)
_NO_END = frozenset("省市县区镇乡村路街巷港湖塘站楼层厂店局院校馆部所矿某苑府庄渠叔姨婶婆公")
_ADVERBS = frozenset("曾从都别查盖养商房楼戴但那经先向应")
_SPACE = frozenset(" ：:“”（(《\n")
_BEFORE_NUMBER = _SPACE | set("，,")
_LINKS = re.compile(r"[、，,；;/\s]{1,3}|[和与及跟]|（[^（）\n]{1,12}）[、，,]")
_OPEN = re.compile(
    r"(?:我叫|名叫|我的名字叫|姓名[：: 是为]{0,2}|我名)[ ]{0,2}(?P<name>[\u4e00-\u9fff]{2,4}(?:·[\u4e00-\u9fff]{2,5})?)"
    r"(?=[，。,；;、（( \n]|$|今年|家住|住|是|男|女)"
)
_ALIAS = re.compile(
    r"(?:化名|曾用名|绰号|外号|小名|别名)[为叫是：:]?(?P<name>[\u4e00-\u9fff][A-Za-z\u4e00-\u9fff]{1,3})(?=[）)，。,、；])"
)
_ROLL = re.compile("(?:签名|签字|联名|署名|名单|代表)[：: ]{1,2}(?P<run>[\u4e00-\u9fffA-Z0-9、，, \n]{6,400})")
_STARRED = re.compile(r"(?P<name>[\u4e00-\u9fff][*×][\u4e00-\u9fff])(?![0-9*×])")


class Name(NamedTuple):
    """A name over `start:end`; `role` is self, third, official or unknown; `sure` when its context announces one."""

    start: int
    end: int
    role: str
    sure: bool = False


class _Tables(NamedTuple):
    surnames: dict[str, float]
    given: dict[str, float]
    compound: frozenset[str]
    words: frozenset[str]
    rare: frozenset[str]
    ends: dict[str, tuple[int, ...]]  # the lengths of the words of `left` by their last character, longest first
    closing: frozenset[str]
    bounds: "_Bounds"
    thirds: dict[str, float]
    left: dict[str, tuple[float, str]]
    right: dict[str, tuple[float, str]]
    scan: re.Pattern[str]
    sounding: re.Pattern[str]
    dotted: re.Pattern[str]
    long: re.Pattern[str]


class _Bounds(dict[str, float]):
    """What a name that starts with two characters can reach without its third; worked out once for each two."""

    def __init__(self, surnames: dict[str, float], given: dict[str, float], words: frozenset[str]) -> None:
        super().__init__()
        self._tables = surnames, given, words

    def __missing__(self, two: str) -> float:
        surnames, given, words = self._tables
        self[two] = surnames.get(two[0], 5.0) + given.get(two[1], 1.0) + (-0.5 if two in words else 2.5)
        return self[two]


@cache
def _tables() -> _Tables:
    surnames, given = _weights("surnames.txt"), _weights("given.txt")
    compound = frozenset(_lines("compound_surnames.txt"))
    unlikely = "".join(c for c, weight in given.items() if weight <= -3.0) + "的在是我某"
    starts = "".join(surnames) + "".join({c[0] for c in compound})
    words = _lines("words.txt") + [word for words in _sections()[2:] for word in words if len(word) == 2 and word.isalpha()]
    writer, near, office, other, after_office, after_name, place = _sections()
    left = dict.fromkeys(other, (2.8, "third")) | dict.fromkeys(office, (3.0, "official"))
    left |= dict.fromkeys(near, (2.8, "self")) | dict.fromkeys(writer, (5.0, "self"))
    right = dict.fromkeys(after_name, (2.0, "")) | dict.fromkeys(place, (-5.0, ""))
    right |= dict.fromkeys(after_office, (2.5, "official"))
    (sounds,) = _lines("sounds.txt")
    dotted = re.compile(rf"(?<!·)(?P<name>[{sounds}]{{1,6}}(?:·[{sounds}]{{1,6}}){{1,2}})")
    long = re.compile(
        rf"(?:来电人|反映人|投诉人|申请人|联系人|代表人|牵头人|代表|村民|牧民|居民|我叫|家属|举报人)[：: ]{{0,2}}"
        rf"(?P<name>[{sounds}]{{3,6}})"
        r"(?=[，。,；;、（( \n]|$|反映|称|来电|电话)"
    )
    common = frozenset(word for word in words if word[0] != "?")
    ends = {
        char: tuple(sorted({len(word) for word in left if word[-1] == char and len(word) < 5}, reverse=True))
        for char in {w[-1] for w in left}
    }
    return _Tables(
        surnames, given, compound, common, frozenset(word[1:] for word in words if word[0] == "?"),
        ends, _SPACE.union(ends), _Bounds(surnames, given, common), {c: max(weight, -1.0) + 1.0 for c, weight in given.items()},
        left, right, _scan(surnames, starts, unlikely, left), re.compile(f"[{sounds}]+"), dotted, long,
    )  # fmt: skip


def _scan(surnames: dict[str, float], starts: str, unlikely: str, left: Iterable[str]) -> re.Pattern[str]:
    """Where a name may start: a surname that is hardly anything else, or any surname where a telling word can stand before it."""
    strong = "".join(c for c in starts if surnames.get(c, 5.0) >= 2.0)
    telling = "".join({word[-1] for word in left} | _BEFORE) + "\u0001-\u4dff\ua000-\uffff"
    return re.compile(
        f"[{starts}](?=[^{unlikely}\\W0-9A-Za-z_])(?:(?<=[{strong}])|(?<=[{telling}].)|(?<![\\s\\S]{{2}}))", re.DOTALL
    )


def _lines(name: str) -> list[str]:
    text = (resources.files("pipelines") / "data" / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def _weights(name: str) -> dict[str, float]:
    return {c: float(weight) for weight, _, chars in (line.partition(" ") for line in _lines(name)) for c in chars}


def _sections() -> list[list[str]]:
    """The seven sections of name_context.txt, in order."""
    sections: list[list[str]] = []
    for line in _lines("name_context.txt"):
        if line.startswith("["):
            sections.append([])
        else:
            sections[-1] += line.split()
    return sections


def find(*texts: str) -> list[list[Name]]:
    """Names in each of `texts` (title, body): one found in a telling place is a name wherever it stands again."""
    found = [_in_text(text) for text in texts]
    if not any(found):
        return found
    known: dict[str, Name] = {}
    for text, names in zip(texts, found, strict=True):
        for name in names:
            string = text[name.start : name.end]
            if string not in known or (name.sure and not known[string].sure):
                known[string] = name
    placed = {string for string, name in known.items() if not name.sure and _is_placed(string, texts)}
    out: list[list[Name]] = []
    for text, names in zip(texts, found, strict=True):
        kept = [name for name in names if text[name.start : name.end] not in placed]
        for string, name in known.items():  # in the order of the text: a set's order would change from run to run
            if string not in placed:
                kept += _again(text, string, name, kept)
        out.append(kept)
    return out


def occurrences(text: str, string: str) -> Iterator[int]:
    """Where `string` (not empty) starts in `text`, without overlap; no pattern is compiled for a string met once."""
    at = text.find(string)
    while at >= 0:
        yield at
        at = text.find(string, at + len(string))


def _again(text: str, string: str, name: Name, taken: list[Name]) -> list[Name]:
    """Where else the string of a found name stands."""
    tables = _tables()
    if string in tables.words or string in tables.rare:
        return []
    starts = {other.start for other in taken}
    return [Name(at, at + len(string), name.role, name.sure) for at in occurrences(text, string) if at not in starts]


def _is_placed(string: str, texts: tuple[str, ...]) -> bool:
    """Whether the string stands as the name of a place or a firm somewhere in the message, and so most likely everywhere."""
    right = _tables().right
    for text in texts:
        for at in occurrences(text, string):
            end = at + len(string)
            if text[end : end + 1] in _PLACES or right.get(text[end : end + 2], (0.0, ""))[0] < 0:
                return True
    return False


def _in_text(text: str) -> list[Name]:
    names: list[Name] = []
    hopeful: list[Name] = []
    last = -1
    tables = _tables()
    closing, bounds, thirds = tables.closing, tables.bounds, tables.thirds
    for match in tables.scan.finditer(text):
        start = match.start()
        if start < last:
            continue
        # most candidates are words of the language: a bound on what they can reach spares the closer look
        bound = bounds[text[start : start + 2]] + thirds.get(text[start + 2 : start + 3], 2.0)
        if bound < 1.0 or (bound < _UNSEEN and start != last and start and text[start - 1] not in closing):
            continue
        left, role = (3.0, names[-1].role) if start == last else _left(text, start, tables)
        reach = bound + left
        if reach < ENOUGH and (reach < _HOPEFUL or "、" not in text[max(0, start - 2) : start + 5]):
            continue
        end, weight, right, right_role = _best(text, start, tables, _HOPEFUL - _SIGNED - left - 0.1)
        if text[start - 1 : start] in ("", "\n"):  # a line that a name begins, or is: a signature
            left += 2.0 if text[end : end + 1] in ("", "\n", " ") else 1.5 if text[end : end + 1] in "，,（(" else 0.0
        elif len(text) - end <= 2 and left == 1.0:  # the last words, after a full stop or a blank
            left += 1.5
        if weight + left >= (ENOUGH if left >= 1.7 or right >= 2.0 else _ALONE):
            names.append(Name(start, end, right_role or role, left >= 2.5 or right_role != ""))
            last = end
        elif weight + left >= _HOPEFUL:
            hopeful.append(Name(start, end, right_role or role))
    if hopeful and names:
        names = _linked(text, names, hopeful)
    return _marked(text, _rolls(text, names))


def _rolls(text: str, names: list[Name]) -> list[Name]:
    """Adds the names of a roll of signatures, which may run on without a mark between them."""
    if not ("签" in text or "联名" in text or "名单" in text or "代表" in text):
        return names
    tables = _tables()
    for match in _ROLL.finditer(text):
        run, offset = match["run"], match.start("run")
        best = [(0.0, 0)]
        for end in range(1, len(run) + 1):
            skip = best[end - 1][0] - (0.5 if run[end - 1] in "、，, \n" else 5.0)
            options = [(best[end - size][0] + _bare(run[end - size : end], tables), size) for size in (2, 3, 4) if size <= end]
            best.append(max([(skip, 0), *options]))
        roll: list[Name] = []
        end = len(run)
        while end:
            size = best[end][1]
            if size:
                roll.append(Name(offset + end - size, offset + end, "self", True))
            end -= size or 1
        if len(roll) >= _LIST_AT_LEAST and sum(name.end - name.start for name in roll) * 3 > len(run) * 2:
            names = [name for name in names if name.end <= offset or name.start >= match.end("run")] + roll
    return names


def _bare(string: str, tables: _Tables) -> float:
    """How much `string` looks like a name, whatever stands around it."""
    double = string[:2] in tables.compound
    if (string[0] not in tables.surnames or len(string) == 4) and not double:
        return -99.0
    if not string.isalpha() or any(c.isascii() for c in string):
        return -99.0
    given = sum(tables.given.get(c, 1.0) for c in string[2 if double else 1 :])
    return (5.0 if double else tables.surnames[string[0]]) + given + (1.0 if len(string) > 2 else 0.0)


def _marked(text: str, names: list[Name]) -> list[Name]:
    """Adds what a mark gives away whatever its characters: 我叫…, 化名…, 李*明, and names of other nations."""
    tables = _tables()
    patterns: list[re.Pattern[str]] = []
    if "叫" in text or "名" in text or "绰" in text or "外号" in text:
        patterns += [_OPEN, _ALIAS]
    if "*" in text or "×" in text:
        patterns.append(_STARRED)
    if "·" in text:
        patterns.append(tables.dotted)
    if "人" in text or "民" in text or "属" in text:
        patterns.append(tables.long)
    for pattern in patterns:
        for match in pattern.finditer(text):
            start, end = match.span("name")
            if (pattern is _STARRED and match["name"][0] not in tables.surnames) or (
                pattern is _OPEN and match["name"] in tables.words
            ):
                continue
            if any(name.start <= start and end <= name.end for name in names):
                continue
            names = [name for name in names if name.end <= start or end <= name.start]
            names.append(Name(start, end, "third" if pattern is _ALIAS else _left(text, start, tables)[1], True))
    return names


def _could_be(string: str, tables: _Tables) -> bool:
    """Whether what follows 我叫 or 姓名 is a name of any people rather than the rest of the sentence."""
    if "·" in string:
        return True
    if string in tables.words or any(string[i : i + 2] in tables.words for i in range(len(string) - 1)):
        return False
    return (
        tables.surnames.get(string[0], -1.0) > 0 or string[:2] in tables.compound or tables.sounding.fullmatch(string) is not None
    )


def _left(text: str, start: int, tables: _Tables) -> tuple[float, str]:
    """What stands before a candidate: its weight, and the role it gives."""
    words, at = tables.words, start
    while at > 0 and start - at < 3 and text[at - 1] in _SPACE:
        at -= 1
    for length in tables.ends.get(text[at - 1 : at], ()):
        if found := tables.left.get(text[max(0, at - length) : at]):
            return found
    if start == 0:
        return 1.0, "unknown"
    before = text[start - 1]
    if not "\u4e00" <= before <= "\u9fff":
        return (1.7 if before == "\n" else 0.0 if before.isalnum() else 1.0), "unknown"
    if text[start - 1 : start + 1] in words:
        return -6.0, "unknown"
    if before in _BEFORE:
        return 0.7, "unknown"
    return (-0.3 if text[start - 2 : start] in words else -1.5), "unknown"


def _best(text: str, start: int, tables: _Tables, least: float = -99.0) -> tuple[int, float, float, str]:
    """The likeliest end of a name that starts at `start`, its weight, the words after's part of it, and their role.

    Where no end reaches `least`, what is given does not reach it either, and may be none of them.
    """
    words, titles, given = tables.words, tables.left, tables.given
    double = text[start : start + 2] in tables.compound
    weight = 5.0 if double else tables.surnames.get(text[start], -9.0)
    if text[start] in _ADVERBS and not double:
        weight -= 2.0
    first = start + (2 if double else 1)
    best = (first, -99.0, 0.0, "")
    for end in (first + 1, first + 2):
        char = text[end - 1 : end]
        if not "\u3400" <= char <= "\u9fff" or char == "某":
            break
        weight += given.get(char, 1.0)
        string, tail = text[start:end], text[end - 2 : end]
        total = weight - (6.0 if string in words else 3.5 if string in tables.rare else 0.0)
        if end == first + 2:  # most names have three characters, unless words make them up
            total += 1.0 - (3.0 if string[:2] in words and not double else 0.0)
            if tail in titles or tables.right.get(tail, (0.0, ""))[0] > 0:
                total -= 8.0
            elif tail in words and given.get(tail[0], 1.0) + given.get(tail[1], 1.0) < 1.0:
                total -= 1.0
        if char in _NO_END:
            total -= 8.0
        if total + _AFTER < max(least, best[1]):
            continue
        bonus, role = _right(text, end, tables)
        if total + bonus > best[1]:
            best = (end, total + bonus, bonus, role)
    return best


def _right(text: str, end: int, tables: _Tables) -> tuple[float, str]:
    after, two = text[end : end + 1], text[end : end + 2]
    if found := tables.right.get(two):
        return found
    if not "\u4e00" <= after <= "\u9fff":
        return (
            2.0
            if after in ("\n", "") or (after in _BEFORE_NUMBER and text[end + 1 : end + 2].isdecimal())
            else 1.0
            if not after.isalnum()
            else 0.3
        ), ""
    if text[end - 1 : end + 1] in tables.words:
        return -4.5, ""
    if after in _PLACES:
        return -5.0, ""
    if after in _FOLLOW:
        return 0.8, ""
    return (0.3 if two in tables.words else -1.5), ""


def _linked(text: str, names: list[Name], hopeful: list[Name]) -> list[Name]:
    """`names` with the hopeful ones that list marks join to them: once through the text forwards, once backwards."""
    accepted = set(names)
    ordered = sorted([*names, *hopeful])
    for first, second in [*pairwise(ordered), *((b, a) for a, b in pairwise(reversed(ordered)))]:
        known, other = (first, second) if first in accepted else (second, first)
        if known in accepted and other not in accepted:
            between = text[first.end : second.start]
            if len(between) < 16 and _LINKS.fullmatch(between):
                accepted.add(other)
    sure = any(name.sure for name in names)
    role = names[0].role
    return names + [name._replace(role=role, sure=sure) for name in hopeful if name in accepted]


def looks_real(author: str) -> bool:
    """Whether an account's name reads like a person's full name rather than a nickname."""
    tables = _tables()
    if "·" in author:
        return tables.dotted.fullmatch(author) is not None
    if not 2 <= len(author) <= 4 or author in tables.words or tables.scan.match(author) is None:
        return False
    end, weight, _, _ = _best(author, 0, tables)
    return end == len(author) and weight >= _HOPEFUL
