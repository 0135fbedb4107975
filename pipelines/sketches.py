"""Gives texts as short sketches by which near repeats are found: reads strings, gives numpy arrays, keeps no text.

One-permutation MinHash over character 4-grams (Li, Owen & Zhang 2012) with rotation for empty bins (Shrivastava & Li 2014).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BINS = 32
GRAM = 4
BAND = 3  # bins of one band: near repeats share at least one whole band
BANDS = BINS // BAND
_EMPTY = np.uint32(0xFFFFFFFF)
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xFF51AFD7ED558CCD)

U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Sketches:
    """Of n texts: `digest` (n,) of the letters alone, `size` (n,) letters, `bins` (n, 32) MinHash values."""

    digest: U64
    size: npt.NDArray[np.int32]
    bins: U32


def _letters() -> npt.NDArray[np.bool_]:
    """Which code points count: no punctuation, no space. Beyond plane 0 everything counts."""
    letters = np.ones(0x110000, dtype=np.bool_)
    letters[:0x10000] = [chr(code).isalnum() if not 0xD800 <= code < 0xE000 else False for code in range(0x10000)]
    return letters


_LETTERS = _letters()


def sketch(texts: Sequence[str]) -> Sketches:
    """Sketches of texts, 100 bytes each; equal letters give equal sketches, whatever the punctuation between them."""
    count = len(texts)
    points = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    owner = _owner(np.fromiter(map(len, texts), dtype=np.int64, count=count), len(points))
    kept = _LETTERS[points]
    points, owner = points[kept], owner[kept]
    size = np.bincount(owner, minlength=count)
    ends = np.cumsum(size)
    raw = points.tobytes()
    digest = np.empty(count, dtype=np.uint64)
    for at, (start, stop) in enumerate(zip((ends - size) * 4, ends * 4, strict=True)):
        digest[at] = int.from_bytes(hashlib.blake2b(raw[start:stop], digest_size=8).digest(), "little")
    return Sketches(digest, size.astype(np.int32), _minhash(points, owner, count))


def _owner(lengths: npt.NDArray[np.int64], whole: int) -> npt.NDArray[np.int32]:
    """The text that each of `whole` characters belongs to: counts the ends passed, which is quicker than `np.repeat`."""
    passed = np.zeros(whole + 1, dtype=np.int32)
    np.add.at(passed, np.cumsum(lengths), 1)
    return np.cumsum(passed[:-1], dtype=np.int32)


def _minhash(points: U32, owner: npt.NDArray[np.int32], count: int) -> U32:
    bins = np.full((count, BINS), _EMPTY, dtype=np.uint32)
    if len(points) >= GRAM:
        last = len(points) - GRAM + 1
        grams = np.zeros(last, dtype=np.uint64)
        for offset in range(GRAM):
            grams *= _PRIME
            grams += points[offset : last + offset]
        grams ^= grams >> np.uint64(33)
        grams *= _MIX
        grams ^= grams >> np.uint64(29)
        whole = owner[:last] == owner[GRAM - 1 :]
        grams, home = grams[whole], owner[:last][whole].astype(np.int64)
        home *= BINS
        home += (grams >> np.uint64(59)).astype(np.int64)
        np.minimum.at(bins.reshape(-1), home, (grams >> np.uint64(20)).astype(np.uint32))
    return _filled(bins)


def _filled(bins: U32) -> U32:
    """Empty bins borrow from the next one to the right, so that short texts have whole sketches too."""
    empty = bins == _EMPTY
    out = bins.copy()
    waiting = empty & ~empty.all(axis=1, keepdims=True)
    for step in range(1, BINS):
        if not waiting.any():
            break
        moved = np.roll(bins, -step, axis=1)
        found = waiting & (moved != _EMPTY)
        out[found] = moved[found] + np.uint32(step * 0x01000193 & 0xFFFFFFFF)
        waiting &= ~found
    return out


def band_keys(bins: U32, band: int) -> U64:
    """One number for the bins of a band: texts that share it are candidates."""
    key = np.zeros(len(bins), dtype=np.uint64)
    for column in range(band * BAND, band * BAND + BAND):
        key = key * _PRIME + bins[:, column]
    return key


def likeness(bins: U32, left: npt.NDArray[np.int64], right: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Estimated Jaccard likeness of pairs (standard error about 0.09 at one half)."""
    out = np.empty(len(left))
    for start in range(0, len(left), 100_000):
        part = slice(start, start + 100_000)
        out[part] = (bins[left[part]] == bins[right[part]]).mean(axis=1)
    return out
