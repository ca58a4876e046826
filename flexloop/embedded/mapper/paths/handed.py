"""What parents hand out where neighbours pass on some of what a run brings, and loops outside of it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from flexloop.embedded.mapper.paths.grid import Floats, Ints
from flexloop.embedded.mapper.paths.meetings import Beside
from flexloop.embedded.mapper.paths.runs import NOT_APART, Apart, Run
from flexloop.embedded.mapper.paths.sliding import Mask, Sliding
from flexloop.embedded.mapper.paths.words import Words


class Handed(Sliding):
    """The runs of one data space whose words neighbours may pass on; arguments as of `Sliding`."""

    def __init__(
        self, words: Words, t: int, apart: Apart = NOT_APART, *, whole: bool = False, at: Ints | None = None
    ) -> None:
        super().__init__(words, t, apart, whole=whole, at=at)
        self._left_inside = dict[tuple[int, frozenset[int]], tuple[Floats, Floats]]()

    def _of(self, apart: Apart, *, whole: bool) -> Handed:
        moved = super()._of(apart, whole=whole)
        moved._left_inside = self._left_inside  # which is the same whatever words count
        return moved

    def passed_kind(self, run: Run | None, inside: float, first: int, by: int, prime: int) -> tuple[Hashable, ...]:
        """The same where neighbours may pass words on: that depends on the run whatever ends it."""
        if run is None:
            return first, prime
        ends = by if by < 0 or by in self._shared else by in self._relevant
        return run, inside, ends, prime

    def shared_out(
        self, run: Run, inside: float, brought: Floats | float, steps: Floats | float, others: Floats | float
    ) -> Floats:
        """[places]: what part of its words a run brings, at least, of which neighbours may serve some.

        Args:
            run, inside: see `ended`.
            brought: [places] what the run brings, at least.
            steps: [places] by how much neighbours may divide what the steps of the run itself bring.
            others: [places] by how much they may divide the rest.
        """
        ends = [np.minimum(self._steps_of(run, most), brought) for most in (inside, 1.0)]
        return np.minimum(*(own / steps + (brought - own) / others for own in ends))

    def may_serve(self, run: Run, inside: float, by: int, prime: int, beside: Beside) -> tuple[Mask, Mask, Mask]:
        """[places] each: what neighbours may serve.

        That is what comes after a run, loops of the run but the innermost, and of the former those along its rank. See
        `ended` for the arguments; by -1 the end of the slot.
        """
        *_, after, within, along = self._meetings(run, inside, by, prime, beside)
        return after, within, along

    def mates(self, by: int, run: Run) -> list[int]:
        """The dimensions whose fanouts may hide the step of a loop that ends a run, so that neighbours serve it.

        Elsewhere it leads further than any child stands from another.
        """
        if by >= 0:
            return self._mates(by)
        return sorted(d for d in self._shared if d not in (run.d, self._other[run.d]))

    def _mates(self, d: int) -> list[int]:
        """The other dimensions of a rank."""
        return [i for i, _ in self._shared.get(d, ()) if i != d and self._grid.bounds[i] > 1]

    def by_parent(self, run: Run, by: int, prime: int, single: frozenset[int], along: Mask) -> Floats:
        """[tiles]: of what loops outside of a run bring, the share at least that no neighbour serves.

        The first loop outside of all children that moves a tile in another rank leads further than any of them stands
        from another, if these are spread along no other dimension of that rank. So does every loop outside of it, if no
        loop along such a dimension is left. What is brought by loops inside of it alone may be served.

        Args:
            run: the run.
            by: the dimension of the loop that ends it, or -1.
            prime: a factor of that loop's iterations.
            single: the dimensions of shared ranks that children are not spread along.
            along: [places] whether neighbours may serve loops along the run's rank.
        """
        own, others = self._inside(run.d, single)
        inside = np.where(self._for_all(run.d, along), own, 1.0) * others
        if by in (-1, run.d, self._other[run.d]) or by not in self._relevant or not single.issuperset(self._mates(by)):
            return 1.0 / inside
        return np.maximum(np.where(self._have_all(self._mates(by)), 1.0, 1.0 - 1.0 / prime), 1.0 / inside)

    def _inside(self, d: int, single: frozenset[int]) -> tuple[Floats, Floats]:
        """[tiles] each: iterations and instances left of the loops that may be inside of one which leads away.

        Those are loops along the rank of a run, and others; see `by_parent`.
        """
        key = d, single
        if key not in self._left_inside:
            tiles, bounds = self._grid.tiles[self._at], self._grid.bounds
            own, others = np.ones(len(tiles)), np.ones(len(tiles))
            for i, bound in enumerate(bounds):
                left = bound / tiles[:, i]
                if i in (d, self._other[d]):
                    own *= left
                elif i in self._relevant and single.issuperset(self._mates(i)):
                    others *= np.where(self._have_all(self._mates(i)), 1.0, left)
                else:
                    others *= left
            self._left_inside[key] = own, others
        return self._left_inside[key]

    def _have_all(self, dims: Sequence[int]) -> Mask:
        """[tiles]: whether no loops along some dimensions are left."""
        found: Mask = (self._grid.tiles[self._at][:, dims] == np.array(self._grid.bounds)[dims]).all(axis=1)
        return found

    def new(self, run: Run | None, inside: float, first: int, by: int, prime: int, *, apart: bool) -> Floats:
        """[tiles]: words of a run that no child had a step before: neighbours have none of them to pass on.

        The tiles of all children leave no gaps. So each step of a run brings a step's length of new words, and a loop
        that ends it, by the way back, as much of the first tile, or all of it where it leads apart (see `mates`). What
        lies outside of that loop may bring nothing. Arguments are those of `kind`.
        """
        d = first if run is None else run.d
        if run is None:
            return self.words * self._for_all(d, self._steps(d, float(prime)))
        steps = self._steps_of(run, inside)
        back = np.minimum(steps, 1.0 - steps)
        if by == self._other[d]:
            return self.words * self._for_all(d, steps)
        if by >= 0:
            if by in self._relevant and by not in self._shared:
                return self.words  # nothing else moves the tile in its rank: nothing outside leads to where it began
            rest = 1.0 - steps if apart and by in self._relevant else back
            return self.words * self._for_all(d, steps + (1.0 - 1.0 / prime) * rest)
        most, meets = self._step_of(d), self._meets_other(d)
        ended, whole = (np.where(meets, steps, np.minimum(steps + n / 2, most)) for n in (back, 1.0 - steps))
        brought = self._for_all(d, ended)
        if apart:
            brought = np.where(self._stays_later(), brought, self._for_all(d, whole))
        return np.asarray(self.words * brought)

    def _meets_other(self, d: int) -> Mask:
        """[places]: whether steps of the rank's other dimension may yet equal those of a run or cancel against them."""
        other = self._other[d]
        tiles, bounds = self._grid.tiles[self._places(d)], self._grid.bounds
        short = self._coefficient(other) * tiles[:, other] <= self._coefficient(d) * bounds[d]
        return np.asarray(short & (tiles[:, other] < bounds[other]))

    def _stays_later(self) -> Mask:
        """[tiles]: whether some loop outside may leave the tile in place."""
        tiles, bounds = self._grid.tiles[self._at], self._grid.bounds
        others = [d for d, bound in enumerate(bounds) if bound > 1 and d not in self._relevant]
        return np.asarray(np.any([tiles[:, d] < bounds[d] for d in others] or np.zeros((1, len(tiles))), axis=0))
