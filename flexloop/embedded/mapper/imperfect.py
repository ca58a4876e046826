"""Factors whose product is more than a bound: which there are in Timeloop's mapspaces.

The usual mapspace (`uber`) takes pinned factors that do not divide a bound: the rest of the bound, rounded up, is left
to the free factors. From the innermost slot outwards each factor is cut down to what is left of the bound, and where it
does not divide that, the loop has a residual. In `ruby` the levels with a directive ``remainders: n`` may have loops of
up to n iterations with any residual. Either way factors and bound determine the residuals.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np
import numpy.typing as npt

from flexloop.embedded.arrays import Bools, Ints
from flexloop.embedded.mapper.factors import Factorizations, factorizations, patterns_of
from flexloop.embedded.mapper.shares import WHOLE, Left, Shares, left_of
from flexloop.errors import UnsupportedError
from flexloop.integers import divisors

_MOST = 500_000
"""Factorisations of one dimension that are listed at most."""


def residuals(factors: Ints, bound: int) -> Ints:
    """[n, slots]: iterations of each loop in the last pass, with which loops of these factors make a bound."""
    left = np.full(len(factors), bound)
    found = np.empty_like(factors)
    for slot in range(factors.shape[1]):
        found[:, slot] = (left - 1) % factors[:, slot] + 1
        left = -(-left // factors[:, slot])
    return found


def padded_table(bound: int, pinned: Mapping[int, int], lows: Sequence[int], highs: Sequence[int]) -> Ints:
    """[k, slots]: the factors that `uber` has for a bound where those pinned, by slot, do not divide it.

    Limits hold before factors are cut down.

    Raises:
        UnsupportedError: if they are too many to be listed.
    """
    product = prod(pinned.values())
    rest = factorizations(product * -(-bound // product), tuple(lows), tuple(highs))
    if rest.count > _MOST:
        raise UnsupportedError(
            f"constraints: pinned factors that multiply to {product} leave a bound of {bound} {rest.count:.3g} "
            f"factorisations, more than the {_MOST} that are searched; pad the bound to a multiple or pin more factors"
        )
    table = rest.table.copy()
    left = np.full(len(table), bound)
    for slot in range(table.shape[1]):
        table[:, slot] = np.minimum(table[:, slot], left)
        left = -(-left // table[:, slot])
    return np.unique(table, axis=0)


class Listed:
    """Factorisations of one product that are given as a list, as `factors.Factorizations` are by their limits.

    Args:
        table: [count, slots], each of the same product.
        lows, highs: least and greatest factor of each slot.
    """

    def __init__(self, table: Ints, lows: Sequence[int], highs: Sequence[int]) -> None:
        self.table, self.lows, self.highs = table, lows, highs
        self.bound = int(table[0].prod())
        self.count = len(table)

    @cached_property
    def patterns(self) -> Mapping[tuple[bool, ...], int]:
        """How many have a factor > 1 in just the slots that a pattern names."""
        return patterns_of(self.table)

    def first(self) -> tuple[int, ...]:
        """The one with the smallest tiles inside."""
        return tuple(self.table[0].tolist())

    def sample(self, rng: np.random.Generator, n: int) -> Ints:
        """[n, slots]: n of them, each as likely as any other."""
        return self.table[rng.integers(0, self.count, n)]

    def sample_of(self, pattern: tuple[bool, ...], rng: np.random.Generator, n: int) -> Ints:
        """[n, slots]: n of those with a factor > 1 in just the slots that a pattern names."""
        rows = self.table[((self.table > 1) == pattern).all(axis=1)]
        drawn: Ints = rows[rng.integers(0, len(rows), n)]
        return drawn


Products = Factorizations | Listed
"""Factorisations of one product."""


def listed(table: Ints) -> list[Products]:
    """The factorisations of a table by their products, ascending."""
    if not len(table):
        return []
    lows, highs = tuple(table.min(axis=0).tolist()), tuple(table.max(axis=0).tolist())
    products = table.prod(axis=1)
    return [Listed(table[products == product], lows, highs) for product in np.unique(products)]


class Imperfect:
    """The dimensions of a mapspace whose factors may multiply to more than the bound; false where there are none.

    Args:
        spatial: of each slot whether it is a fanout.
    """

    def __init__(self, spatial: Sequence[bool]) -> None:
        self._spatial = np.flatnonzero(spatial)
        self._bounds: dict[int, int] = {}
        self._tables: dict[int, Ints] = {}
        self._left: dict[tuple[int, int], Left] = {}
        self._rows: dict[tuple[int, int], npt.NDArray[np.void]] = {}

    def add(self, d: int, bound: int, table: Ints) -> None:
        """Have dimension d be one of them, with the factors [k, slots] of a table."""
        self._bounds[d], self._tables[d] = bound, table

    def __bool__(self) -> bool:
        return bool(self._bounds)

    def contain(self, factors: Ints) -> Bools:
        """[n]: whether factors [n, innermost slots, dimensions] are among those of the tables, or begin one of them."""
        found, slots = np.ones(len(factors), dtype=np.bool_), factors.shape[1]
        for d, table in self._tables.items():
            if (d, slots) not in self._rows:
                self._rows[d, slots] = np.unique(_as_bytes(table[:, :slots]))
            known, rows = self._rows[d, slots], _as_bytes(factors[:, :, d])
            found &= len(known) > 0 and known[np.minimum(np.searchsorted(known, rows), len(known) - 1)] == rows
        return found

    def factors_of(self, slot: int) -> Iterator[tuple[int, set[int]]]:
        """The dimensions with the factors that they may have in a slot."""
        for d, table in self._tables.items():
            yield d, set(table[:, slot].tolist())

    def may_fill(self, fanouts: Ints) -> Bools:
        """[n]: whether the factors [n, fanouts, dimensions] of all fanouts are those of some factors of the tables."""
        found = np.ones(len(fanouts), dtype=np.bool_)
        for d, table in self._tables.items():
            known, rows = np.unique(table[:, self._spatial], axis=0), fanouts[:, :, d]
            found &= (rows[:, None] == known).all(axis=2).any(axis=1)
        return found

    def residuals(self, factors: Ints) -> Ints:
        """[n, slots, dimensions]: iterations of each loop in the last pass over its dimension."""
        found = factors.copy()
        for d, bound in self._bounds.items():
            found[:, :, d] = residuals(factors[:, :, d], bound)
        return found

    def true_bounds(self, factors: Ints) -> Ints:
        """[n, dimensions]: the bounds that loops make with their residuals."""
        bounds: Ints = factors.prod(axis=1)
        for d, bound in self._bounds.items():
            bounds[:, d] = bound
        return bounds

    def shares(self, products: Sequence[int]) -> Shares:
        """What residuals leave of loops of these products, one of each dimension."""
        left = (self._left_of(d, products[d]) if d in self._tables else WHOLE for d in range(len(products)))
        return Shares(*(tuple(column) for column in zip(*left, strict=True)))

    def least_computed(self) -> float:
        """Of the computations of the true bounds, the share that Timeloop counts at least, whatever the factors.

        It cuts off the average number of instances in use.
        """
        products = {d: np.unique(rows.prod(axis=1)).tolist() for d, rows in self._tables.items()}
        spread = prod(min(self._left_of(d, product)[3] for product in some) for d, some in products.items() if some)
        return spread if spread == 1.0 else spread / 2

    def _left_of(self, d: int, product: int) -> Left:
        """The shares of one dimension."""
        if (d, product) not in self._left:
            self._left[d, product] = left_of(self._tables[d], self._bounds[d], product, self._spatial)
        return self._left[d, product]


def _as_bytes(rows: Ints) -> npt.NDArray[np.void]:
    """[n]: each row as one value."""
    return np.ascontiguousarray(rows).view(np.dtype((np.void, rows.itemsize * rows.shape[1]))).ravel()


@dataclass(frozen=True)
class Remainders:
    """What `ruby` allows along one dimension; everything by slot.

    Attributes:
        bound: of the dimension.
        slots: how many.
        pinned: factors, where they are.
        most: the greatest factor of each slot whose loop may have a residual.
        lows, highs: limits of factors and residuals.
    """

    bound: int
    slots: int
    pinned: Mapping[int, int]
    most: Mapping[int, int]
    lows: Sequence[int]
    highs: Sequence[int]

    def table(self) -> Ints:
        """[k, slots]: all factors, those with the smallest tiles inside first.

        Raises:
            UnsupportedError: if they are too many to be listed.
        """
        given, remainders, rest = self._given()
        most = {slot: n for slot, n in self.most.items() if slot not in given}
        # Timeloop lists these levels from the outermost inwards and deals their limits out from the innermost outwards.
        limits = dict(zip(sorted(most), [most[slot] for slot in sorted(most, reverse=True)], strict=True))
        rows = self._walk(given, limits, np.array(_candidates(rest, tuple(limits.values())), dtype=np.int64))
        last, free = residuals(rows, self.bound), [slot for slot in range(self.slots) if slot not in given]
        fits = ((rows >= self.lows) & (last >= self.lows) & (rows <= self.highs)).all(axis=1)
        fits &= (rows[:, free] > int(self.bound**0.5 + 1.5)).sum(axis=1) <= 1
        fits &= np.maximum(rows[:, free] - 1, 1).prod(axis=1) <= rest
        fits &= last[:, list(limits)].sum(axis=1) <= rest + len(free)
        for slot, factor in given.items():
            fits &= last[:, slot] == remainders.get(slot, factor)
        found: Ints = rows[fits]
        return found

    def _given(self) -> tuple[dict[int, int], dict[int, int], int]:
        """The pinned factors as they are taken, the residuals that they must have, and what they leave to others."""
        given, remainders, rest = dict(self.pinned), {}, self.bound
        for slot, factor in sorted(given.items()):
            if factor > rest:
                given[slot], rest = rest, 1
                continue
            if rest % factor:
                remainders[slot] = rest % factor
            rest = -(-rest // factor)
        return given, remainders, rest

    def _walk(self, given: Mapping[int, int], limits: Mapping[int, int], candidates: Ints) -> Ints:
        """[k, slots]: factors of all slots that make the bound, of which none outside of it has iterations."""
        rows, left = np.empty((1, 0), dtype=np.int64), np.array([self.bound])
        for slot in range(self.slots):
            options = np.array([given[slot]]) if slot in given else candidates[candidates <= self.highs[slot]]
            if slot in limits:
                options = options[options <= limits[slot]]
            grown = []
            for factor in options.tolist():
                fits = (left > 1) | (factor == 1)
                if slot not in limits and slot not in given:
                    fits &= left % factor == 0
                grown.append(np.column_stack([rows[fits], np.full(fits.sum(), factor)]))
            rows = np.concatenate(grown) if grown else np.empty((0, slot + 1), dtype=np.int64)
            if len(rows) > _MOST:
                raise UnsupportedError(
                    f"mapspace.template ruby: a bound of {self.bound} has more than {_MOST} factorisations, too many "
                    "to be searched; lower remainders or pin more factors"
                )
            left = self.bound * np.ones(len(rows), dtype=np.int64)
            for factors in rows.T:
                left = -(-left // factors)
        whole: Ints = rows[left == 1]
        return np.asarray(whole[np.lexsort(whole.T[::-1])])


def _candidates(rest: int, limits: Sequence[int]) -> list[int]:
    """The factors that Timeloop tries: divisors, and those of what a residual of up to a limit makes of the rest."""
    found = set(divisors(rest))
    for i in range(1, max(limits, default=0) + 1):
        product = i * rest * -(-rest // i)
        found.update(n for n in divisors(product) if n < rest)
    return sorted(found)
