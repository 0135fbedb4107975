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
        self._index_gapped()

    def _index_gapped(self) -> None:
        """Cues of several parts as a tree: from a node (0 the root) a part leads on; some nodes end cues."""
        size = self.parts
        nodes: dict[int, int] = {}  # node * parts + part -> next node
        ending: dict[int, list[int]] = {}
        for ids, slot in self._gapped:
            node = 0
            for part in ids:
                node = nodes.setdefault(node * size + part, len(nodes) + 1)
            ending.setdefault(node, []).append(slot)
        keys = sorted(nodes)
        self._step_keys = np.array(keys, dtype=np.int64)
        self._step_nodes = np.array([nodes[key] for key in keys], dtype=np.int64)
        self._first = np.zeros(size, dtype=np.int64)  # part -> its node below the root, 0 for none
        self._later = np.zeros(size, dtype=bool)  # whether a part ever follows another
        for key, node in nodes.items():
            if key < size:
                self._first[key] = node
            else:
                self._later[key % size] = True
        most = max((len(slots) for slots in ending.values()), default=1)
        self._slot_of_node = np.full((len(nodes) + 1, most), -1)
        for node, slots in ending.items():
            self._slot_of_node[node, : len(slots)] = slots

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
        slots_of: list[list[int]] = [[] for _ in parts]  # a part may be a cue of several slots, or of none by itself
        for part_id, slot in self._plain:
            slots_of[part_id].append(slot)
        self._slot_count = np.array([len(slots) for slots in slots_of], dtype=np.int64)
        self._slot_begin = np.cumsum(self._slot_count) - self._slot_count
        self._slots_flat = np.array([slot for slots in slots_of for slot in slots], dtype=np.int64)

    @property
    def parts(self) -> int:
        """How many different pieces of text the cues consist of."""
        return len(self._slot_count)

    def find(self, clauses: Clauses) -> Found:
        """Every cue in the batch."""
        part, at, end = self._parts(clauses)
        count = self._slot_count[part]
        ends = np.cumsum(count)
        which = np.arange(ends[-1] if len(ends) else 0) + np.repeat(self._slot_begin[part] - ends + count, count)
        gapped_slot, gapped_at = self._join(clauses, part, at, end)
        slot_all, at_all = (
            np.concatenate([self._slots_flat[which], gapped_slot]),
            np.concatenate([np.repeat(at, count), gapped_at]),
        )
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
        later = np.flatnonzero(self._later[part])
        later = later[np.argsort(at[later], kind="stable")]
        next_part, next_at, next_end = part[later], at[later], end[later]
        opening = np.flatnonzero(self._first[part])
        node, begin, reached = self._first[part[opening]], at[opening], end[opening]
        slots, ats = [], []
        while len(node):
            low = np.searchsorted(next_at, reached)
            count = np.searchsorted(next_at, reached + self.gap, side="right") - low
            ends = np.cumsum(count)
            follow = np.arange(ends[-1]) + np.repeat(low - ends + count, count)
            keys = np.repeat(node, count) * self.parts + next_part[follow]
            place = np.searchsorted(self._step_keys, keys)
            place[place == len(self._step_keys)] = 0
            start = np.repeat(begin, count)
            hit = (self._step_keys[place] == keys) & (clauses.of[start] == clauses.of[next_at[follow]])
            node, begin, reached = self._step_nodes[place[hit]], start[hit], next_end[follow[hit]]
            for column in self._slot_of_node.T:
                slot = column[node]
                slots.append(slot[slot >= 0])
                ats.append(begin[slot >= 0])
        return np.concatenate(slots or [next_at[:0]]), np.concatenate(ats or [next_at[:0]])


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
