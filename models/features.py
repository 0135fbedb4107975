"""Clauses -> a sparse matrix of hashed words and characters and of cue slots, for a whole batch at once.

Columns: 0 .. 2^BITS - 1 are hash buckets (words, word pairs, character pairs and triples of the clause); after them come
the cue columns, which have names (`cue_names`).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import rjieba
from scipy.sparse import csr_matrix

from models.clauses import Clauses
from models.cues import Cues, Found
from models.hashing import Rolling, mixed
from models.taxonomy import CODES

Ints = npt.NDArray[Any]
Entries = tuple[Ints, Ints]  # rows (ascending) and columns of the entries that are 1
BITS = 18
_OPENING = np.array([ord(char) for char in "“「『"])
PLACES = ("own", "before", "after", "title")
FLAGS = (
    "actor:public", "actor:private", "actor:none", "private before", "public before", "no private", "asks", "exclaims",
    "in_title", "first", "last", "quoted",
)  # fmt: skip
ANY = "any code"
LEXICAL, CUE, PIECE, TITLE = 0.5, 0.3, 0.5, 5.0


def words(whole: str) -> Ints:
    """The ends of jieba's words in `whole` (dictionary only, HMM off), in characters."""
    return np.cumsum(np.fromiter(map(len, rjieba.cut(whole, hmm=False)), dtype=np.int64))


def lexical(clauses: Clauses) -> list[Entries]:
    """Entries for the words, word pairs, character pairs and triples of each clause; columns are hash buckets."""
    code, of = clauses.code, clauses.of
    rolling = Rolling(code)
    letter = code != 0

    def entries(start: Ints, stop: Ints, salt: int) -> Entries:
        return of[start], mixed(rolling.of(start, stop), BITS, salt)

    # characters: every pair and triple that holds no punctuation and stays in its clause
    inside = np.zeros(len(code), dtype=bool)
    np.logical_and(letter[:-1], letter[1:], out=inside[:-1])
    inside[:-1] &= of[:-1] == of[1:]
    pair = np.flatnonzero(inside)
    triple = np.flatnonzero(inside[:-1] & inside[1:])
    # words, and pairs of words that touch
    stop = words(clauses.quiet)
    start = np.concatenate([[0], stop[:-1]])
    real = letter[start]
    start, stop = start[real], stop[real]
    touching = np.flatnonzero((stop[:-1] == start[1:]) & (of[start[:-1]] == of[start[1:]]))
    return [
        entries(pair, pair + 2, 2),
        entries(triple, triple + 3, 3),
        entries(start, stop, 1),
        entries(start[touching], stop[touching + 1], 4),
    ]


def cue_names(cues: Cues) -> list[str]:
    """The names of the cue columns, in order."""
    slots = cues.slots
    names = [f"{place}:{slot}" for place in PLACES for slot in slots]
    names += [f"{a}&{b}" for a in slots for b in slots]  # the lower half stays empty
    names += [f"{a}&before:{b}" for a in slots for b in slots]
    return [*names, *FLAGS, *(f"{flag}&{slot}" for flag in FLAGS for slot in (*slots, ANY))]


def cue_entries(clauses: Clauses, found: Found, cues: Cues) -> list[Entries]:
    """Entries for the cue slots of each clause and of those beside it, alone and two by two; columns count from 0."""
    size = len(cues.slots)
    has = found.has > 0
    same = clauses.message[1:] == clauses.message[:-1]
    before, after = np.zeros_like(has), np.zeros_like(has)
    before[1:] = has[:-1] & same[:, None]
    after[:-1] = has[1:] & same[:, None]
    title = np.zeros((len(clauses.title_at), size), dtype=bool)
    np.logical_or.at(title, clauses.message[clauses.in_title], has[clauses.in_title])
    own, earlier = _Marks.of(has), _Marks.of(before)
    out = [(own.row, own.column), (earlier.row, earlier.column + size)]
    for index, place in enumerate((after, title[clauses.message] & ~clauses.in_title[:, None]), start=2):
        marks = _Marks.of(place)
        out.append((marks.row, marks.column + index * size))
    offset = len(PLACES) * size
    row, first, second = own.crossed(own)
    once = first < second
    out.append((row[once], offset + first[once] * size + second[once]))
    row, first, second = own.crossed(earlier)
    out.append((row, offset + size * size + first * size + second))
    offset += 2 * size * size
    flags = _Marks.of(np.stack(_flags(clauses, found, cues), axis=1))
    out.append((flags.row, offset + flags.column))
    coded = has[:, [i for i, slot in enumerate(cues.slots) if slot in CODES]].any(axis=1)
    row, flag, slot = flags.crossed(_Marks.of(np.column_stack([has, coded])))
    out.append((row, offset + len(FLAGS) + flag * (size + 1) + slot))
    return out


