"""Cuts messages into clauses: the smallest piece of text that can prove a conduct code.

A batch of messages is one long string of code points, so that everything after it is numpy over the whole batch.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[Any]

STRONG = "。！？!?；;\n\r…"
WEAK = "，,、 \t\u3000\xa0:：—~～·"
SHORTEST = 5  # a weak break does not cut off fewer characters than this
LONGEST = 44  # writing without punctuation is cut near this length

# a mask is one word that says nothing; halves of characters that are not Unicode cannot be read
_NO_WORDS = re.compile(r"\[(?:姓名|电话|身份证号|住址|车牌|账号)\]|[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Clauses:
    """The clauses of a batch. `n` clauses, `m` messages, `c` characters.

    `whole`: all titles and texts; `quiet`: the same with masks blotted out; `plain` (c): code points, width and case folded;
    `code` (c): digits and letters folded too, 0 for punctuation; `of` (c): the clause of each character; `start`, `stop` (n):
    offsets into `whole`; `message` (n): which message; `in_title` (n): bool; `title_at`, `text_at`, `end_at` (m): where each
    message's title and text start and where it ends.
    """

    whole: str
    quiet: str
    plain: Ints
    code: Ints
    of: Ints
    start: Ints
    stop: Ints
    message: Ints
    in_title: Ints
    title_at: Ints
    text_at: Ints
    end_at: Ints

    def __len__(self) -> int:
        return len(self.start)


def _fold_tables() -> tuple[Ints, Ints]:
    """Code point -> plain (half width, lower case), and -> code (A3区 and Ｂ７区 look alike; 0 for punctuation)."""
    plain = np.arange(0x10000, dtype=np.int64)
    for full in range(0xFF01, 0xFF5F):
        plain[full] = full - 0xFEE0
    plain[ord("A") : ord("Z") + 1] += 32
    plain[0xFF21:0xFF3B] += 32
    code = plain.copy()
    for i in range(0x10000):
        char = chr(int(plain[i]))
        if char.isdigit():
            code[i] = ord("0")
        elif char.isascii() and char.isalpha():
            code[i] = ord("a")
        elif not char.isalnum():
            code[i] = 0
    return plain, code


_PLAIN, _CODE = _fold_tables()
_IS_STRONG = np.zeros(0x10000, dtype=bool)
_IS_STRONG[[ord(char) for char in STRONG]] = True
_IS_WEAK = np.zeros(0x10000, dtype=bool)
_IS_WEAK[[ord(char) for char in WEAK if char not in "、·:：—"]] = True


def cut(titles: Sequence[str], texts: Sequence[str]) -> Clauses:
    """The clauses of messages given by title and text. Offsets count the characters of the strings as given."""
    parts: list[str] = []
    for title, text in zip(titles, texts, strict=True):
        parts += (title, "\n", text, "\n")
    whole = "".join(parts)
    quiet = _NO_WORDS.sub(lambda found: "□" * len(found[0]), whole)
    lengths = np.fromiter(map(len, parts), dtype=np.int64, count=len(parts))
    ends = np.cumsum(lengths)
    begins = ends - lengths
    title_at, text_at, end_at = begins[0::4], begins[2::4], ends[3::4]
    raw = np.frombuffer(quiet.encode("utf-32-le"), dtype=np.uint32)
    low = np.where(raw < 0x10000, raw, 0x25A1).astype(np.int64)
    stops = _breaks(low, np.concatenate([begins[1::4], begins[3::4]]))
    starts = np.concatenate([[0], stops[:-1]])
    of = np.repeat(np.arange(len(stops), dtype=np.int64), stops - starts)
    message = np.searchsorted(end_at, starts, side="right")
    return Clauses(
        whole, quiet, _PLAIN[low], _CODE[low], of, starts, stops, message, starts < text_at[message], title_at, text_at, end_at
    )


def _breaks(low: Ints, forced: Ints) -> Ints:
    """Ends of clauses (exclusive): after every strong break, after weak ones that leave enough, inside very long stretches."""
    strong = _IS_STRONG[low]
    strong[forced] = True
    # the last of a run of breaks ends the clause ("！！！")
    is_break = strong | _IS_WEAK[low]
    at = np.flatnonzero(is_break & ~np.append(is_break[1:], False) | _marked(forced, len(low)))
    # a run counts as strong when any of it is
    run_strength = np.add.reduceat(strong.astype(np.int64), np.concatenate([[0], at[:-1] + 1])) > 0 if len(at) else strong[:0]
    previous = np.concatenate([[-1], at[:-1]])
    keep = run_strength | (at - previous > SHORTEST)
    stops = at[keep] + 1
    starts = np.concatenate([[0], stops[:-1]])
    long = np.flatnonzero(stops - starts > LONGEST)
    if not len(long):
        return np.asarray(stops)
    extra = [
        np.linspace(starts[i], stops[i], 2 + int(stops[i] - starts[i]) // LONGEST)[1:-1].astype(np.int64) for i in long.tolist()
    ]
    cuts: Ints = np.unique(np.concatenate([stops, *extra]))
    return cuts


def _marked(at: Ints, size: int) -> Ints:
    out = np.zeros(size, dtype=bool)
    out[at] = True
    return out
