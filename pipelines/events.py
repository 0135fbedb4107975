"""Reads clean_message, writes event_member: repeats, reposts and other channels' copies of one matter become one event.

The result depends on the set of messages only, not on the order in which they came or how they were batched.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from rapidfuzz import fuzz, process
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pipelines.contracts import EventMember, arrow_schema
from pipelines.sketches import BANDS, Sketches, band_keys, likeness, sketch

EXACT, SAME_PERSON, NEAR = 0, 1, 2
_RELATIONS = np.array(["exact", "same_person", "near", "first"], dtype=object)
_DAY = 86_400_000_000
_NEAR_DAYS, _PERSON_DAYS = 180, 365
_SHORT = 20  # letters: a shorter text says too little to be the same matter by likeness
_NEAR_LEAST, _PERSON_LEAST, _OTHER_PLACE_LEAST = 80.0, 60.0, 95.0  # rapidfuzz ratio, of 100
_BRIEF, _BRIEF_LEAST = 60, 90.0  # in brief texts a place or a name is all the difference
_HINT = 0.3  # estimated likeness under which no pair is compared letter by letter
_PERSON_HINT = 0.1
_WINDOW = 4  # each text is compared with as many earlier ones of its bucket: a drive of thousands stays linear
_PERSON_WINDOW = 20
_READ = 1500  # letters compared
_CHUNK = 4096

Ints = npt.NDArray[np.int64]


class _Pairs:
    """Links between messages, by position, with the reason."""

    def __init__(self) -> None:
        self.left: list[Ints] = []
        self.right: list[Ints] = []
        self.why: list[npt.NDArray[np.int8]] = []

    def add(self, left: Ints, right: Ints, why: int) -> None:
        self.left.append(left)
        self.right.append(right)
        self.why.append(np.full(len(left), why, dtype=np.int8))


def join_events(messages: pa.Table) -> pa.Table:
    """event_member rows, one a message, for all of `messages` (columns of clean_message).

    exact: the same letters (brief ones only at the same place or by the same person); near: almost the same within 180
    days; same_person: alike, by one complainant, within 365 days. Besides `messages`, memory grows by some 300 bytes a
    message; time grows linearly.
    """
    count = len(messages)
    if not count:
        return arrow_schema(EventMember).empty_table()
    order = pc.sort_indices(
        messages.select(["posted_at", "message_id"]), [("posted_at", "ascending"), ("message_id", "ascending")]
    )
    rank = np.empty(count, dtype=np.int64)
    rank[order.to_numpy()] = np.arange(count)
    day = messages["posted_at"].cast(pa.int64()).to_numpy() // _DAY if count else rank
    person, place = _coded(messages["complainant_key"]), _coded(messages["place"])
    sketches = _sketches(messages)
    pairs = _Pairs()
    _exact(pairs, sketches, rank, day, person, place)
    _alike(pairs, messages, sketches, rank, day, person, place)
    return _members(messages, pairs, rank)


def _coded(column: pa.ChunkedArray) -> Ints:
    """Equal values as equal numbers; null is -1."""
    indices = column.combine_chunks().dictionary_encode().indices
    return indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)  # type: ignore[no-any-return]


def _texts(messages: pa.Table | pa.RecordBatch) -> list[str]:
    titles, bodies = messages["title"].to_pylist(), messages["body"].to_pylist()
    return [body if body.startswith(title) else title + body for title, body in zip(titles, bodies, strict=True)]


def _sketches(messages: pa.Table) -> Sketches:
    parts = [sketch(_texts(messages.slice(start, _CHUNK))) for start in range(0, len(messages), _CHUNK)]
    return Sketches(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("digest", "size", "bins")))


def _neighbours(group: npt.NDArray[Any], rank: Ints, among: Ints, window: int) -> tuple[Ints, Ints]:
    """Pairs (earlier, later) of positions in `among` with an equal `group`, each with its last `window` ones before."""
    keys = group[among]
    sort = among[np.lexsort((rank[among], keys))]
    keys = group[sort]
    left, right = [], []
    for step in range(1, min(window, len(sort) - 1) + 1):
        same = np.flatnonzero(keys[step:] == keys[:-step])
        left.append(sort[same])
        right.append(sort[same + step])
    none = np.empty(0, dtype=np.int64)
    return (np.concatenate(left), np.concatenate(right)) if left else (none, none)


def _exact(pairs: _Pairs, sketches: Sketches, rank: Ints, day: Ints, person: Ints, place: Ints) -> None:
    """The same letters. A brief generic text is the same matter only at the same place or from the same person."""
    told = np.flatnonzero(sketches.size > 0)
    long = told[sketches.size[told] >= _SHORT]
    brief = told[sketches.size[told] < _SHORT]
    with_place = brief[place[brief] >= 0]
    with_person = brief[person[brief] >= 0]
    at_place = sketches.digest ^ (place.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15))
    by_person = sketches.digest ^ (person.astype(np.uint64) * np.uint64(0xC2B2AE3D27D4EB4F))
    for group, among in ((sketches.digest, long), (at_place, with_place), (by_person, with_person)):
        left, right = _neighbours(group, rank, among, 1)
        near = day[right] - day[left] <= _PERSON_DAYS
        pairs.add(left[near], right[near], EXACT)


def _alike(pairs: _Pairs, messages: pa.Table, sketches: Sketches, rank: Ints, day: Ints, person: Ints, place: Ints) -> None:
    """Almost the same letters: candidates by shared bands and by shared person, confirmed letter by letter."""
    long = np.flatnonzero(sketches.size >= _SHORT)
    found = [np.empty(0, dtype=np.int64)]
    for band in range(BANDS + 1):
        if band < BANDS:
            left, right = _neighbours(band_keys(sketches.bins, band), rank, long, _WINDOW)
        else:
            left, right = _neighbours(person, rank, long[person[long] >= 0], _PERSON_WINDOW)
        same = (person[left] == person[right]) & (person[left] >= 0)
        kept = day[right] - day[left] <= np.where(same, _PERSON_DAYS, _NEAR_DAYS)
        kept &= sketches.digest[left] != sketches.digest[right]
        left, right, same = left[kept], right[kept], same[kept]
        kept = likeness(sketches.bins, left, right) >= np.where(same, _PERSON_HINT, _HINT)
        found.append(left[kept] * len(rank) + right[kept])
    joined = np.unique(np.concatenate(found))
    left, right = joined // len(rank), joined % len(rank)
    same = (person[left] == person[right]) & (person[left] >= 0)
    elsewhere = (place[left] != place[right]) & (place[left] >= 0) & (place[right] >= 0)
    brief = np.minimum(sketches.size[left], sketches.size[right]) < _BRIEF
    least = np.where(same, _PERSON_LEAST, np.where(elsewhere, _OTHER_PLACE_LEAST, np.where(brief, _BRIEF_LEAST, _NEAR_LEAST)))
    alike = _ratios(messages, left, right) >= least
    pairs.add(left[alike & same], right[alike & same], SAME_PERSON)
    pairs.add(left[alike & ~same], right[alike & ~same], NEAR)


def _ratios(messages: pa.Table, left: Ints, right: Ints) -> npt.NDArray[np.float32]:
    """How alike the texts of pairs are, 0 to 100; only the texts of one chunk are in memory at a time."""
    out = np.zeros(len(left), dtype=np.float32)
    batches = messages.select(["title", "body"]).to_batches()
    starts = np.cumsum([0, *(len(batch) for batch in batches)])
    for start in range(0, len(left), _CHUNK):
        part = slice(start, start + _CHUNK)
        one, other = (_at(batches, starts, side[part]) for side in (left, right))
        out[part] = process.cpdist(one, other, scorer=fuzz.ratio, dtype=np.float32)
    return out


def _at(batches: list[pa.RecordBatch], starts: Ints, positions: Ints) -> list[str]:
    """The texts at some positions. `Table.take` would first copy the whole table into one piece."""
    which = np.searchsorted(starts, positions, side="right") - 1
    out = [""] * len(positions)
    for batch in np.unique(which):
        here = np.flatnonzero(which == batch)
        texts = _texts(batches[batch].take(pa.array(positions[here] - starts[batch])))
        for at, text in zip(here, texts, strict=True):
            out[at] = text[:_READ]
    return out


def _members(messages: pa.Table, pairs: _Pairs, rank: Ints) -> pa.Table:
    count = len(rank)
    left, right, why = np.concatenate(pairs.left), np.concatenate(pairs.right), np.concatenate(pairs.why)
    links = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(count, count))
    _, component = connected_components(links, directed=False)
    order = np.argsort(rank)
    _, first_at = np.unique(component[order], return_index=True)
    first = order[first_at][component]
    relation = np.full(count, len(_RELATIONS) - 1, dtype=np.int8)
    for side in (left, right):  # a link to an earlier message says more than one to a later, and is written last
        best = np.full(count, NEAR + 1, dtype=np.int8)
        np.minimum.at(best, side, why)
        relation = np.where(best <= NEAR, best, relation)
    relation[first == np.arange(count)] = len(_RELATIONS) - 1
    ids = messages["message_id"].combine_chunks()
    event = pc.replace_substring_regex(ids.take(pa.array(first)), "^m", "e")
    return pa.table([ids, event, pa.array(_RELATIONS[relation], pa.string())], schema=arrow_schema(EventMember))
