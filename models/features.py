"""Clauses -> a sparse matrix of hashed words and characters and of cue slots, for a whole batch at once.

Columns: 0 .. 2^BITS - 1 are hash buckets (words, word pairs, character pairs and triples of the clause); after them come
the cue columns, which have names (`cue_names`).
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import rjieba
from scipy.sparse import csr_matrix

from models.clauses import Clauses
from models.cues import Cues, Found
from models.hashing import Rolling, mixed

Ints = npt.NDArray[Any]
BITS = 18
PLACES = ("own", "before", "after", "title")
LEXICAL, CUE, PIECE, TITLE = 0.5, 0.3, 1.0, 5.0


def words(whole: str) -> Ints:
    """The ends of jieba's words in `whole` (dictionary only, HMM off), in characters."""
    return np.cumsum(np.fromiter(map(len, rjieba.cut(whole, hmm=False)), dtype=np.int64))


def lexical(clauses: Clauses) -> tuple[Ints, Ints]:
    """Rows (clause) and columns (bucket) of the words and character n-grams of each clause."""
    code, of = clauses.code, clauses.of
    rolling = Rolling(code)
    letter = code != 0
    rows, columns = [], []

    def add(start: Ints, stop: Ints, salt: int) -> None:
        rows.append(of[start])
        columns.append(mixed(rolling.of(start, stop), BITS, salt))

    # characters: every pair and triple that holds no punctuation and stays in its clause
    start = np.flatnonzero(letter[:-1] & letter[1:] & (of[:-1] == of[1:]))
    add(start, start + 2, 2)
    inside = np.zeros(len(code), dtype=bool)
    inside[start] = True
    triple = start[inside[np.minimum(start + 1, len(code) - 1)]]
    add(triple, triple + 3, 3)
    # words, and pairs of words that touch
    stop = words(clauses.whole)
    start = np.concatenate([[0], stop[:-1]])
    real = letter[start]
    start, stop = start[real], stop[real]
    add(start, stop, 1)
    touching = np.flatnonzero((stop[:-1] == start[1:]) & (of[start[:-1]] == of[start[1:]]))
    add(start[touching], stop[touching + 1], 4)
    return np.concatenate(rows), np.concatenate(columns)


def cue_names(cues: Cues) -> list[str]:
    """The names of the cue columns, in order."""
    slots = cues.slots
    names = [f"{place}:{slot}" for place in PLACES for slot in slots]
    names += [f"{a}&{b}" for a in slots for b in slots]  # the lower half stays empty
    names += [f"{a}&before:{b}" for a in slots for b in slots]
    return [*names, "actor:public", "actor:private", "asks", "exclaims", "in_title", "first", "last", "quoted"]


def cue_columns(clauses: Clauses, found: Found, cues: Cues) -> tuple[Ints, Ints]:
    """Rows and columns (from 0) of the cue slots of each clause and of those beside it."""
    size = len(cues.slots)
    has = found.has > 0
    same = np.append(clauses.message[1:] == clauses.message[:-1], False)
    before, after = np.zeros_like(has), np.zeros_like(has)
    before[1:] = has[:-1] & same[:-1, None]
    after[:-1] = has[1:] & same[:-1, None]
    title = np.zeros((int(clauses.message[-1]) + 1, size), dtype=bool)
    np.logical_or.at(title, clauses.message[clauses.in_title], has[clauses.in_title])
    rows, columns = [], []
    for index, place in enumerate((has, before, after, title[clauses.message] & ~clauses.in_title[:, None])):
        row, slot = np.nonzero(place)
        rows.append(row)
        columns.append(slot + index * size)
    offset = len(PLACES) * size
    for other in (has, before):
        row, first, second = _crossed(has, other)
        if other is has:
            once = first < second
            row, first, second = row[once], first[once], second[once]
        rows.append(row)
        columns.append(offset + first * size + second)
        offset += size * size
    for index, flag in enumerate(_flags(clauses, found, cues)):
        row = np.flatnonzero(flag)
        rows.append(row)
        columns.append(np.full(len(row), offset + index))
    return np.concatenate(rows), np.concatenate(columns)


