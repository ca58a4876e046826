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
from dataclasses import dataclass
from math import inf

import numpy as np
import numpy.typing as npt

from flexloop.embedded.mapper.paths.grid import Floats
from flexloop.embedded.mapper.paths.words import Words

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Run:
    """A run of steps.

    Attributes:
        child: the level that takes in what the run brings.
        d: its dimension.
        of_two: whether it has two iterations so far, or more.
    """

    child: int
    d: int
    of_two: bool


class Sliding:
    """The runs of one data space.

    Args:
        words: of the tiles.
        t: the data space.
        shift: how far from a tile in the grid that one stands whose words count, for each tile; how long steps are, and
            which there may still be, depends on the tile itself.
        whole: whether these are the tiles of one child alone, see `Words.whole`.
    """

    def __init__(self, words: Words, t: int, shift: int = 0, *, whole: bool = False) -> None:
        self._grid, self._every = words.grid, words
        self._t, self._shift, self._whole = t, shift, whole
        self.words = self._from((words.whole if whole else words.least)[t])
        self._levels = words.facts.levels
        self._shared, self._relevant = words.shared[t], words.relevant[t]
        dims = words.sliding_dims(t)
        self._other = {d: next(i for i, _ in self._shared[d] if i != d and self._grid.bounds[i] > 1) for d in dims}

    def _from(self, values: Floats) -> Floats:
        """Values of the tiles whose words count; of tiles that no such one belongs to they mean nothing."""
        return values[np.maximum(np.arange(self._grid.size) - self._shift, 0)] if self._shift else values

    def moved(self, shift: int, *, whole: bool) -> Sliding:
        """The same where the words of other tiles count."""
        return (
            self if (shift, whole) == (self._shift, self._whole) else Sliding(self._every, self._t, shift, whole=whole)
        )

    def other(self, d: int) -> int:
        """The dimension that shares a rank with one along which runs are followed."""
        return self._other[d]

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
        capacity = self._levels[level].capacity
        return min(float(self._grid.bounds[d]), (max(capacity, 1.0) - 1.0) / self._coefficient(d) + 1.0)

    def _iterations(self, run: Run, inside: float) -> Floats | float:
        """[size]: iterations of a run, at least: what the child's tile and the fanouts leave."""
        if run.of_two:
            return 2.0
        return np.maximum(self._grid.tiles[:, run.d] / inside, 3.0)

    def _steps(self, d: int, iterations: Floats | float) -> Floats:
        """[size]: what part of a run's words is brought by its steps, at least."""
        spanned = {i: coefficient * self._from(self._grid.tiles[:, i]) for i, coefficient in self._shared[d]}
        extent = 1.0 + sum(spanned[i] - coefficient for i, coefficient in self._shared[d])
        share = np.minimum(spanned[d] / extent, 1.0)
        return np.asarray(share * (1.0 - 1.0 / iterations))

    def _meets_other(self, d: int) -> Mask:
        """[size]: whether steps of the rank's other dimension may yet equal those of a run or cancel against them."""
        other = self._other[d]
        tiles, bounds = self._grid.tiles, self._grid.bounds
        short = self._coefficient(other) * tiles[:, other] <= self._coefficient(d) * bounds[d]
        return np.asarray(short & (tiles[:, other] < bounds[other]))

    def _goes_on(self, run: Run) -> Mask:
        """[size]: whether the same dimension may go on with a run after another loop."""
        return np.asarray(run.of_two & self._has_left(run.d))

    def _has_left(self, d: int) -> Mask:
        """[size]: whether something of a dimension is left for further loops."""
        return np.asarray(self._grid.tiles[:, d] < self._grid.bounds[d])

    def _stays_later(self) -> Mask:
        """[size]: whether some loop outside may leave the tile in place."""
        tiles, bounds = self._grid.tiles, self._grid.bounds
        others = [d for d, bound in enumerate(bounds) if bound > 1 and d not in self._relevant]
        return np.asarray(np.any([tiles[:, d] < bounds[d] for d in others] or np.zeros((1, len(tiles))), axis=0))

    def _cancels_other(self, d: int) -> tuple[Mask, Mask]:
        """[size]: whether a step of the rank's other dimension may cancel against that of a run, or be equal to it."""
        other = self._other[d]
        length = self._coefficient(d) * self._grid.tiles[:, d]
        step = self._coefficient(other) * self._grid.tiles[:, other]
        return (length % step == 0) & (length >= 2 * step), (2 * length % step == 0) & (length >= step)

    def ended(self, run: Run, inside: float, by: int, prime: int) -> Floats:
        """[size]: words that a run brings which the first step of a loop with so many iterations or more ends.

        Args:
            run: the run.
            inside: what the child's tile may span along its dimension, fanouts included, at most.
            by: the dimension of the loop.
            prime: a factor of its iterations.
        """
        d = run.d
        if by in self._relevant and by != self._other[d]:
            return self.words
        steps = self._steps(d, self._iterations(run, inside))
        whole = 1.0 - (1.0 - steps) / prime
        if by == self._other[d]:
            cancels, equals = self._cancels_other(d)
            new = steps + (self._steps(d, inf) - steps) * (1.0 - 1.0 / prime)
            left = np.where(equals, new, np.where(self._meets_other(d), whole, 1.0))
            left = np.where(cancels, steps, left)
        else:
            # Where the dimension goes on its steps are those of the run again.
            again = 1.0 - (1.0 - 2.0 * steps) / prime
            left = np.where(self._meets_other(d), whole, np.where(self._goes_on(run), again, 1.0))
        return self.words * left

    def at_the_end(self, run: Run, inside: float, *, steady: bool) -> Floats:
        """[size]: words that a run brings which reaches the end of its slot, whatever comes outside of it.

        Args:
            run: the run.
            inside: see `ended`.
            steady: whether the rank's other dimension has no fanout outside, so that its steps are known.
        """
        steps = self._steps(run.d, self._iterations(run, inside))
        longest = self._grid.whole_along(self.words, run.d)
        meets = self._meets_other(run.d)
        part = steps
        if steady:
            cancels, _ = self._cancels_other(run.d)
            half = steps + (self._steps(run.d, inf) - steps) / 2
            part = np.where(cancels | self._has_left(run.d), steps, half)
        words = np.where(meets, part * longest, longest)
        # Half of the steps outside of it, at least, bring whole tiles then, and the others what one of its own does.
        again = np.where(meets, 0.5 + steps / 2, 0.5 + steps)
        again = np.where(self._goes_on(run) & (meets | self._stays_later()), self.words * again, inf)
        return np.minimum(words, again)

    def kept(
        self, words: Floats, run: Run, inside: float, by: int, prime: int, passing: float, *, goes_on: bool
    ) -> Floats:
        """[size]: words of a run, at least, none of whose steps neighbours serve.

        Nor do they serve a loop that leads back over them. What further loops along the rank bring they may pass on.

        Args:
            words: what the run brings, at least.
            run, inside, by, prime: see `ended`; by -1 the end of the slot.
            passing: how many children may pass on to each other what other loops bring.
            goes_on: whether, where its dimension goes on, its steps are as long as those of the run.
        """
        if by in self._relevant and by not in self._shared:
            return words
        d, other = run.d, self._other[run.d]
        steps, left = self._steps(d, self._iterations(run, inside)), self._has_left(d) | self._has_left(other)
        if by < 0:
            known = np.where(self._goes_on(run) & goes_on, 0.5 + steps / 2, steps)
            known = np.where(self._has_left(other), steps, known)
            return np.where(left, np.minimum(words, known * self.words), words)
        known = steps if by == other else steps + (1.0 - steps) * (1.0 - 1.0 / prime)
        return np.where(left, words - self.words * (1.0 - known) * (1.0 - 1.0 / passing), words)

    def at_once(self, d: int, prime: int) -> Floats:
        """[size]: words that the loop brings which moves the tile first, where its run is not followed.

        Args:
            d: the dimension of the loop.
            prime: a factor of its iterations.
        """
        if d not in self._shared:
            return self.words
        moves = self._grid.tiles[:, d] < self._grid.bounds[d]
        if d not in self._other:
            # Steps along the rank's other dimensions may cost nothing, and the loop have two iterations.
            return self.words * np.where(moves, self._steps(d, 2.0), 1.0)
        step = self._steps(d, inf)  # what every iteration brings but the first one
        again = self._grid.tiles[:, d] * prime < self._grid.bounds[d]
        least = np.where(again & (prime == 2), np.minimum(step, 0.25 + step / 2), step)
        return self.words * np.where(moves, np.where(self._meets_other(d), step * (1.0 - 1.0 / prime), least), 1.0)

    def mates(self, by: int, run: Run) -> list[int]:
        """The dimensions whose fanouts may hide the step of a loop that ends a run, so that neighbours serve it.

        Elsewhere it leads further than any child stands from another.
        """
        if by >= 0:
            return [d for d, _ in self._shared.get(by, ()) if d != by]
        return sorted(d for d in self._shared if d not in (run.d, self._other[run.d]))

    def new(self, run: Run | None, inside: float, first: int, by: int, prime: int, *, apart: bool) -> Floats:
        """[size]: words of a run that no child had a step before: neighbours have none of them to pass on.

        The tiles of all children leave no gaps. So each step of a run brings a step's length of new words, and a loop
        that ends it, by the way back, as much of the first tile, or all of it where it leads apart (see `mates`). What
        lies outside of that loop may bring nothing. Arguments are those of `kind`.
        """
        if run is None:
            return self.words * self._steps(first, float(prime))
        steps = self._steps(run.d, self._iterations(run, inside))
        back = np.minimum(steps, 1.0 - steps)
        if by >= 0:
            if by == self._other[run.d]:
                return self.words * steps
            return self.words * (
                steps + (1.0 - 1.0 / prime) * (1.0 - steps if apart and by in self._relevant else back)
            )
        ended = steps + (np.where(self._stays_later(), back, 1.0 - steps) if apart else back) / 2
        ended = np.minimum(ended, self._steps(run.d, inf))
        return self.words * np.where(self._meets_other(run.d), steps, ended)
