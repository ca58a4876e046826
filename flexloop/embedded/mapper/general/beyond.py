"""What the undecided slots of a mapping cost at least: a dynamic programme over slots and tiles, outermost first.

The state is a tile (a point of the lattice of divisors) and the innermost temporal loop among the slots that are still
open, on which the traffic of the next boundary depends. A temporal slot either has no loop > 1, or one of its loops is
its innermost, and the tile outside it is some multiple of the tile inside; a fanout multiplies the tile by one of its
fillings. A slot's constraints say which loops it may have and which of them may be its innermost. Energy and cycles are
minimised apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from flexloop.deadline import Deadline
from flexloop.embedded.mapper.choices import Choices
from flexloop.embedded.mapper.paths.grid import Grid, size_of
from flexloop.embedded.mapper.slots import Slot

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
        self._size = size_of(bounds)
        self._highs = choices.limits[1]
        self._fillings, self._residual = fillings, choices.imperfect.dimensions
        self._tables: list[Pair] = []
        if self._size <= _LATTICE:
            self._grid = Grid(bounds)
            self._work_out(choices.slots, crossing, fits)

    def __call__(self, slot: int, tile: Ints) -> Pair:
        """Energy and cycles, [dimensions + 1, n] or [1, n], of everything from a slot on, by innermost loop."""
        if not self._tables:
            return np.zeros((1, len(tile))), np.zeros((1, len(tile)))
        index = self._grid.index(tile)
        energy, cycles = self._tables[slot]
        return energy[:, index], cycles[:, index]

    def _work_out(self, slots: Sequence[Slot], crossing: Crossing, fits: Callable[[int, Floats], Mask]) -> None:
        tiles = self._grid.tiles
        energy = np.full((tiles.shape[1] + 1, self._size), np.inf)
        energy[-1, -1] = 0.0
        cycles = energy.copy()
        for place in range(len(slots) - 1, -1, -1):
            slot = slots[place]
            if not slot.spatial and slot.level < slots[-1].level:
                energy, cycles = energy.copy(), cycles.copy()
                for start in range(0, self._size, _BLOCK):
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
        return values if self._size <= _BY_LOOP else values.min(axis=0, keepdims=True)

    def _through(self, place: int, slot: Slot, values: Floats) -> Floats:
        """The values [dimensions + 1, tiles] inside a slot, given those outside it."""
        movable = [d for d, high in enumerate(self._highs[place]) if high > 1]
        if not slot.spatial:
            return self._loops(slot, movable, values)
        fillings = self._fillings[place]
        if fillings is None:
            return self._least_above(values, movable)
        least = np.full_like(values, np.inf)
        for factors in fillings:
            self._lower(least, values, factors)
        return least

    def _loops(self, slot: Slot, movable: Sequence[int], values: Floats) -> Floats:
        outside = values.min(axis=0)
        # In its last pass a loop may have one iteration alone, and another loop is the innermost.
        inside = self._least_above(values, [d for d in movable if d in self._residual])
        above: dict[tuple[int, ...], Floats] = {}
        for d in movable:
            others = tuple(i for i in _outside(slot, d) if i in movable)
            if others not in above:
                above[others] = self._least_above(outside, others)
            for prime in self._grid.primes[d]:
                self._lower(inside[d], above[others], [prime if i == d else 1 for i in range(len(self._highs[0]))])
        return inside

    def _lower(self, least: Floats, values: Floats, factors: Sequence[int]) -> None:
        """Lower values [..., tiles] at each tile to those at the tile times the factors."""
        self._look()
        tiles = self._grid.window(factors).index
        times = int(self._grid.index(np.array([factors]))[0])
        least[..., tiles] = np.minimum(least[..., tiles], values[..., tiles + times])

    def _least_above(self, values: Floats, dims: Sequence[int]) -> Floats:
        """[..., tiles]: at every tile the least value over its multiples along some dimensions."""
        least = values.reshape((*values.shape[:-1], *self._grid.shape))
        for axis in (self._grid.axis(d, prime) for d in dims for prime in self._grid.primes[d]):
            self._look()
            turned = np.flip(least, axis - len(self._grid.shape))
            least = np.flip(np.minimum.accumulate(turned, axis - len(self._grid.shape)), axis - len(self._grid.shape))
        return least.reshape(values.shape)


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
