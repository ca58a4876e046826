"""The ways to write a bound as a product of one factor per slot, and divisors."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]

_LISTED = 1 << 16
"""Factorisations of one dimension that are kept as a table; beyond that they are drawn slot by slot."""


class Factorizations:
    """The ways to write a bound as one factor per slot, within limits.

    Args:
        bound: the product.
        lows, highs: least and greatest factor of each slot.
    """

    def __init__(self, bound: int, lows: Sequence[int], highs: Sequence[int]) -> None:
        self.bound = bound
        self.lows, self.highs = lows, highs
        self._steps: dict[int, tuple[IntArray, IntArray]] = {}
        self.divisors = divisors(bound)
        self._index = {n: i for i, n in enumerate(self.divisors)}
        self._ways = self._count()
        self.count = self._ways[0][self._index[bound]]

    def _count(self) -> list[list[int]]:
        """ways[slot][i]: in how many ways the slots from ``slot`` on multiply to divisor i."""
        ways = [[0] * len(self.divisors) for _ in range(len(self.lows) + 1)]
        ways[-1][0] = 1
        for slot in range(len(self.lows) - 1, -1, -1):
            for i, rest in enumerate(self.divisors):
                ways[slot][i] = sum(ways[slot + 1][self._index[rest // f]] for f in self._allowed(slot, rest))
        return ways

    @cached_property
    def patterns(self) -> Mapping[tuple[bool, ...], int]:
        """How many have a factor > 1 in just the slots that a pattern names; only those that some have."""
        every = itertools.product((False, True), repeat=len(self.lows))
        return {moves: count for moves in every if (count := self._count_with(moves))}

    def _count_with(self, moves: Sequence[bool]) -> int:
        lows = [max(low, 2) if move else low for low, move in zip(self.lows, moves, strict=True)]
        highs = [high if move else min(high, 1) for high, move in zip(self.highs, moves, strict=True)]
        if any(low > high for low, high in zip(lows, highs, strict=True)):
            return 0
        return factorizations(self.bound, tuple(lows), tuple(highs)).count

    def steps(self, slot: int) -> tuple[IntArray, IntArray]:
        """Where a slot may take what the slots inside it multiply to.

        Returns:
            [divisors, 2] begin and end in the second array, and the products including the slot.
        """
        if slot not in self._steps:
            self._steps[slot] = self._work_out_steps(slot)
        return self._steps[slot]

    def _work_out_steps(self, slot: int) -> tuple[IntArray, IntArray]:
        ranges: list[tuple[int, int]] = []
        nexts: list[int] = []
        for inside in self.divisors:
            begin, rest = len(nexts), self.bound // inside
            for f in self._allowed(slot, rest):
                if self._ways[slot + 1][self._index[rest // f]]:
                    nexts.append(inside * f)
            ranges.append((begin, len(nexts)))
        return np.array(ranges, dtype=np.int64), np.array(nexts, dtype=np.int64)

    def first(self) -> tuple[int, ...]:
        """The one with the smallest tiles inside."""
        return next(self._walk(0, self.bound))

    def _allowed(self, slot: int, rest: int) -> list[int]:
        low, high = self.lows[slot], self.highs[slot]
        return [f for f in divisors(rest) if low <= f <= high]

    @cached_property
    def table(self) -> IntArray:
        """[count, slots]: all of them, those with the smallest tiles inside first."""
        rows = list(self._walk(0, self.bound))
        return np.array(rows, dtype=np.int64).reshape(len(rows), len(self.lows))

    def _walk(self, slot: int, rest: int) -> Iterator[tuple[int, ...]]:
        if slot == len(self.lows):
            yield ()
            return
        for f in self._allowed(slot, rest):
            if self._ways[slot + 1][self._index[rest // f]]:
                for tail in self._walk(slot + 1, rest // f):
                    yield (f, *tail)

    def sample(self, rng: np.random.Generator, n: int) -> IntArray:
        """[n, slots]: n of them, each as likely as any other."""
        if self.count <= _LISTED:
            return self.table[rng.integers(0, self.count, n)]
        rows = np.empty((n, len(self.lows)), dtype=np.int64)
        for row in rows:
            rest = self.bound
            for slot in range(len(self.lows)):
                options = self._allowed(slot, rest)
                ways = np.array([self._ways[slot + 1][self._index[rest // f]] for f in options], dtype=float)
                row[slot] = options[int(np.searchsorted(np.cumsum(ways), rng.random() * ways.sum(), side="right"))]
                rest //= int(row[slot])
        return rows


@lru_cache(maxsize=16384)
def factorizations(bound: int, lows: tuple[int, ...], highs: tuple[int, ...]) -> Factorizations:
    """`Factorizations`, made once for all mapspaces that share them."""
    return Factorizations(bound, lows, highs)


@lru_cache(maxsize=4096)
def exponents(n: int) -> Counter[int]:
    """Prime factors and how often each divides n."""
    found: Counter[int] = Counter()
    p = 2
    while n > 1:
        if p * p > n:
            p = n
        while n % p == 0:
            found[p] += 1
            n //= p
        p += 1
    return found


@lru_cache(maxsize=65536)
def divisors(n: int) -> tuple[int, ...]:
    """All divisors, ascending."""
    found = [1]
    for p, power in exponents(n).items():
        found = [a * p**k for a in found for k in range(power + 1)]
    return tuple(sorted(found))
