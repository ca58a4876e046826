"""Mapspaces whose mappings have at most so many temporal loops of more than one iteration.

Few mappings drawn at random have few loops, and a partial mapping may need more loops than it has: both are met here.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from flexloop.embedded.arrays import Bools, Ints
from flexloop.embedded.mapper.imperfect import Products
from flexloop.embedded.mapper.slots import Slot


class FewLoops:
    """A limit on temporal loops.

    Args:
        slots: inner to outer.
        factorizations: of each dimension, by their products.
        most: temporal loops that a mapping may have.
    """

    def __init__(self, slots: Sequence[Slot], factorizations: Sequence[Sequence[Products]], most: int) -> None:
        self.most = most
        self._slots, self._factorizations = slots, factorizations
        self._temporal = [s for s, slot in enumerate(slots) if not slot.spatial]
        self._moving = [d for d, options in enumerate(factorizations) if options and options[-1].bound > 1]
        self._patterns: dict[tuple[int, int], list[tuple[Products, tuple[bool, ...]]]] = {}

    def hold(self, factors: Ints) -> Bools:
        """[n]: whether factors [n, innermost slots, dimensions] make no more loops than there may be."""
        temporal = [s for s in self._temporal if s < factors.shape[1]]
        few: Bools = (factors[:, temporal] > 1).sum(axis=(1, 2)) <= self.most
        return few

    def may_hold(self, tiles: Ints, bounds: Sequence[int]) -> Bools:
        """[n]: whether partial mappings of some bounds can be completed with no more loops than there may be.

        Dimensions that are left over need a loop each, but for those that the fanouts outside can take as a whole.

        Args:
            tiles: [n, k + 1, dimensions]: the extents spanned by the innermost 0, 1, ... k slots.
            bounds: of each dimension.
        """
        decided = tiles.shape[1] - 1
        made = [s for s in self._temporal if s < decided]
        loops = (tiles[:, [s + 1 for s in made]] > tiles[:, made]).sum(axis=(1, 2))
        room = prod(prod(slot.extent) for slot in self._slots[decided:] if slot.spatial)
        rest = np.sort(np.array(bounds) / tiles[:, -1], axis=1)
        may: Bools = loops + (np.cumprod(rest, axis=1) > room).sum(axis=1) <= self.most
        return may

    def sampled(self, rng: np.random.Generator, n: int) -> Ints:
        """[n, slots, dimensions]: random factors, mostly with no more loops than there may be.

        The loops are dealt out to the dimensions; each takes some of its share, or the fewest that it can have.
        """
        factors = np.ones((n, len(self._slots), len(self._factorizations)), dtype=np.int64)
        if not self._moving:
            return factors
        shares = rng.multinomial(self.most, [1 / len(self._moving)] * len(self._moving), n)
        for place, d in enumerate(self._moving):
            for share in np.unique(shares[:, place]).tolist():
                rows = np.flatnonzero(shares[:, place] == share)
                options = self._with_loops(d, share)
                which = rng.integers(0, len(options), len(rows))
                for i in np.unique(which):
                    product, pattern = options[i]
                    chosen = rows[which == i]
                    factors[chosen, :, d] = product.sample_of(pattern, rng, len(chosen))
        return factors

    def _with_loops(self, d: int, share: int) -> list[tuple[Products, tuple[bool, ...]]]:
        """The patterns of a dimension with at most a share of loops, or with the fewest."""
        if (d, share) not in self._patterns:
            every = [(product, pattern) for product in self._factorizations[d] for pattern in product.patterns]
            loops = [sum(pattern[s] for s in self._temporal) for _, pattern in every]
            most = max(share, min(loops))
            self._patterns[d, share] = [found for found, k in zip(every, loops, strict=True) if k <= most]
        return self._patterns[d, share]
