"""What the undecided slots of a mapping cost at least: a dynamic programme over slots and tiles, outermost first.

The state is a tile (a point of the lattice of divisors) and the innermost temporal loop among the slots that are still
open, on which the traffic of the next boundary depends. A temporal slot either has no loop > 1, or one of its loops is
its innermost, and the tile outside it is some multiple of the tile inside; a fanout multiplies the tile by one of its
fillings. A slot's constraints say which loops it may have and which of them may be its innermost. Energy and cycles are
minimised apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import numpy as np
import numpy.typing as npt

from flexloop.deadline import Deadline
from flexloop.embedded.mapper.choices import Choices
from flexloop.embedded.mapper.slots import Slot
from flexloop.integers import divisors

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Pair = tuple[Floats, Floats]
Crossing = Callable[[int, Floats, Mask], Pair]
"""Energy and cycles [dimensions + 1, n], by innermost loop, of what crosses into a level with tiles [n, dimensions]."""

_LATTICE = 400_000
"""Tiles of a lattice that the programme is run for; a larger lattice goes without."""
_BLOCK = 16_384
"""Tiles that are bounded between two looks at the clock."""
_BY_LOOP = 40_000
"""Tiles of a lattice for which the innermost loop is told apart in what is kept; for a larger one the least is kept."""


class Lattice:
    """Tiles whose extents divide the bounds, and values at them: [..., one axis for each dimension]."""

    def __init__(self, bounds: Sequence[int]) -> None:
        self.axes = [divisors(bound) for bound in bounds]
        self.shape = tuple(len(axis) for axis in self.axes)
        self.size = prod(self.shape)

    def tiles(self) -> Floats:
        """[size, dimensions]."""
        return np.stack(np.meshgrid(*self.axes, indexing="ij"), axis=-1).reshape(self.size, -1).astype(np.float64)

    def index(self, tile: Ints) -> Ints:
        """[n]: where tiles [n, dimensions] stand."""
        index = np.zeros(len(tile), dtype=np.int64)
        for d, axis in enumerate(self.axes):
            index = index * len(axis) + np.searchsorted(axis, tile[:, d])
        return index

    def scaled(self, values: Floats, factors: Sequence[int]) -> Floats:
        """At every tile the value at the tile times the factors, for [..., *shape]; infinite outside the lattice."""
        lead = values.ndim - len(self.axes)
        for d, factor in enumerate(factors):
            if factor == 1:
                continue
            place = {n: i for i, n in enumerate(self.axes[d])}
            moved = np.full_like(values, np.inf)
            pairs = [(i, place[n * factor]) for i, n in enumerate(self.axes[d]) if n * factor in place]
            source, target = np.moveaxis(values, lead + d, 0), np.moveaxis(moved, lead + d, 0)
            target[[i for i, _ in pairs]] = source[[j for _, j in pairs]]
            values = moved
        return values

    def least_above(self, values: Floats, dims: Sequence[int]) -> Floats:
        """At every tile the least value over its multiples along some dimensions."""
        grid = values.copy()
        for d in dims:
            extents = self.axes[d]
            place = {n: i for i, n in enumerate(extents)}
            view = np.moveaxis(grid, d, 0)
            for prime in self.primes(d):
                for i in range(len(extents) - 1, -1, -1):
                    if (j := place.get(extents[i] * prime)) is not None:
                        view[i] = np.minimum(view[i], view[j])
        return grid

    def primes(self, d: int) -> list[int]:
        """The primes of a dimension's bound."""
        return sorted({p for n in self.axes[d] for p in divisors(n)[1:2]})


