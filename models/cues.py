"""Reads cues.toml, the slots that a domain expert can read and extend, and finds them in a batch of clauses."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt

from models.clauses import Clauses
from models.hashing import Rolling, hash_words

Ints = npt.NDArray[Any]
LONGEST = 12
MOST_SLOTS = 6  # of one piece of a cue
_GATE_BITS = 0xFFFF


class CueError(ValueError):
    """A cue table that cannot be used: names the slot and the cue."""


@dataclass(frozen=True, slots=True)
class Found:
    """Cues met in a batch: `slot` and `at` (first character) of each; `part` and `part_at` of each piece of a cue; whether each
    clause has each slot, `has` (n, s)."""

    slot: Ints
    at: Ints
    part: Ints
    part_at: Ints
    has: Ints


class Cues:
    """A table of slots, ready to search. `slots` are its names, in order."""

    def __init__(self, table: dict[str, Any]) -> None:
        self.gap = int(table["gap"])
        self.slots = tuple(table["slots"])
        parts: dict[str, int] = {}
        self._plain: list[tuple[int, int]] = []  # part, slot
        self._gapped: list[tuple[tuple[int, ...], int]] = []  # parts, slot
        for slot, name in enumerate(self.slots):
            for cue in table["slots"][name]["words"].split():
                pieces = cue.lower().split("…")
                if any(not 0 < len(piece) <= LONGEST for piece in pieces):
                    raise CueError(f"cue table: slot {name}: cue “{cue}” has a part that is empty or longer than {LONGEST}")
                ids = tuple(parts.setdefault(piece, len(parts)) for piece in pieces)
                if len(ids) == 1:
                    self._plain.append((ids[0], slot))
                else:
                    self._gapped.append((ids, slot))
        self._index(list(parts))

    def _index(self, parts: list[str]) -> None:
        """Parts by length and hash; a gate by the first two characters tells which lengths are worth a look."""
        self._tables: dict[int, tuple[Ints, Ints]] = {}
        self._gate = np.zeros(_GATE_BITS + 1, dtype=np.uint16)
        for length in sorted({len(part) for part in parts}):
            ids = np.array([i for i, part in enumerate(parts) if len(part) == length])
            hashes = hash_words([parts[i] for i in ids])
            order = np.argsort(hashes)
            self._tables[length] = hashes[order], ids[order]
            if length > 1:
                pairs = np.array([[ord(char) for char in parts[i][:2]] for i in ids])
                self._gate[_pair(pairs[:, 0], pairs[:, 1])] |= 1 << length
        self._single = np.full(0x10000, -1, dtype=np.int64)
        for i, part in enumerate(parts):
            if len(part) == 1:
                self._single[ord(part)] = i
        self._slot_of_part = np.full((len(parts), MOST_SLOTS), -1)  # a part may be a cue of several slots
        for part_id, slot in self._plain:
            free = np.flatnonzero(self._slot_of_part[part_id] < 0)
            if not len(free):
                raise CueError(f"cue table: cue “{parts[part_id]}” is in more than {MOST_SLOTS} slots")
            self._slot_of_part[part_id, free[0]] = slot

    @property
    def parts(self) -> int:
        """How many different pieces of text the cues consist of."""
        return len(self._slot_of_part)

    def find(self, clauses: Clauses) -> Found:
        """Every cue in the batch."""
        part, at, end = self._parts(clauses)
        slots, ats = [], []
        for column in self._slot_of_part.T:
            slot = column[part]
            slots.append(slot[slot >= 0])
            ats.append(at[slot >= 0])
        gapped_slot, gapped_at = self._join(clauses, part, at, end)
        slot_all, at_all = np.concatenate([*slots, gapped_slot]), np.concatenate([*ats, gapped_at])
        has = np.zeros((len(clauses), len(self.slots)), dtype=np.float32)
        has[clauses.of[at_all], slot_all] = 1
        return Found(slot_all, at_all, part, at, has)

    def _parts(self, clauses: Clauses) -> tuple[Ints, Ints, Ints]:
        code = clauses.plain
        size = len(code)
        rolling = Rolling(code)
        single = self._single[code]
        at = np.flatnonzero(single >= 0)
        found = [(single[at], at, at + 1)]
        gate = self._gate[_pair(code[:-1], code[1:])]
        open_at = np.flatnonzero(gate)
        gate = gate[open_at]
        for length, (hashes, ids) in self._tables.items():
            if length == 1:
                continue
            at = open_at[(gate & (1 << length)) > 0]
            at = at[at + length <= size]
            values = rolling.of(at, at + length)
            place = np.minimum(np.searchsorted(hashes, values), len(hashes) - 1)
            hit = (hashes[place] == values) & (clauses.of[at] == clauses.of[at + length - 1])
            found.append((ids[place[hit]], at[hit], at[hit] + length))
        part, start, stop = (np.concatenate(column) for column in zip(*found, strict=True))
        return part, start, stop

    def _join(self, clauses: Clauses, part: Ints, at: Ints, end: Ints) -> tuple[Ints, Ints]:
        """Cues of several parts: each next part starts within `gap` characters, in the same clause."""
        order = np.lexsort((at, part))
        part, at, end = part[order], at[order], end[order]
        edge = np.searchsorted(part, np.arange(len(self._slot_of_part) + 1))
        slots, ats = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
        for ids, slot in self._gapped:
            first, last = at[edge[ids[0]] : edge[ids[0] + 1]], end[edge[ids[0]] : edge[ids[0] + 1]]
            for id_ in ids[1:]:
                starts, stops = at[edge[id_] : edge[id_ + 1]], end[edge[id_] : edge[id_ + 1]]
                if not len(starts) or not len(first):
                    first = first[:0]
                    break
                place = np.minimum(np.searchsorted(starts, last), len(starts) - 1)
                near = (
                    (starts[place] >= last)
                    & (starts[place] - last <= self.gap)
                    & (clauses.of[starts[place]] == clauses.of[first])
                )
                first, last = first[near], stops[place[near]]
            slots.append(np.full(len(first), slot))
            ats.append(first)
        return np.concatenate(slots), np.concatenate(ats)


def _pair(first: Ints, second: Ints) -> Ints:
    gate: Ints = (first * 31 + second * 0x9E37) & _GATE_BITS
    return gate


@cache
def cue_text(name: str) -> str:
    """The table that ships under models/: `cues.toml` or `topics.toml`."""
    return files("models").joinpath(name).read_text(encoding="utf-8")


def read_cues(text: str) -> Cues:
    """The cues of a table. Raises CueError."""
    try:
        return Cues(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise CueError(f"cue table: {error}; a table needs `gap` and [slots.NAME] with `words`") from None
