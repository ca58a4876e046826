"""Tiles that a Timeloop design allows a layer: factors of temporal loops, counted by factorizations, or by sampling.

A choice of tiles is a factor for each dimension at each storage level but the outermost, which takes the rest. It is
legal where some allowed bound is its product times what the outermost level and the fanouts may add, and where its
tiles, nothing being spatial but vector lanes, fit every level that keeps them for certain.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from math import prod

import numpy as np
import numpy.typing as npt

from flexloop.arch.design.clip import Clipped, Loops, clipped
from flexloop.arch.design.directives import merged
from flexloop.arch.design.model import Design
from flexloop.classes import Axis, Degree
from flexloop.embedded.mapper.factors import factorizations
from flexloop.flexibility.intervals import Estimate, proportion
from flexloop.flexibility.tilings import Sampling, tensor_words
from flexloop.integers import divisors
from flexloop.timeloop.constraints import LoopConstraint
from flexloop.workloads.layers import DIMENSIONS, Layer

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

LATTICE_LIMIT = 2**20
"""Tiles in the lattice above which choices are sampled instead of counted."""

_UNBOUNDED = 2**40


@dataclass(frozen=True)
class _Along:
    """The factors that one dimension may have at the levels but the outermost.

    Attributes:
        products: what they may multiply to.
        lows, highs: limits of each.
    """

    products: tuple[int, ...]
    lows: tuple[int, ...]
    highs: tuple[int, ...]

    def ways(self) -> list[int]:
        """How many factors multiply to each product."""
        return [factorizations(product, self.lows, self.highs).count for product in self.products]

    def both(self, other: _Along) -> _Along:
        """What is among these factors and another's."""
        return _Along(
            tuple(sorted(set(self.products) & set(other.products))),
            tuple(map(max, self.lows, other.lows)),
            tuple(map(min, self.highs, other.highs)),
        )

    @cached_property
    def tiles(self) -> Ints:
        """What the factors up to some level may multiply to."""
        return np.array(sorted({n for product in self.products for n in divisors(product)}), dtype=np.int64)

    def steps(self, level: int) -> Floats:
        """A matrix with a row for each tile of a level and a 1 for each tile inside it that a factor leads from."""
        outside, inside = self.tiles[:, None], self.tiles[None, :]
        ratio = outside // inside
        allowed = (outside % inside == 0) & (self.lows[level] <= ratio) & (ratio <= self.highs[level])
        return np.asarray(allowed, dtype=np.float64)

    def drawn(self, rng: np.random.Generator, n: int) -> Ints:
        """[n, levels]: each as likely as any other."""
        ways = np.array(self.ways(), dtype=np.float64)
        chosen = rng.choice(len(self.products), size=n, p=ways / ways.sum())
        rows = np.empty((n, len(self.lows)), dtype=np.int64)
        for index in np.unique(chosen):
            where = np.flatnonzero(chosen == index)
            rows[where] = factorizations(self.products[index], self.lows, self.highs).sample(rng, len(where))
        return rows

    def holds(self, factors: Ints) -> npt.NDArray[np.bool_]:
        """[n]: which of [n, levels] factors are among them."""
        inside = (factors >= np.array(self.lows)).all(axis=1) & (factors <= np.array(self.highs)).all(axis=1)
        return inside & np.isin(factors.prod(axis=1), np.array(self.products, dtype=np.int64))


