"""Tiles that overlap: what a run of steps along a rank that two dimensions share brings into a child, at least.

Where the innermost loop that moves a tile runs along such a rank, each of its steps brings only the words that the
step before did not hold: the whole run brings what one tile would that spans it. Timeloop goes on so after a later loop
as well if its step, less one step of every loop inside, equals that of the first loop, and brings nothing at all where
the steps cancel. That may happen

* with the other dimension of the rank, as long as nothing moves the tile in another rank in between, unless its steps
  are longer than all of the first dimension together;
* with the first dimension again, where the run has just two iterations.

In such a case a charge for every iteration outside of the run would be too much. What is left of it are the steps of
the run itself, which are the larger a part of it the longer the run is, and whole tiles for the loop that ends it.
"""

from __future__ import annotations

from collections.abc import Hashable
from math import inf
from typing import Self, TypeVar

import numpy as np
import numpy.typing as npt

from flexloop.embedded.mapper.paths.grid import Floats, Ints
from flexloop.embedded.mapper.paths.meetings import Along, Beside, after_first, after_run
from flexloop.embedded.mapper.paths.runs import NOT_APART, Apart, Run
from flexloop.embedded.mapper.paths.words import Words

Mask = npt.NDArray[np.bool_]
_Kind = TypeVar("_Kind", bound=np.generic)


_HELD = 1 << 20
"""Words of other tiles that are kept."""


