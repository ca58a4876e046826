"""The mappings that a least path stands for."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf, prod

import numpy as np

from flexloop.embedded.mapper.choices import Choices
from flexloop.embedded.mapper.fillings import Filling, arrangements
from flexloop.embedded.mapper.paths.conditions import END, FREE, SETTLED, Stage
from flexloop.embedded.mapper.paths.grid import Floats
from flexloop.embedded.mapper.paths.keeping import KEPT, OPEN, Keeping
from flexloop.embedded.mapper.paths.kernels import FIRST_MOVE, OUTSIDE
from flexloop.embedded.mapper.paths.programme import Programme
from flexloop.embedded.mapper.slots import Genomes, picked

_PLACEMENTS = 64
"""Ways to place the loops of fanouts that are tried, at most."""


class Walk:
    """Goes along a least path of a programme whose stages are kept.

    Args:
        choices: the mapspace's slots.
        keeping: what is kept, bypassed, open.
        filling: the factors of the fanouts, by slot.
        programme: the programme.
    """

    def __init__(self, choices: Choices, keeping: Keeping, filling: Filling, programme: Programme) -> None:
        self._choices, self._filling, self._programme = choices, filling, programme
        grid = programme.window.grid
        self._bounds, self._moves = grid.bounds, programme.window.axes.tolist()
        self._tile, self._row = 0, 0
        self._axes = {grid.axis(d, prime): (d, prime) for d, primes in enumerate(grid.primes) for prime in primes}
        self._loops: list[dict[int, int]] = [{} for _ in choices.slots]
        self._shared = frozenset(d for shared in programme.words.shared for d in shared)
        self._keep, self._open = keeping == KEPT, keeping == OPEN

    def genomes(self) -> Genomes | None:
        """The mappings; None where there is no path, or its loops break a limit or fit no fanout.

        A path knows which tiles there may be outside of a slot, not which factors there may be in it. Nor does it know
        where the loops of a fanout lie, which decides what neighbours pass on: there is one for each of these ways.
        """
        programme = self._programme
        if programme.least == inf:
            return None
        self._row = int((programme.start + programme.values[0][:, 0]).argmin())
        for place, slot in enumerate(self._choices.slots):
            if slot.spatial:
                self._loops[place] = dict(enumerate(self._filling[place]))
                continue
            keeps, stages = programme.steps.keeps[place], programme.steps.stages[place]
            values = programme.within[place]
            for number in range(len(stages) - 1, -1, -1):
                self._through(stages[number], values[number], values[number + 1])
            for t, condition in enumerate(keeps.rows[self._row]):
                self._keep[slot.level, t] |= self._open[slot.level, t] and condition == (SETTLED, slot.level)
            self._row = int(keeps.after[self._row])
        return self._mappings()

    def _through(self, stage: Stage, outside: Floats, inside: Floats) -> None:
        """Go through some loops, and note them.

        At each tile the step is taken whose values differ least from the value there: by rounding alone.
        """
        costs = self._programme.costs(stage)
        while True:
            energy = inside[self._row, self._tile]
            ways = [(abs(outside[row, self._tile] - energy), END, row) for row in self._same(stage)]
            for axis, row, charges, at in self._steps(stage):
                source = outside if axis == END else inside
                ways.append((abs(source[row, at] + costs[charges, self._tile].sum() - energy), axis, row))
            _, axis, self._row = min(ways, key=lambda way: way[0])
            if axis == END:
                return
            d, prime = self._axes[axis]
            self._tile += self._moves[axis][0]
            loops = self._loops[stage.slot]
            loops[d] = loops.get(d, 1) * prime

    def _same(self, stage: Stage) -> list[int]:
        row = int(stage.table[self._row, OUTSIDE])
        return [row] if row >= 0 else []

    def _steps(self, stage: Stage) -> Iterator[tuple[int, int, list[int], int]]:
        """The steps that may be taken: axis, row after it, charges, and the tile that it leads to."""
        first, last = stage.table[self._row : self._row + 2, FIRST_MOVE].tolist()
        for axis, after, *charges in stage.moves[first:last].tolist():
            at = self._tile
            if axis != END:
                stride, shape = self._moves[axis]
                if at // stride % shape == shape - 1:
                    continue
                at += stride
            yield axis, self._row if after == FREE else after, [c for c in charges if c >= 0], at

    def _mappings(self) -> Genomes | None:
        dims = range(len(self._bounds))
        factors = np.array([[loops.get(d, 1) for d in dims] for loops in self._loops], dtype=np.int64)
        low, high = self._choices.limits
        if (factors < low).any() or (factors > high).any():
            return None
        options = []
        for slot, loops, row in zip(self._choices.slots, self._loops, factors.tolist(), strict=True):
            if slot.spatial:
                moving = tuple((d, factor) for d, factor in enumerate(row) if factor > 1)
                options.append(arrangements(slot, moving, all_orders=any(d in self._shared for d, _ in moving)))
                continue
            inner = [d for d in loops if d in slot.middle]
            order = (*slot.prefix, *inner, *(d for d in slot.middle if d not in inner), *slot.suffix)
            options.append((np.array([order], dtype=np.int64), np.zeros(1, dtype=np.int64)))
        sizes = [len(splits) for _, splits in options]
        count = prod(sizes)
        if not count:
            return None
        numbers = np.arange(0, count, -(-count // _PLACEMENTS))
        orders, splits = picked(options, np.unravel_index(numbers, sizes))
        n = len(splits)
        return Genomes(np.repeat(factors[None], n, axis=0), orders, splits, np.repeat(self._keep[None], n, axis=0))
