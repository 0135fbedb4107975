"""Rolling hashes over a batch of characters: the hash of any stretch of text by two look-ups, without Python strings.

h(s, e) = sum of R[c_i] B^(i - s) mod 2^64, with B odd, so that powers of B can be divided out (Karp and Rabin, 1987).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[Any]

_BASE = 0x9E3779B97F4A7C15
_INVERSE = pow(_BASE, -1, 1 << 64)
_MIX = np.uint64(0xD6E8FEB86659FD93)
_VALUES = np.random.default_rng(20191101).integers(1, 1 << 63, size=0x10000, dtype=np.uint64)


class _Powers:
    """Powers of the base and of its inverse, grown when a longer batch comes."""

    def __init__(self) -> None:
        self.up = self.down = np.ones(1, dtype=np.uint64)

    def upto(self, size: int) -> tuple[Ints, Ints]:
        if len(self.up) < size:
            grown = max(size, 1 << 16)
            for name, factor in (("up", _BASE), ("down", _INVERSE)):
                factors = np.full(grown, factor, dtype=np.uint64)
                factors[0] = 1
                setattr(self, name, np.cumprod(factors))
        return self.up, self.down


_powers = _Powers()


class Rolling:
    """Hashes of stretches of `code`, code points (c) below 0x10000."""

    def __init__(self, code: Ints) -> None:
        up, self._down = _powers.upto(len(code) + 1)
        self._sum = np.zeros(len(code) + 1, dtype=np.uint64)
        np.cumsum(_VALUES[code] * up[: len(code)], out=self._sum[1:])

    def of(self, start: Ints, stop: Ints) -> Ints:
        """The 64-bit hashes of the stretches `start:stop` (both of one length)."""
        hashes: Ints = (self._sum[stop] - self._sum[start]) * self._down[start]
        return hashes


def mixed(hashes: Ints, bits: int, salt: int) -> Ints:
    """`hashes` spread over 2^bits buckets; another salt gives another spread."""
    with np.errstate(over="ignore"):
        spread = (hashes ^ (hashes >> np.uint64(29)) ^ np.uint64(salt * 0x9E3779B1)) * _MIX
    buckets: Ints = (spread >> np.uint64(64 - bits)).astype(np.int64)
    return buckets


def hash_words(words: Sequence[str]) -> Ints:
    """The hash that `Rolling.of` gives for each word."""
    joined = "".join(words)
    lengths = np.array([len(word) for word in words], dtype=np.int64)
    stops = np.cumsum(lengths)
    return Rolling(np.array([ord(char) for char in joined], dtype=np.int64)).of(stops - lengths, stops)