class Sliding:
    """The runs of one data space.

    Args:
        words: of the tiles.
        t: the data space.
        apart: how far from a tile in the grid that one stands whose words count, for each tile; how long steps are, and
            which there may still be, depends on the tile itself.
        whole: whether these are the tiles of one child alone, see `Words.whole`.
        at: [tiles] where those stand in the grid that are of interest; None: all are.
    """

    def __init__(
        self, words: Words, t: int, apart: Apart = NOT_APART, *, whole: bool = False, at: Ints | None = None
    ) -> None:
        self._grid, self._every = words.grid, words
        self._t, self._apart, self._whole = t, apart, whole
        self._at = words.grid.everywhere if at is None else at
        self._others: dict[tuple[Apart, bool], Self] = {}
        self.words: Floats = self._words_at(self._at)
        self._step, self._run_steps = dict[int, Floats](), dict[tuple[int, bool, float], Floats]()
        self._levels = words.facts.levels
        self._shared, self._relevant = words.shared[t], words.relevant[t]
        dims = words.sliding_dims(t)
        self._other = {d: next(i for i, _ in self._shared[d] if i != d and self._grid.bounds[i] > 1) for d in dims}

    def _words_at(self, places: Ints) -> Floats:
        words: Floats = self._every.closer(self._t, self._apart.closer)[self._whole][self._whole_of(places)]
        return words

    def _whole_of(self, places: Ints) -> Ints:
        """Where the tiles stand whose words count, of tiles at some places; without any it means nothing."""
        return np.maximum(places - self._apart.shift, 0)

    def moved(self, apart: Apart, *, whole: bool) -> Self:
        """The same where the words of other tiles count."""
        if (key := (apart, whole)) == (self._apart, self._whole):
            return self
        if key not in self._others:
            if len(self._others) * len(self._at) > _HELD:
                self._others.clear()
            self._others[key] = self._of(apart, whole=whole)
        return self._others[key]

    def _of(self, apart: Apart, *, whole: bool) -> Self:
        return type(self)(self._every, self._t, apart, whole=whole, at=self._at)

    def brought(self, d: int, share: Floats | float, *, at_once: bool = False) -> Floats:
        """[tiles] from [places]: words where so much of them is brought in a run along a dimension.

        ``at_once``: by the loop that moves the tiles first, each iteration of which brings the tile of a child.
        """
        words = self.words
        if at_once and self._apart.is_one and self._whole:
            words = self._every.alone[self._t][self._whole_of(self._at)]
        return np.asarray(words * (share if isinstance(share, float) else self._for_all(d, share)))

    def kind(self, run: Run | None, inside: float, first: int, by: int, prime: int) -> tuple[Hashable, ...]:
        """What tells words apart that steps bring."""
        if run is None:
            return (first, prime) if first in self._shared else ()
        if by in self._relevant and by != self._other[run.d]:
            return ()
        return run, inside, by if by < 0 else by == self._other[run.d], prime

    def _coefficient(self, d: int) -> int:
        return next(coefficient for i, coefficient in self._shared[d] if i == d)

    def longest(self, level: int, d: int) -> float:
        """The most that a tile which fits a level may span along a dimension of a shared rank."""
        return min(float(self._grid.bounds[d]), self._levels[level].longest(self._coefficient(d)))

    def _places(self, d: int) -> Ints:
        """Where one tile stands for each pair of extents along the dimensions of a rank of two; else where all do."""
        return self._grid.pairs(d, self._other[d])[0] if d in self._other else self._at

    def tiles(self, d: int) -> Floats:
        """[places, dimensions]: the tiles for which shares of words are given along a dimension."""
        return self._grid.tiles[self._places(d)]

    def _for_all(self, d: int, values: npt.NDArray[_Kind]) -> npt.NDArray[_Kind]:
        """[tiles] of [places]: values of all tiles."""
        return values[self._grid.pairs(d, self._other[d])[1][self._at]] if d in self._other else values

    def _iterations(self, run: Run, inside: float) -> Floats | float:
        """[places]: iterations of a run, at least: what the child's tile and the fanouts leave."""
        if run.of_two:
            return 2.0
        return np.asarray(np.maximum(self._grid.tiles[self._places(run.d), run.d] / inside, 3.0))

    def _steps_of(self, run: Run, inside: float) -> Floats:
        """[places]: the same of a run, see `ended`."""
        key = run.d, run.of_two, inside
        if key not in self._run_steps:
            self._run_steps[key] = self._steps(run.d, self._iterations(run, inside))
        return self._run_steps[key]

    def _step_of(self, d: int) -> Floats:
        """[places]: the part of a run's words that a step is."""
        if d not in self._step:
            self._step[d] = self._steps(d, inf)
        return self._step[d]

    def _steps(self, d: int, iterations: Floats | float) -> Floats:
        """[places]: what part of a run's words is brought by its steps, at least."""
        tiles = self._grid.tiles[self._whole_of(self._places(d))]
        spanned = {i: coefficient * tiles[:, i] for i, coefficient in self._shared[d]}
        extent = 1.0 + sum(spanned[i] - coefficient for i, coefficient in self._shared[d])
        share = np.minimum(spanned[d] / extent, 1.0)
        return np.asarray(share * (1.0 - 1.0 / iterations))

    def _along(self, d: int) -> Along:
        return Along(self._grid.bounds[d], self._coefficient(d))

    def _meetings(self, run: Run, inside: float, by: int, prime: int, beside: Beside | None = None) -> list[Mask]:
        """[places] each: see `Meetings`."""
        own, other = self._along(run.d), self._along(self._other[run.d])
        prime = prime if by == self._other[run.d] else 0
        found = after_run(own, other, inside, prime, run.loops, beside, of_two=run.of_two)
        return [mask.ravel() for mask in found]

    def _left(self, d: int, rank: int) -> Floats:
        """[places] of a rank, given by a dimension: how many iterations and instances of another one of it are left."""
        return np.asarray(self._grid.bounds[d] / self._grid.tiles[self._places(rank), d])

    def ended(self, run: Run, inside: float, by: int, prime: int) -> Floats | float:
        """[places]: what part of its words a run brings which a loop with so many iterations or more ends.

        Of the first tile of the run, what that loop and those outside of it bring is whole tiles, but where `Meetings`
        says that it may be nothing, or a step. That ends where a loop of another rank comes next: of the runs along all
        that is left of the two dimensions one at least begins with a first tile.

        Args:
            run: the run.
            inside: what the child's tile may span along its dimension, fanouts included, at most; of a run of two
                iterations what fanouts may.
            by: the dimension of the loop.
            prime: a factor of its iterations.
        """
        d = run.d
        if by in self._relevant and by != self._other[d]:
            return 1.0
        steps, share = self._steps_of(run, inside), self._step_of(d)
        nothing, step, later_nothing, later_step, again, *_ = self._meetings(run, inside, by, prime)
        # Of the words of a run of n iterations share / n is a step, and 1 - share * (1 - 1 / n) the first tile.
        left = np.where(later_step | again, 1.0 - (1.0 - share) / prime, 1.0)
        left = np.where(later_nothing, 1.0 - (1.0 - steps) / prime, left)
        one = np.where(later_nothing, steps + (share - steps) * (1.0 - 1.0 / prime), share)
        left = np.where(step, np.minimum(left, one), left)
        along = np.where(later_nothing, self._left(d, d), 1.0) * self._left(self._other[d], d)
        first = (np.where(later_step | again, share, 1.0) - steps) / along
        return np.where(nothing, steps + first, left)

    def at_the_end(self, run: Run, inside: float) -> Floats:
        """[places]: what part of its words a run brings which reaches the end of its slot.

        Args:
            run: the run.
            inside: see `ended`.
        """
        steps, share = self._steps_of(run, inside), self._step_of(run.d)
        _, _, nothing, step, again, *_ = self._meetings(run, inside, -1, 0)
        first = (np.where(step | again, share, 1.0) - steps) / (
            self._left(run.d, run.d) * self._left(self._other[run.d], run.d)
        )
        part = np.where(nothing, steps + first, np.where(step, share, 1.0))
        if (goes_on := again & ~nothing & ~step).any():
            # Where steps go on along its own dimension alone, least is brought if the run goes on to the end of that.
            every, places = self._words_at(self._grid.everywhere), self._places(run.d)
            part = np.where(goes_on, self._grid.whole_along(every, run.d)[places] / every[places], part)
        return part

    def at_once(self, d: int, prime: int, *, may_serve: bool = False) -> Floats | float:
        """[places]: what part of its words the loop brings which moves the tile first, where its run is not followed.

        Args:
            d: the dimension of the loop.
            prime: a factor of its iterations.
            may_serve: whether neighbours may serve further loops along the rank's other dimension.
        """
        if d not in self._shared:
            return 1.0
        left = self._left(d, d)
        if d not in self._other or not self._every.shares.are_whole:
            # Steps along the rank's other dimensions may cost nothing.
            return np.where(left > 1.0, self._steps(d, float(prime)), 1.0)
        step = self._step_of(d)  # what every iteration brings but the first one
        nothing, same = after_first(self._along(d), self._along(self._other[d]), prime)
        meets = nothing.ravel() | (may_serve & (self._left(self._other[d], d) > 1.0))
        # Along the dimension itself steps go on at best to its end; loops of others bring whole tiles.
        least = step + np.where(same.ravel(), 0.0, (1.0 - step) / left)
        return np.where(left > 1.0, np.where(meets, step * (1.0 - 1.0 / prime), least), 1.0)
