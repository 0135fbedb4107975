"""Brings text to one form: `fold` keeps every character's place, `tidy` takes out markup and odd white space.

Reads and writes strings only. `fold` is what makes offsets into the original usable, so it never changes a length.
"""

import html
import re
import unicodedata
from collections.abc import Iterable
from functools import cache

import opencc

# Chinese sentences keep their own punctuation; angle brackets stay wide, or folding twice would make a tag of a quotation.
_KEPT_WIDE = "，：；！？（）＜＞"
_ZERO_WIDTH = [0x00AD, 0x034F, 0x061C, 0x180E, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF]
_LINE_BREAKS = {0x85: 0x0A, 0x2028: 0x0A, 0x2029: 0x0A}
_DASHES = "‐‑‒–﹣－−"
_CJK = [*range(0x3400, 0xA000), *range(0x20000, 0x2FA20)]

_ASTRAL = re.compile("[\U00010000-\U0010ffff]")
_EXCEL_BREAK = re.compile(r"_x000[aAdD]_")
_OPAQUE = re.compile(r"<(?P<close>/)?(?:script|style|iframe|object)\b[^<>]*>", re.IGNORECASE)
_COMMENT = re.compile(r"<!--|(?P<close>-->)")
_BREAK_TAG = re.compile(r"</?(?:br|p|div|li|tr|h[1-6])\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"</?[A-Za-z][A-Za-z0-9:-]{0,20}(?:[\s/][^<>]*)?>|<![A-Za-z\[][^<>]*>|<\?[^<>]*>")
_TAG_START = re.compile(r"<(?=[A-Za-z/!?])")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ue000-\uf8ff\ufff0-\uffff]")
_LOOSE = re.compile(r"[\t\r\n\x0b\x0c]|  ")
_PRINTABLE_YET_TAKEN = ("\ufffc", "\ufffd")  # of what _CONTROL takes, all that `str.isprintable` lets pass
_BREAKS = re.compile(r" ?[\r\n]\s*")  # after blanks are one: two stars side by side would be quadratic
_BLANKS = re.compile(r"[ \t\x0b\x0c]+")


@cache
def _converter() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")


@cache
def _tables() -> tuple[dict[int, int], re.Pattern[str], re.Pattern[str]]:
    """The character map, what any of its keys looks like, and what a traditional character looks like."""
    width: dict[int, int] = {}
    for point in range(0x80, 0x30000):
        char = chr(point)
        if 0xD800 <= point < 0xE000:
            width[point] = 0x20  # a lone surrogate cannot be written as UTF-8
            continue
        if char in _KEPT_WIDE or unicodedata.category(char) == "No":  # ①②③ number a list; as digits they would join what follows
            continue
        if (digit := unicodedata.decimal(char, None)) is not None:
            width[point] = 0x30 + digit
            continue
        plain = unicodedata.normalize("NFKC", char)
        if len(plain) == 1 and plain != char:
            width[point] = ord(plain)
    width |= dict.fromkeys([*_ZERO_WIDTH, 0x1680, 0x2800, 0x3164], 0x20) | _LINE_BREAKS
    width |= {ord(dash): 0x2D for dash in _DASHES}
    simplified = _converter().convert("\n".join(map(chr, _CJK))).split("\n")
    old = {point: ord(plain) for point, plain in zip(_CJK, simplified, strict=True) if len(plain) == 1 and ord(plain) != point}
    table = old | width
    table = {
        point: table.get(plain, plain) for point, plain in table.items()
    }  # a compatibility form may lead to a traditional one
    return table, _any_of(table), _any_of(old)


def _any_of(points: Iterable[int]) -> re.Pattern[str]:
    """Any of `points` in the BMP: within it a class is one bitmap, across it a slow list of ranges."""
    return re.compile("[" + "".join(f"\\u{point:04x}" for point in sorted(points) if point < 0x10000) + "]")


def fold(text: str) -> str:
    """`text` with half-width letters and digits, simplified characters and plain spaces; the length is that of `text`.

    Where traditional characters stand, OpenCC's phrases decide (乾隆 stays, 乾淨 becomes 干净), unless they change the length.
    """
    if text.isascii():
        return text
    table, odd, traditional = _tables()
    if odd.search(text) is None and _ASTRAL.search(text) is None:
        return text
    if traditional.search(text) is not None:
        phrased: str = _converter().convert(text)
        if len(phrased) == len(text):
            return phrased.translate(_width_only())
    return text.translate(table)


@cache
def _width_only() -> dict[int, int]:
    table, _, traditional = _tables()
    return {point: plain for point, plain in table.items() if point >= 0x20000 or traditional.match(chr(point)) is None}


def tidy(text: str) -> str:
    """`text` without markup, entities and control characters; white space is one blank, or one line break where it had one.

    Script and style content goes with its tags. Whatever still looks like the start of a tag gets a wide bracket, so that
    nothing in the result can be read as markup. Linear in the length of `text`, whatever it holds.
    """
    if "&" in text:
        text = _unescape(text)
    if "_x000" in text:
        text = _EXCEL_BREAK.sub("\n", text)
    if "<" in text:
        text = _without_markup(text)
    lines = text.split("\n")
    if not all(map(str.isprintable, lines)) or any(mark in text for mark in _PRINTABLE_YET_TAKEN):
        return _spaced(_CONTROL.sub(" ", text))
    if "  " in text:
        return _spaced(text)
    return "\n".join([line for line in map(str.strip, lines) if line])


def _spaced(text: str) -> str:
    """`text` with one blank or line break for each run of white space."""
    if _LOOSE.search(text):
        text = _BREAKS.sub("\n", _BLANKS.sub(" ", text))
    return text.strip()


def _unescape(text: str) -> str:
    """Entities resolved, also those escaped twice by an export; what comes out is folded, for entities can hide digits."""
    for _ in range(3):
        plain = html.unescape(text)
        if plain == text:
            break
        text = fold(plain)
    return text


def _without_markup(text: str) -> str:
    text = _without_pairs(_without_pairs(text, _COMMENT), _OPAQUE)
    text = _TAG.sub(" ", _BREAK_TAG.sub("\n", text))
    return _TAG_START.sub("＜", text)


def _without_pairs(text: str, marks: re.Pattern[str]) -> str:
    """`text` without what stands from an opening mark to the next closing one.

    An opening mark that is never closed takes nothing along.
    """
    parts: list[str] = []
    kept, opened = 0, -1
    for mark in marks.finditer(text):
        if mark["close"] is None:
            opened = mark.start() if opened < 0 else opened
        elif opened >= 0:
            parts += [text[kept:opened], " "]
            kept, opened = mark.end(), -1
    return "".join([*parts, text[kept:]])