class DesignTiles:
    """The tiles of a layer on a design, at every degree.

    Args:
        design: the design.
        layer: the layer.
        sampling: samples, seed and confidence where they are too many to be listed.
    """

    def __init__(self, design: Design, layer: Layer, sampling: Sampling) -> None:
        self._design, self._layer, self._sampling = design, layer, sampling
        self._on_layer: Clipped = clipped(design, layer)
        self._bounds = self._on_layer.bounds(Degree.FULL)
        self._names = design.level_names
        self._kept = {rule.target: rule.keep for rule in design.always.dataspaces}
        fanouts = design.hardware.fanouts
        self._spread = prod(x * y for x, y in fanouts)
        always = merged(self._on_layer.always)
        self._lanes = {(c.target, d): n for c in always if c.spatial for d, n in c.factors.items()}

    def count(self, degree: Degree) -> Estimate:
        """How many choices of tiles a degree has."""
        sets = [self._set(loops) for loops in self._on_layer.choices(Axis.TILING, degree)]
        lattices = [prod(len(along.tiles) for along in each) for each in sets]
        if max(lattices) <= LATTICE_LIMIT:
            return Estimate.exactly(self._counted(sets))
        sizes = [prod(sum(along.ways()) for along in each) for each in sets]
        return self._sampled(sets, sizes) if sum(sizes) else Estimate.exactly(0.0)

    def _set(self, tiles: Loops) -> list[_Along]:
        rules = {c.target: c for c in merged([*self._on_layer.always, *tiles]) if not c.spatial}
        return [self._along(d, [rules.get(name, LoopConstraint(name)) for name in self._names]) for d in DIMENSIONS]

    def _along(self, d: str, rules: Sequence[LoopConstraint]) -> _Along:
        limits = [_limits(rule, d) for rule in rules]
        low, high = limits.pop()
        lanes = prod(self._lanes.get((name, d), 1) for name in self._names)
        products = set()
        for bound in self._bounds[d]:
            if bound % lanes:
                continue
            for product in divisors(bound // lanes):
                rest = bound // lanes // product
                if any(rest % n == 0 and rest // n <= self._spread for n in _between(low, high, rest)):
                    products.add(product)
        return _Along(tuple(sorted(products)), tuple(a for a, _ in limits), tuple(b for _, b in limits))

    def _counted(self, sets: Sequence[Sequence[_Along]]) -> float:
        """The number of different legal choices, by inclusion and exclusion of sets."""
        total = 0.0
        for size in range(1, len(sets) + 1):
            for together in itertools.combinations(sets, size):
                common = [reduce(_Along.both, each) for each in zip(*together, strict=True)]
                total += (-1) ** (size + 1) * self._of_lattice(common)
        return total

    def _of_lattice(self, along: Sequence[_Along]) -> float:
        """Legal choices of one set, by dynamic programming over the lattice of tiles, innermost level first.

        In double precision, which is exact up to 2^53.
        """
        if not all(len(each.tiles) for each in along):
            return 0.0
        extents = dict(zip(DIMENSIONS, np.ix_(*(each.tiles.astype(np.float64) for each in along)), strict=True))
        first = [each.steps(0)[:, np.flatnonzero(each.tiles == 1)[0]] for each in along]
        ways = np.asarray(reduce(np.multiply, np.ix_(*first)), dtype=np.float64)
        for index in range(len(self._names) - 1):
            if index:
                for axis, each in enumerate(along):
                    ways = np.moveaxis(np.tensordot(each.steps(index), ways, axes=(1, axis)), 0, axis)
            extents = {d: n * self._lanes.get((self._names[index], d), 1) for d, n in extents.items()}
            ways = ways * self._fits_level(index, extents)
        for each in reversed(along):
            ways = ways @ np.isin(each.tiles, each.products).astype(np.float64)
        return float(ways)

    def _fits_level(self, index: int, tile: dict[str, Floats]) -> npt.NDArray[np.bool_]:
        """Which tiles fit a level, as arrays that broadcast against each other."""
        level = self._design.hardware.levels[index]
        tensors = self._kept.get(level.name, ())
        if level.capacity is None or not tensors:
            return np.ones(1, dtype=np.bool_)
        words = reduce(np.add, (tensor_words(t, tile, self._layer) for t in tensors))
        return np.asarray(words <= level.capacity)

    def _sampled(self, sets: Sequence[Sequence[_Along]], sizes: Sequence[int]) -> Estimate:
        """An estimate of that number: a sample counts in the first of the sets that hold it."""
        rng = np.random.default_rng(self._sampling.seed)
        weights = np.array(sizes, dtype=np.float64)
        chosen = rng.choice(len(sets), size=self._sampling.samples, p=weights / weights.sum())
        hits = 0
        for index in np.unique(chosen).tolist():
            n = int((chosen == index).sum())
            factors = np.stack([along.drawn(rng, n) for along in sets[index]], axis=1)
            counts = self._fit(factors)
            for before in sets[:index]:
                held = [along.holds(factors[:, d]) for d, along in enumerate(before)]
                counts &= ~np.logical_and.reduce(held)
            hits += int(counts.sum())
        return proportion(hits, self._sampling.samples, self._sampling.confidence, of=float(sum(sizes)))

    def _fit(self, factors: Ints) -> npt.NDArray[np.bool_]:
        """[n]: which of [n, dimensions, levels] factors make tiles that fit."""
        n = len(factors)
        fits = np.ones(n, dtype=np.bool_)
        tile = {d: np.ones(n, dtype=np.float64) for d in DIMENSIONS}
        for index in range(len(self._names) - 1):
            for i, d in enumerate(DIMENSIONS):
                tile[d] = tile[d] * factors[:, i, index] * self._lanes.get((self._names[index], d), 1)
            fits &= self._fits_level(index, tile)
        return fits


def _limits(rule: LoopConstraint, d: str) -> tuple[int, int]:
    low, high = rule.min_factors.get(d, 1), rule.max_factors.get(d, _UNBOUNDED)
    if d in rule.factors:
        low, high = max(low, rule.factors[d]), min(high, rule.factors[d])
    return low, high


def _between(low: int, high: int, rest: int) -> list[int]:
    """The divisors of what is left that the outermost level may take."""
    return [n for n in reversed(divisors(rest)) if low <= n <= high]
