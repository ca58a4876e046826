"""The ways to write a bound as a product of one factor per slot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from math import comb, prod
from typing import Any

import numpy as np
import numpy.typing as npt

from flexloop.embedded.arrays import Bools, Ints
from flexloop.integers import divisors

_LISTED = 1 << 16
"""Factorisations of one dimension that are kept as a table; beyond that they are drawn slot by slot."""


class Divisors:
    """The divisors of a number as a grid of exponents: one axis for each prime, [..., power + 1, ...].

    A number's place is its position in the flattened grid; places of factors add up to that of their product.

    Args:
        bound: the number.
    """

    def __init__(self, bound: int) -> None:
        found = exponents(bound)
        self.powers = tuple(found.values()) or (0,)
        self.shape = tuple(power + 1 for power in self.powers)
        values = np.ones(1, dtype=np.int64)
        for prime, power in found.items():
            values = np.multiply.outer(values, np.array([prime**k for k in range(power + 1)])).ravel()
        self.order = np.argsort(values)
        self.ascending = values[self.order]
        self.exponents = np.array(np.unravel_index(self.order, self.shape)).T
        """[divisors, primes], in the order of the divisors."""

    def place(self, i: int | Ints) -> Ints:
        """The places of divisors given by their index among all."""
        return np.asarray(self.order[i])

    def above(self, i: int) -> tuple[slice, ...]:
        """Where the multiples of a divisor stand in the grid."""
        return tuple(slice(int(e), None) for e in self.exponents[i])

    def below(self, i: int) -> tuple[slice, ...]:
        """Where the quotients of these multiples by the divisor stand."""
        return tuple(slice(None, n - int(e)) for n, e in zip(self.shape, self.exponents[i], strict=True))


class Factorizations:
    """The ways to write a bound as one factor per slot, within limits.

    Args:
        bound: the product.
        lows, highs: least and greatest factor of each slot.
    """

    def __init__(self, bound: int, lows: Sequence[int], highs: Sequence[int]) -> None:
        self.bound = bound
        self.lows, self.highs = lows, highs
        self.divisors = divisors(bound)
        self._grid = _grid(bound)
        free = [low <= 1 and high >= bound for low, high in zip(lows, highs, strict=True)]
        self._limited = [slot for slot, is_free in enumerate(free) if not is_free]
        self._free = [slot for slot, is_free in enumerate(free) if is_free]
        self._steps: dict[int, tuple[Ints, Ints]] = {}

    @cached_property
    def count(self) -> int:
        """How many there are; beyond 2^62 rounded."""
        return int(self._ways[0].ravel()[-1])

    @cached_property
    def _ways(self) -> list[npt.NDArray[Any]]:
        """ways[k] at a divisor: in how many ways the limited slots from the k-th on and all free ones multiply to it.

        The order of slots does not matter to a product, so those without limits come last: they share n exponents of a
        prime in as many ways as n things fall into so many boxes.
        """
        boxes = len(self._free)
        most = prod(comb(power + len(self.lows) - 1, power) for power in self._grid.powers) if self.lows else 1
        kind: Any = np.int64 if most < 2**62 else np.float64
        last: npt.NDArray[Any] = np.ones(1, dtype=kind)
        for power in self._grid.powers:
            shares = [comb(k + boxes - 1, k) if boxes else int(k == 0) for k in range(power + 1)]
            last = np.multiply.outer(last, np.array(shares, dtype=kind)).ravel()
        ways = [last.reshape(self._grid.shape)]
        for slot in reversed(self._limited):
            inside = np.zeros_like(ways[0])
            for i in self._allowed(slot):
                inside[self._grid.above(i)] += ways[0][self._grid.below(i)]
            ways.insert(0, inside)
        return ways

    @cached_property
    def _possible(self) -> list[Bools]:
        """possible[slot] at a divisor: whether the slots from ``slot`` on can multiply to it."""
        last = np.zeros(self._grid.shape, dtype=np.bool_)
        last.ravel()[0] = True
        possible = [last]
        for slot in range(len(self.lows) - 1, -1, -1):
            inside = np.zeros_like(last)
            if slot in self._free:
                inside = possible[0].copy()
                for axis in range(inside.ndim):
                    np.logical_or.accumulate(inside, axis=axis, out=inside)
            else:
                for i in self._allowed(slot):
                    inside[self._grid.above(i)] |= possible[0][self._grid.below(i)]
            possible.insert(0, inside)
        return possible

    def _allowed(self, slot: int) -> list[int]:
        """The factors that a slot may have, as indices of divisors."""
        first, end = np.searchsorted(self._grid.ascending, [self.lows[slot], self.highs[slot] + 1])
        return list(range(int(first), int(end)))

    @cached_property
    def patterns(self) -> Mapping[tuple[bool, ...], int]:
        """How many have a factor > 1 in just the slots that a pattern names; only those that some have."""
        if self.count <= 4 * _LISTED:
            return patterns_of(self.table)
        every = np.array(np.unravel_index(np.arange(1 << len(self.lows)), (2,) * len(self.lows))).T
        return {tuple(moves): count for moves in every.tolist() if (count := self._count_with(moves))}

    def _count_with(self, moves: Sequence[int]) -> int:
        part = self._only(moves)
        return part.count if part else 0

    def _only(self, moves: Sequence[int]) -> Factorizations | None:
        """Those with a factor > 1 in just some slots; None where limits leave none."""
        lows = [max(low, 2) if move else low for low, move in zip(self.lows, moves, strict=True)]
        highs = [high if move else min(high, 1) for high, move in zip(self.highs, moves, strict=True)]
        if any(low > high for low, high in zip(lows, highs, strict=True)):
            return None
        return factorizations(self.bound, tuple(lows), tuple(highs))

    def sample_of(self, pattern: tuple[bool, ...], rng: np.random.Generator, n: int) -> Ints:
        """[n, slots]: n of those of one of the patterns, each as likely as any other."""
        part = self._only(pattern)
        assert part is not None
        return part.sample(rng, n)

    def steps(self, slot: int) -> tuple[Ints, Ints]:
        """Where a slot may take what the slots inside it multiply to.

        Returns:
            [divisors, 2] begin and end in the second array, and the products including the slot.
        """
        if slot not in self._steps:
            self._steps[slot] = self._work_out_steps(slot)
        return self._steps[slot]

    def _work_out_steps(self, slot: int) -> tuple[Ints, Ints]:
        grid, beyond = self._grid, self._possible[slot + 1].ravel()
        allowed = np.array(self._allowed(slot), dtype=np.int64)
        ranges, nexts, end = [], [], 0
        for i, inside in enumerate(grid.ascending):
            rest = grid.exponents[len(grid.ascending) - 1 - i]
            fits = allowed[(grid.exponents[allowed] <= rest).all(axis=1)]
            fits = fits[beyond[grid.place(len(grid.ascending) - 1 - i) - grid.place(fits)]]
            nexts.append(inside * grid.ascending[fits])
            ranges.append((end, end + len(fits)))
            end += len(fits)
        return np.array(ranges, dtype=np.int64), np.concatenate(nexts)

    def first(self) -> tuple[int, ...]:
        """The one with the smallest tiles inside."""
        grid, rest, factors = self._grid, len(self.divisors) - 1, []
        for slot in range(len(self.lows)):
            beyond = self._possible[slot + 1].ravel()
            i = next(
                i
                for i in self._allowed(slot)
                if (grid.exponents[i] <= grid.exponents[rest]).all() and beyond[grid.place(rest) - grid.place(i)]
            )
            factors.append(int(grid.ascending[i]))
            rest = int(np.searchsorted(grid.ascending, grid.ascending[rest] // grid.ascending[i]))
        return tuple(factors)

    @cached_property
    def table(self) -> Ints:
        """[count, slots]: all of them, those with the smallest tiles inside first."""
        spans = np.ones((1, 1), dtype=np.int64)
        if not self._possible[0].ravel()[-1]:
            return np.empty((0, len(self.lows)), dtype=np.int64)
        for slot in range(len(self.lows)):
            starts, nexts = self.steps(slot)
            first = starts[np.searchsorted(self._grid.ascending, spans[:, -1])]
            counts = first[:, 1] - first[:, 0]
            rows = np.repeat(np.arange(len(spans)), counts)
            offsets = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
            spans = np.column_stack([spans[rows], nexts[first[rows, 0] + offsets]])
        return spans[:, 1:] // spans[:, :-1]

    def sample(self, rng: np.random.Generator, n: int) -> Ints:
        """[n, slots]: n of them, each as likely as any other."""
        if self.count <= _LISTED:
            return self.table[rng.integers(0, self.count, n)]
        grid = self._grid
        rows = np.ones((n, len(self.lows)), dtype=np.int64)
        rest = np.tile(np.array(grid.powers, dtype=np.int64), (n, 1))
        for k, slot in enumerate(self._limited):
            chosen = self._drawn(rng, k, slot, rest)
            rows[:, slot] = grid.ascending[chosen]
            rest -= grid.exponents[chosen]
        if self._free:
            for place, prime in enumerate(exponents(self.bound)):
                rows[:, self._free] *= prime ** _shares(rng, rest[:, place], len(self._free))
        return rows

    def _drawn(self, rng: np.random.Generator, k: int, slot: int, rest: Ints) -> Ints:
        """[n]: indices of the factors of the k-th limited slot, each as likely as it has ways to go on."""
        grid, beyond = self._grid, self._ways[k + 1].ravel()
        allowed = np.array(self._allowed(slot), dtype=np.int64)
        place = np.ravel_multi_index(tuple(rest.T), grid.shape)
        fits = (grid.exponents[allowed] <= rest[:, None, :]).all(axis=2)
        left = np.where(fits, place[:, None] - grid.place(allowed), 0)
        ways = np.cumsum(np.where(fits, beyond[left], 0), axis=1, dtype=np.float64)
        picked = (ways > rng.random(len(rest))[:, None] * ways[:, -1:]).argmax(axis=1)
        return np.asarray(allowed[picked])


def patterns_of(table: Ints) -> Mapping[tuple[bool, ...], int]:
    """How many rows of a table [count, slots] have a factor > 1 in just the slots that a pattern names."""
    found, counts = np.unique(table > 1, axis=0, return_counts=True)
    return dict(zip(map(tuple, found.tolist()), counts.tolist(), strict=True))


def _shares(rng: np.random.Generator, total: Ints, boxes: int) -> Ints:
    """[n, boxes]: a number of equal things laid into boxes, each way as likely as any other: bars among stars."""
    n, most = len(total), int(total.max(initial=0))
    room = total + boxes - 1
    keys = rng.random((n, most + boxes - 1))
    keys[np.arange(keys.shape[1]) >= room[:, None]] = 2.0
    bars = np.sort(np.argsort(keys, axis=1)[:, : boxes - 1], axis=1)
    edges = np.column_stack([np.full(n, -1), bars, room])
    return np.diff(edges, axis=1) - 1


@lru_cache(maxsize=1024)
def _grid(bound: int) -> Divisors:
    return Divisors(bound)


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
