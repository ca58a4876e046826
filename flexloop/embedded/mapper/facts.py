"""What the bounds of partly decided mappings need to know of architecture and problem."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from math import inf, prod
from typing import Any

import numpy as np

from flexloop.embedded.arrays import Floats, Ints
from flexloop.timeloop.reuse import ReuseLimits

SLACK = 1 - 1e-12
"""What the rounding of sums in another order than the cost model's can take away."""
READ, WRITE, SHARED = range(3)
Resource = tuple[int, int]
"""A bandwidth: the level, and READ, WRITE or SHARED."""


_LIMITS = tuple(limit.name for limit in fields(ReuseLimits))
"""The kinds of reuse that a level may not make of some data spaces."""


@dataclass(frozen=True)
class LevelFacts:
    """What the bounds need to know of a storage level; energies are in pJ a word, bandwidths in words a cycle.

    ``cluster`` instances share rows, and energies are what each of them pays where all work; there are ``clusters``
    of them, and rows have ``block`` words. ``scale`` is what a word of each data space counts for in the bandwidths.
    The last five are the data spaces of which a level may not make some reuse, see `ReuseLimits`.
    """

    instances: int = 1
    capacity: float = inf
    read_energy: float = 0.0
    write_energy: float = 0.0
    update_energy: float = 0.0
    read_bandwidth: float = inf
    write_bandwidth: float = inf
    shared_bandwidth: float = inf
    scale: tuple[float, ...] = ()
    leakage: float = 0.0
    cluster: int = 1
    clusters: int = 1 << 62
    block: int = 1
    no_link_transfer: frozenset[int] = frozenset()
    no_multicast_no_reduction: frozenset[int] = frozenset()
    no_temporal_reuse: frozenset[int] = frozenset()
    rmw_first_update: frozenset[int] = frozenset()
    no_coalesce: frozenset[int] = frozenset()

    def of_one(self, t: int) -> LevelFacts:
        """The same of one of the data spaces alone."""
        limits: dict[str, Any] = {name: frozenset({0} if t in getattr(self, name) else ()) for name in _LIMITS}
        return replace(self, scale=(self.scale[t],), **limits)

    def longest(self, step: int) -> float:
        """The most places that a tile which fits may span along a dimension, ``step`` words between two of them."""
        return (max(self.capacity, 1.0) - 1.0) // step + 1.0 if self.capacity < inf else inf

    def bandwidth(self, kind: int) -> float:
        """Words a cycle that an instance reads, writes, or does both of."""
        return (self.read_bandwidth, self.write_bandwidth, self.shared_bandwidth)[kind]


@dataclass(frozen=True)
class TensorFacts:
    """A data space.

    Attributes:
        ranks: each as (dimension, coefficient) pairs.
        read_write: whether it is written.
    """

    ranks: tuple[tuple[tuple[int, int], ...], ...]
    read_write: bool

    @cached_property
    def is_diagonal(self) -> bool:
        """Whether some dimension is in several ranks."""
        dimensions = [d for rank in self.ranks for d, _ in rank]
        return len(set(dimensions)) < len(dimensions)

    @cached_property
    def groups(self) -> tuple[tuple[tuple[int, int], ...], ...]:
        """The ranks, those of a diagonal data space merged into one, so that each dimension is in one of them."""
        if not self.is_diagonal:
            return self.ranks
        return (tuple({d: c for rank in self.ranks for d, c in rank}.items()),)

    def box(self, tiles: Ints | Floats) -> Floats:
        """[n]: words of the bounding boxes of tiles [n, dimensions] (rule 2b)."""
        words = np.ones(len(tiles))
        for rank in self.ranks:
            words = words * (1.0 + sum(coefficient * (tiles[:, d] - 1.0) for d, coefficient in rank))
        return words

    def surely_moved(self, bounds: Sequence[int]) -> int:
        """Words that cross any boundary: strides leave gaps, and steps along a rank that is shared may cancel."""
        return 0 if self.is_diagonal else prod(max(bounds[d] for d, _ in rank) for rank in self.ranks if rank)


@dataclass(frozen=True)
class Facts:
    """What the bounds need to know of architecture and problem, levels inner to outer.

    Attributes:
        levels: storage levels.
        tensors: data spaces.
        compute_energy: pJ of one multiplication and addition.
        routed: whether networks use energy, so that where children stand matters.
        latency: cycles that the networks add to every mapping.
        returned: pJ for each word of the outputs that counts of networks may fall below 0 by (rule 25).
    """

    levels: tuple[LevelFacts, ...]
    tensors: tuple[TensorFacts, ...]
    compute_energy: float
    routed: bool = False
    latency: int = 0
    returned: float = 0.0

    def may_be_passed_on(self, t: int, child: int) -> bool:
        """Whether neighbours may pass on all but the first of tiles that a level reads anew at each step (rule 14)."""
        anew = t in self.levels[child].no_temporal_reuse
        return anew and t not in self.levels[child + 1].no_link_transfer

    def of_one(self, t: int) -> Facts:
        """The same of a problem with one of the data spaces alone; of the first with all MACs."""
        levels = tuple(level.of_one(t) for level in self.levels)
        computing = 0.0 if t else self.compute_energy
        return replace(self, levels=levels, tensors=(self.tensors[t],), compute_energy=computing)

    def rereads(self, level: int) -> bool:
        """Whether the fanout below a level feeds something that is read again at every step: MACs, or limited tiles."""
        return level == 0 or bool(self.levels[level - 1].no_temporal_reuse)

    @cached_property
    def leakage(self) -> float:
        """pJ that all storage levels leak in a cycle."""
        return sum(level.leakage for level in self.levels)

    def total(self, energy: Floats, steps: Floats, below_zero: float) -> Floats:
        """The least energy (pJ) with leakage in so many cycles, latencies left out, less what networks may take off.

        Where cycles are infinite (no completion) energy is so too; no leakage of it would not be a number.
        """
        leaked = self.leakage * np.where(np.isfinite(steps), steps, 0.0)
        return np.asarray((energy + leaked) * SLACK - below_zero)

    @cached_property
    def resources(self) -> tuple[Resource, ...]:
        """The bandwidths that may take time."""
        kinds = itertools.product(range(len(self.levels)), (READ, WRITE, SHARED))
        return tuple((level, kind) for level, kind in kinds if self.levels[level].bandwidth(kind) < inf)

    def below_zero(self, bounds: Sequence[int]) -> float:
        """The most that networks take off the energy (pJ) of a mapping with these bounds."""
        if not self.returned:
            return 0.0
        whole = np.array([bounds])
        return self.returned * sum(float(t.box(whole)[0]) for t in self.tensors if t.read_write)