class Beyond:
    """The least cost from every slot on.

    Args:
        choices: the mapspace's slots.
        bounds: the bound of each dimension.
        fillings: for each fanout the factors that it may have, or None: whatever its limits allow.
        crossing: what crosses a boundary.
        fits: [n], whether tiles [n, dimensions] fit a level's buffers.
        deadline: when to give up, with `TimeUp`.
    """

    def __init__(
        self,
        choices: Choices,
        bounds: Sequence[int],
        fillings: dict[int, list[tuple[int, ...]] | None],
        crossing: Crossing,
        fits: Callable[[int, Floats], Mask],
        deadline: Deadline | None = None,
    ) -> None:
        self._deadline = deadline
        self._lattice = Lattice(bounds)
        self._highs = choices.limits[1]
        self._fillings = fillings
        self._tables: list[Pair] = []
        if self._lattice.size <= _LATTICE:
            self._work_out(choices.slots, crossing, fits)

    def __call__(self, slot: int, tile: Ints) -> Pair:
        """Energy and cycles, [dimensions + 1, n] or [1, n], of everything from a slot on, by innermost loop."""
        if not self._tables:
            return np.zeros((1, len(tile))), np.zeros((1, len(tile)))
        index = self._lattice.index(tile)
        energy, cycles = self._tables[slot]
        return energy[:, index], cycles[:, index]

    def _work_out(self, slots: Sequence[Slot], crossing: Crossing, fits: Callable[[int, Floats], Mask]) -> None:
        lattice, dims = self._lattice, len(self._lattice.axes)
        tiles = lattice.tiles()
        energy = np.full((dims + 1, lattice.size), np.inf)
        energy[-1, -1] = 0.0
        cycles = energy.copy()
        for place in range(len(slots) - 1, -1, -1):
            slot = slots[place]
            if not slot.spatial and slot.level < slots[-1].level:
                energy, cycles = energy.copy(), cycles.copy()
                for start in range(0, lattice.size, _BLOCK):
                    self._look()
                    rows = slice(start, start + _BLOCK)
                    possible = np.isfinite(energy[:, rows]) & fits(slot.level, tiles[rows])
                    here = crossing(slot.level, tiles[rows], possible)
                    energy[:, rows] = np.where(possible, energy[:, rows] + here[0], np.inf)
                    cycles[:, rows] = np.where(possible, np.maximum(cycles[:, rows], here[1]), np.inf)
            energy, cycles = self._through(place, slot, energy), self._through(place, slot, cycles)
            self._tables.insert(0, (self._kept(energy), self._kept(cycles)))

    def _look(self) -> None:
        if self._deadline is not None:
            self._deadline.check()

    def _kept(self, values: Floats) -> Floats:
        return values if self._lattice.size <= _BY_LOOP else values.min(axis=0, keepdims=True)

    def _through(self, place: int, slot: Slot, values: Floats) -> Floats:
        """The values inside a slot, given those outside it."""
        grid = values.reshape(-1, *self._lattice.shape)
        inside = self._fanout(place, grid) if slot.spatial else self._loops(place, slot, grid)
        return inside.reshape(values.shape)

    def _fanout(self, place: int, grid: Floats) -> Floats:
        fillings = self._fillings[place]
        if fillings is None:
            movable = self._movable(place)
            parts = []
            for part in grid:
                self._look()
                parts.append(self._lattice.least_above(part, movable))
            return np.stack(parts)
        least = np.full_like(grid, np.inf)
        for factors in fillings:
            self._look()
            np.minimum(least, self._lattice.scaled(grid, factors), out=least)
        return least

    def _loops(self, place: int, slot: Slot, grid: Floats) -> Floats:
        inside = grid.copy()
        outside = grid.min(axis=0)
        movable = self._movable(place)
        above: dict[tuple[int, ...], Floats] = {}
        for d in movable:
            self._look()
            others = tuple(i for i in _outside(slot, d) if i in movable)
            if others not in above:
                above[others] = self._lattice.least_above(outside, others)
            for prime in self._lattice.primes(d):
                factors = [prime if i == d else 1 for i in range(grid.ndim - 1)]
                np.minimum(inside[d], self._lattice.scaled(above[others], factors), out=inside[d])
        return inside

    def _movable(self, place: int) -> list[int]:
        return [d for d, high in enumerate(self._highs[place]) if high > 1]


def _outside(slot: Slot, first: int) -> list[int]:
    """The dimensions that may have loops > 1 in a slot whose innermost loop > 1 is over the first."""
    if not slot.counted:
        return sorted((*slot.prefix, *slot.middle, *slot.suffix))
    if first in slot.prefix:
        pinned = slot.prefix[slot.prefix.index(first) :]
        return sorted((*pinned, *slot.middle, *slot.suffix))
    if first in slot.middle:
        return sorted((*slot.middle, *slot.suffix))
    return sorted(slot.suffix[slot.suffix.index(first) :])