@dataclass(frozen=True, slots=True)
class _Marks:
    """The set cells of a boolean matrix, by row; row i has `begin[i]:begin[i + 1]`."""

    row: Ints
    column: Ints
    begin: Ints

    @classmethod
    def of(cls, cells: Ints) -> "_Marks":
        row, column = np.nonzero(cells)
        return cls(row, column, np.searchsorted(row, np.arange(len(cells) + 1)))

    def crossed(self, other: "_Marks") -> tuple[Ints, Ints, Ints]:
        """Row, column here, column in `other` for every two cells in one row."""
        begin = other.begin[self.row]
        count = other.begin[self.row + 1] - begin
        ends = np.cumsum(count)
        where = np.arange(ends[-1] if len(ends) else 0) + np.repeat(begin - ends + count, count)
        return np.repeat(self.row, count), np.repeat(self.column, count), other.column[where]


def _flags(clauses: Clauses, found: Found, cues: Cues) -> list[Ints]:
    """FLAGS: who was named last up to the clause's end, who in the message so far, how the clause ends, where it stands."""
    public, private = cues.slots.index("who_public"), cues.slots.index("who_private")
    named = np.flatnonzero((found.slot == public) | (found.slot == private))
    order = named[np.argsort(found.at[named], kind="stable")]
    at = np.append(found.at[order], np.iinfo(np.int64).max)
    slot = np.append(found.slot[order], -1)
    last = np.searchsorted(at, clauses.stop) - 1
    known = (last >= 0) & (at[last] >= clauses.title_at[clauses.message])
    actor = np.where(known, slot[last], -1)
    has = found.has[:, [public, private]].astype(np.int64)
    count = np.bincount(clauses.message)
    first_of = (np.cumsum(count) - count)[clauses.message]
    so_far = np.cumsum(has, axis=0) - has
    so_far = so_far - so_far[first_of]
    none_private = (np.bincount(clauses.message, weights=has[:, 1]) == 0)[clauses.message]
    tail = clauses.plain[np.maximum(clauses.stop - 1, 0)]
    nth = np.arange(len(clauses)) - first_of
    quoted = np.zeros(len(clauses), dtype=bool)
    quoted[clauses.of[np.isin(clauses.plain, _OPENING)]] = True
    return [
        actor == public, actor == private, actor == -1, so_far[:, 1] > 0, so_far[:, 0] > 0, none_private, tail == ord("?"),
        tail == ord("!"), clauses.in_title, (nth <= 2) & ~clauses.in_title, count[clauses.message] - nth <= 2, quoted,
    ]  # fmt: skip


def cue_width(cues: Cues) -> int:
    """How many cue columns there are: the length of `cue_names`."""
    size = len(cues.slots)
    return len(PLACES) * size + 2 * size * size + len(FLAGS) * (size + 2)


def width_of(cues: Cues) -> int:
    """How many columns the features have in all."""
    return (1 << BITS) + cue_width(cues) + cues.parts


def _groups(clauses: Clauses, cues: Cues) -> list[tuple[list[Entries], Ints]]:
    """Entries with what one weighs in each clause (n, 1): the squares of words add up to LEXICAL's, cues are CUE or PIECE."""
    found = cues.find(clauses)
    by_words = lexical(clauses)
    total = np.zeros(len(clauses), dtype=np.int64)
    for rows, _ in by_words:
        total += np.bincount(rows, minlength=len(clauses))
    share = LEXICAL / np.sqrt(np.maximum(total, 1))
    by_cues = [(rows, columns + (1 << BITS)) for rows, columns in cue_entries(clauses, found, cues)]
    order = np.argsort(found.part_at, kind="stable")
    pieces = (clauses.of[found.part_at[order]], found.part[order] + (1 << BITS) + cue_width(cues))
    one = np.ones(len(clauses))
    return [(by_words, share[:, None]), (by_cues, CUE * one[:, None]), ([pieces], PIECE * one[:, None])]


def matrix(clauses: Clauses, cues: Cues) -> csr_matrix:
    """The features of each clause, (n, width_of(cues)): what a model learns from."""
    rows, columns, values = [], [], []
    for group, weight in _groups(clauses, cues):
        for row, column in group:
            rows.append(row)
            columns.append(column)
            values.append(weight[row, 0])
    shape = (len(clauses), width_of(cues))
    return csr_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=shape, dtype=np.float32)


def score(clauses: Clauses, cues: Cues, place_of: Ints, weights: Ints) -> Ints:
    """`matrix(clauses, cues)` times a table of weights, without making the matrix: (n, k).

    `weights` (w + 1, k) holds the columns that a model kept, and zeros in its last row; `place_of` (width_of(cues)) tells where.
    """
    out = np.zeros((len(clauses), weights.shape[1]), dtype=np.float32)
    begin = np.empty(len(clauses) + 1, dtype=np.int32)
    begin[0] = 0
    for group, weight in _groups(clauses, cues):
        for rows, columns in group:  # rows ascend, so that counting them makes the sparse matrix
            np.cumsum(np.bincount(rows, minlength=len(clauses)), out=begin[1:])
            ones = np.ones(len(rows), dtype=np.float32)
            entries = csr_matrix((ones, place_of[columns], begin), shape=(len(clauses), len(weights)), copy=False)
            out += (entries @ weights) * weight.astype(np.float32)
    return out


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
