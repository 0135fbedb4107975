"""Builds the patterns of unit mentions, which read text backwards: a Chinese unit's name ends in what it is.

Reading from the right, the head word comes first (局城管), then superior organs and places (区3A市A); one pass of one
compiled pattern finds the longest of all that. No input, no output.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pipelines.departments import departments, words

# Whole words that are zones though some of their characters never stand in a free name.
ZONES = (
    "经开区",
    "高新区",
    "开发区",
    "示范区",
    "经济开发区",
    "高新技术开发区",
    "经济技术开发区",
    "新区",
    "工业园区",
    "保税区",
    "西地省",
)
NEEDS_PLACE = frozenset({"政府", "党工委", "纪工委", "县委", "区委", "市委"})
LEVEL_CHARS = "省市州区县镇乡村"
_NO_DISTRICT = "小社校景片辖厂库矿郊城山林牧地市园"
_NO_CITY = "超城都股上菜门夜"
# What follows a subject but also an address.
_LOOSE = frozenset("，在周往门对用为第副") | {"20", "去年", "今年", "现在", "食堂"}
# Endings of places with free names, backwards, and what makes each an everyday word (农村, 小镇, 城乡, 家乡).
_LOCAL = (
    ("道街(?![本该各])", 2, 5), ("区社(?![本该各])", 1, 6),
    ("镇(?![小城乡集本全我该各])", 2, 5), ("乡(?![城家故老下本全我该各])", 2, 5),
    ("村(?![农本该我全各乡中同])", 1, 6),
)  # fmt: skip


def trie(listed: Iterable[str], besides: Iterable[str] = ()) -> str:
    """A pattern for the patterns `besides` (each starts with a character), else for the longest of the words.

    Every branch starts with another plain character and is not grouped: only so does `re` skip by a set of first characters.
    """
    root: dict[str, Any] = {}
    for word in listed:
        at = root
        for char in word:
            at = at.setdefault(char, {})
        at[""] = {}
    others: defaultdict[str, list[str]] = defaultdict(list)
    for pattern in besides:
        others[pattern[0]].append(pattern[1:])

    def rest(node: dict[str, Any]) -> str:
        branches = [re.escape(char) + rest(below) for char, below in sorted(node.items()) if char]
        if not branches:
            return ""
        inner = branches[0] if len(branches) == 1 and "" not in node else f"(?:{'|'.join(branches)})"
        return inner + "?" if "" in node else inner

    out = []
    for char in sorted({*root, *others}):
        tails = [tail for tail in (*others[char], rest(root.get(char, {}))) if tail]
        out.append(re.escape(char) + (f"(?:{'|'.join(tails)})" if len(tails) > 1 else "".join(tails)))
    return "|".join(out)


def _back(listed: Iterable[str]) -> list[str]:
    return [word[::-1] for word in listed]


def _cjk_without(chars: str) -> str:
    """A character class of the Han characters but `chars`."""
    out, start = [], 0x4E00
    for code in [*sorted({ord(char) for char in chars if "\u4e00" <= char <= "\u9fff"}), 0xA000]:
        if code > start:
            out.append(f"{chr(start)}-{chr(code - 1)}")
        start = code + 1
    return f"[{''.join(out)}]"


@dataclass(frozen=True, slots=True)
class Patterns:
    """What `mentions` runs; all but `cue`, `asking`, `after`, `never` read backwards."""

    scan: re.Pattern[str]
    chain: re.Pattern[str]
    part: re.Pattern[str]
    name: re.Pattern[str]
    before: re.Pattern[str]
    complaint: re.Pattern[str]
    region_after: re.Pattern[str]
    subject: re.Pattern[str]
    private: re.Pattern[str]
    after: re.Pattern[str]
    never: re.Pattern[str]
    front: re.Pattern[str]
    cue: re.Pattern[str]
    asking: re.Pattern[str]
    named: frozenset[str]
    strong: frozenset[str]


def standard_organs() -> set[str]:
    """Every word that stands for an organ by itself."""
    out = set(words().organs) | set(words().named) | set(words().roles)
    for department in departments():
        out |= {department.name, *department.names.values(), *department.aliases}
        out |= {alias for more in department.more.values() for alias in more}
    return out - {"街道", "社区"}


def build(extra: Iterable[str] = (), stems: Iterable[str] = ()) -> Patterns:
    """The patterns for the standard words, a registry's `extra` names, and `stems` of its places (云河 for 云河区)."""
    vocabulary = words()
    organs = standard_organs() | set(extra)
    strong = organs - vocabulary.weak
    name = _cjk_without(vocabulary.stop + LEVEL_CHARS)
    district, city = f"区(?![{_NO_DISTRICT}])", f"市(?![{_NO_CITY}])"
    masked = r"\d{0,3}[A-Z](?![A-Za-z0-9])"
    # the first that fits is taken, so longer ones come first; a set's own order would change from run to run
    known = _back(sorted({*ZONES, *stems}, key=lambda place: (-len(place), place)))
    free = [f"{end}(?:(?!道街){name}){{{least},{most}}}" for end, least, most in _LOCAL]
    masks = [f"{char}{masked}" for char in "市区县州"]
    named = [f"{district}{name}{{2,4}}", f"县{name}{{2,3}}", f"{city}{name}{{2,3}}"]
    levels = [f"{char}[我本该全当]?" for char in (district, city, *"县镇乡村省州")]
    part = trie(_back(strong), [*masks, *known, *free, *named, *levels])
    heads = trie([*_back(organs), *_back(vocabulary.inside)], [*masks, *known, *free])
    return Patterns(
        scan=re.compile(f"(?P<head>{heads})(?P<mid>(?:{part}){{0,5}})"),
        chain=re.compile(f"(?:{part}){{0,5}}"),
        part=re.compile(part),
        name=re.compile(f"{name}{{1,6}}"),
        before=re.compile(trie(_back(vocabulary.before))),
        complaint=re.compile("诉投|报举|控"),
        after=re.compile(trie({*vocabulary.after, *vocabulary.subject} - _LOOSE)),
        region_after=re.compile(trie(vocabulary.region_after)),
        subject=re.compile(trie(vocabulary.subject)),
        private=re.compile(trie(vocabulary.private)),
        never=re.compile(trie(vocabulary.never)),
        front=re.compile(f"(?:{'|'.join(sorted(vocabulary.front, key=len, reverse=True))})+"),
        cue=re.compile(trie(vocabulary.cues)),
        asking=re.compile(trie(vocabulary.asking)),
        named=frozenset({*vocabulary.named, *(role for role in vocabulary.roles if role[0] in "村社街镇乡" or role == "居委")}),
        strong=frozenset(strong),
    )