def _crossed(one: Ints, other: Ints) -> tuple[Ints, Ints, Ints]:
    """Row, slot of `one`, slot of `other` for every pair of slots set in the same row."""
    row, first = np.nonzero(one)
    other_row, second = np.nonzero(other)
    begin = np.searchsorted(other_row, row)
    count = np.searchsorted(other_row, row, side="right") - begin
    where = np.repeat(begin - np.concatenate([[0], np.cumsum(count)[:-1]]), count) + np.arange(count.sum())
    return np.repeat(row, count), np.repeat(first, count), second[where]


def _flags(clauses: Clauses, found: Found, cues: Cues) -> list[Ints]:
    """Who was named last up to the clause's end (public or private), how the clause ends, where it stands."""
    public, private = cues.slots.index("who_public"), cues.slots.index("who_private")
    named = np.flatnonzero((found.slot == public) | (found.slot == private))
    order = named[np.argsort(found.at[named], kind="stable")]
    at = found.at[order]
    last = np.searchsorted(at, clauses.stop) - 1
    known = (
        (last >= 0) & (at[np.maximum(last, 0)] >= clauses.title_at[clauses.message])
        if len(at)
        else np.zeros(len(clauses), dtype=bool)
    )
    slot = found.slot[order][np.maximum(last, 0)] if len(at) else np.zeros(len(clauses), dtype=np.int64)
    tail = clauses.plain[np.maximum(clauses.stop - 1, 0)]
    count = np.bincount(clauses.message)
    first_of = np.concatenate([[0], np.cumsum(count)[:-1]])[clauses.message]
    nth = np.arange(len(clauses)) - first_of
    left = np.array([ord(char) for char in "“「『"])
    quoted = np.zeros(len(clauses), dtype=bool)
    quoted[clauses.of[np.isin(clauses.plain, left)]] = True
    return [
        known & (slot == public), known & (slot == private), tail == ord("?"), tail == ord("!"), clauses.in_title,
        (nth <= 2) & ~clauses.in_title, count[clauses.message] - nth <= 2, quoted,
    ]  # fmt: skip


def width_of(cues: Cues) -> int:
    """How many columns the features have in all."""
    return (1 << BITS) + len(cue_names(cues)) + cues.parts


def matrix(clauses: Clauses, cues: Cues, column_of: Ints | None = None, width: int = 0) -> csr_matrix:
    """The features of each clause: (n, width_of(cues)) or, with `column_of` (column -> new one, -1 to leave out), (n, width).

    Lexical entries of a clause are scaled so that their squares add up to LEXICAL^2; cue entries are CUE, pieces of cues PIECE.
    """
    found = cues.find(clauses)
    lexical_rows, lexical_columns = lexical(clauses)
    cue_rows, cue_cols = cue_columns(clauses, found, cues)
    share = LEXICAL / np.sqrt(np.maximum(np.bincount(lexical_rows, minlength=len(clauses)), 1)).astype(np.float32)
    rows = np.concatenate([lexical_rows, cue_rows, clauses.of[found.part_at]])
    first_piece = (1 << BITS) + len(cue_names(cues))
    columns = np.concatenate([lexical_columns, cue_cols + (1 << BITS), found.part + first_piece])
    values = np.concatenate(
        [share[lexical_rows], np.full(len(cue_rows), CUE, dtype=np.float32), np.full(len(found.part), PIECE, dtype=np.float32)]
    )
    if column_of is not None:
        columns = column_of[columns]
        kept = columns >= 0
        rows, columns, values = rows[kept], columns[kept], values[kept]
    else:
        width = width_of(cues)
    return csr_matrix((values, (rows, columns)), shape=(len(clauses), width), dtype=np.float32)


def topic_width(topic_words: Cues) -> int:
    """How many columns `topic_matrix` has."""
    return len(topic_words.slots) + topic_words.parts


def topic_matrix(clauses: Clauses, topic_words: Cues) -> Ints:
    """How often each topic's words and each single word occur in a message: (m, slots + pieces), titles counted TITLE times."""
    found = topic_words.find(clauses)
    size = len(clauses.title_at)

    def counted(what: Ints, at: Ints, kinds: int) -> Ints:
        clause = clauses.of[at]
        weight = np.where(clauses.in_title[clause], TITLE, 1.0)
        counts = np.bincount(clauses.message[clause] * kinds + what, weights=weight, minlength=size * kinds).reshape(size, kinds)
        shares: Ints = np.sqrt(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))
        return shares

    return np.hstack(
        [counted(found.slot, found.at, len(topic_words.slots)), counted(found.part, found.part_at, topic_words.parts)]
    )
