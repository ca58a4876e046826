"""Kinds of words that steps bring, each worked out once for all tiles of a grid, or for some."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np

from flexloop.embedded.mapper.paths.conditions import END, Charge
from flexloop.embedded.mapper.paths.grid import Floats, Ints
from flexloop.embedded.mapper.paths.handed import Handed
from flexloop.embedded.mapper.paths.keeping import Crossing
from flexloop.embedded.mapper.paths.neighbours import Served
from flexloop.embedded.mapper.paths.runs import NOT_APART, Apart
from flexloop.embedded.mapper.paths.words import Words

_FEW = 4
"""How many times the tiles of interest a grid has at least for words to be worked out at those alone."""
_NEAR = 4
"""Banks of some tiles that are kept: the fanouts of one mapping stand between so many."""
_HELD = 1 << 21
"""Words that are kept for further ways to fill the fanouts."""
_ASKED = 4096
"""Stages, in some ways to fill the fanouts each, whose kinds of words are kept."""


@dataclass(frozen=True)
class Passing:
    """What neighbours may pass on.

    Attributes:
        most: how many children may pass on to each other what the loop brings that moves their tiles first.
        around: how many may do so with what loops further out bring; 1: nothing is passed on.
        is_dense: whether all children together leave no gaps.
        single: the dimensions of shared ranks that children are not spread along.
        whole: what the fanouts outside of these hand on whole.
        served: the steps that may be, where that is known.
    """

    most: float = 1.0
    around: float = 1.0
    is_dense: bool = False
    single: frozenset[int] = frozenset()
    whole: Apart = NOT_APART
    served: Served | None = None


@dataclass(frozen=True)
class Given:
    """What fanouts and neighbours do with a data space's words.

    Attributes:
        number: tells it from all others.
        sliding: the tiles whose words count.
        passing: what neighbours may pass on.
        together: the tiles of all children together, where these leave no gaps.
    """

    number: int
    sliding: Handed
    passing: Passing
    together: Handed | None


class Bank:
    """Kinds of words at all tiles of a grid, or at some.

    Args:
        words: of the tiles.
        at: [tiles] where those stand in the grid that are of interest; None: all are.
    """

    def __init__(self, words: Words, at: Ints | None = None) -> None:
        self.grid, self._every = words.grid, words
        self._at = words.grid.everywhere if at is None else at
        self._size = len(self._at)
        self._near: dict[bytes, Bank] = {}
        self._moved = words.shared
        self._sliding = [Handed(words, t, at=at) for t in range(len(words.facts.tensors))]
        every = range(len(words.facts.tensors))
        self.overlapping = sorted({d for t in every for d in (*words.shared[t], *words.spaced[t])})
        """The dimensions along which tiles of some data space overlap or leave gaps."""
        self._given: dict[Hashable, Given] = {}
        self._kinds: dict[Hashable, int] = {}
        self.rows = np.empty((0, self._size))
        """[kinds, tiles]: words, and more rows than there are kinds."""
        self.asked: dict[Hashable, Ints] = {}
        """The kinds of a stage's parts, by what they depend on."""

    def tidy(self) -> None:
        """Forget what is held, where that is much."""
        if len(self.asked) > _ASKED:
            self.asked.clear()
        if self.rows.size > _HELD:
            self.asked.clear()
            self._given.clear()
            self._kinds.clear()
            self.rows = np.empty((0, self._size))

    def near(self, places: Ints, kinds: int) -> tuple[Bank, Ints]:
        """A bank of some tiles, given where they stand, and where they do in the bank.

        It is this one unless they are few and so many kinds of words too much to be kept for other tiles.
        """
        if _FEW * len(places) > self._size or kinds * self._size < _HELD // 2:
            return self, places
        if (key := places.tobytes()) not in self._near:
            if len(self._near) == _NEAR:
                self._near.clear()
            self._near[key] = Bank(self._every, places)
        return self._near[key], np.arange(len(places))

    def longest(self, t: int, level: int, d: int) -> float:
        """The most that a data space's tile which fits a level may span along a dimension of a shared rank."""
        return self._sliding[t].longest(level, d)

    def words_of(self, charge: Charge, crossing: Crossing) -> Hashable:
        """What the words that cross a boundary depend on, of a charge of one level."""
        if charge.run is None and charge.first not in self._moved[charge.t]:
            return charge.t, crossing
        return charge.t, crossing, charge.run, charge.first, charge.by, charge.prime

    def given(self, t: int, passing: Passing, whole: Apart, *, alone: bool) -> Given:
        """What fanouts and neighbours do with words.

        Args:
            t: the data space.
            passing: what neighbours may pass on.
            whole: what all fanouts hand on whole.
            alone: whether fanouts are filled in one way.
        """
        key = t, passing, whole, alone
        if key not in self._given:
            together = self._sliding[t].moved(passing.whole, whole=False) if passing.is_dense else None
            sliding = self._sliding[t].moved(whole, whole=alone)
            self._given[key] = Given(len(self._given), sliding, passing, together)
        return self._given[key]

    def kind(self, charge: Charge, inside: float, given: Given) -> int:
        """The row of the words that the innermost of a charge's boundaries brings.

        Args:
            charge: the charge.
            inside: see `Sliding.ended`.
            given: what fanouts and neighbours do.
        """
        charged = charge.run, inside, charge.first, charge.by, charge.prime
        sliding = given.sliding
        told = sliding.kind(*charged) if given.passing.around == 1.0 else sliding.passed_kind(*charged)
        key = given.number, told
        if key not in self._kinds:
            self._kinds[key] = self._put(self._words(charge, inside, given))
        return self._kinds[key]

    def _words(self, charge: Charge, inside: float, given: Given) -> Floats:
        sliding, passing, run = given.sliding, given.passing, charge.run
        d = charge.first if run is None else run.d
        if run is None:
            part = sliding.at_once(d, charge.prime)
        elif charge.by == END:
            part = sliding.at_the_end(run, inside)
        else:
            part = sliding.ended(run, inside, charge.by, charge.prime)
        if passing.around == 1.0:
            return sliding.brought(d, part, at_once=run is None)
        if run is None:
            part = sliding.at_once(d, charge.prime, may_serve=True) / passing.most
            least = sliding.brought(d, part, at_once=True)
        else:
            least = self._passed_on(charge, sliding, inside, passing, part)
        if given.together is not None:
            is_apart = run is not None and passing.single.issuperset(sliding.mates(charge.by, run))
            new = given.together.new(run, inside, charge.first, charge.by, charge.prime, apart=is_apart)
            least = np.maximum(least, new)
        return least

    def _passed_on(
        self, charge: Charge, sliding: Handed, inside: float, passing: Passing, part: Floats | float
    ) -> Floats:
        """[tiles]: words that a run brings which neighbours do not pass on."""
        run, most, around = charge.run, np.array(passing.most), np.array(passing.around)
        assert run is not None
        along = np.ones(len(sliding.tiles(run.d)), dtype=np.bool_)
        if (served := passing.served) is not None:
            after, within, along = sliding.may_serve(run, inside, charge.by, charge.prime, served.beside)
            divided = served.divided(sliding.tiles(run.d))
            most = np.where(within, most, np.minimum(divided, most))
            around = np.where(after, around, 1.0)
        brought = sliding.shared_out(run, inside, part, most, around)
        if np.all(around == 1.0):
            return sliding.brought(run.d, brought)
        by_parent = sliding.by_parent(run, charge.by, charge.prime, passing.single, along)
        more = sliding.shared_out(run, inside, part, most, np.array(1.0)) - brought
        return sliding.brought(run.d, brought) + by_parent * sliding.brought(run.d, more)

    def _put(self, words: Floats) -> int:
        number = len(self._kinds)
        if number == len(self.rows):
            grown = np.empty((2 * number + 8, self._size))
            grown[:number] = self.rows
            self.rows = grown
        self.rows[number] = words
        return number
