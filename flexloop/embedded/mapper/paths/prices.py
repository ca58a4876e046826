"""What the words of a data space cost at the levels that hand them on, as lower bounds.

A boundary lies between a level that keeps a data space (the child) and the next one outside that does. All children
together receive ``words`` / (iterations for which the tile stays), ``words`` being the size of the tile that is spanned
where the first loop moves it, times the iterations and instances left outside: a tile that stays through whole slots
may be charged as if it stood further out. Fanouts in between repeat what children receive by their factors of
dimensions that the data space does not have, and do not repeat what the parent gives.

A price consists of parts, one for each level and kind of access: [parts, 3, ways] with

* rows of an instance for each word of all children (rows of several words are paid for as a whole, by each instance);
* rows that an instance saves by first visits of partial sums, and by rounding, at most;
* the energy of a row in all instances in use (pJ).

In place of energy it may be cycles that count: those that an instance of one level needs for its words.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from math import prod

import numpy as np
import numpy.typing as npt

from flexloop.embedded.mapper.facts import SHARED, Resource
from flexloop.embedded.mapper.fillings import Fillings
from flexloop.embedded.mapper.paths.grid import Floats, Ints
from flexloop.embedded.mapper.paths.keeping import KEPT, NOWHERE, OPEN, Crossing, Keeping
from flexloop.embedded.mapper.paths.rows import Price, cost_of
from flexloop.embedded.mapper.paths.words import Words
from flexloop.embedded.mapper.relaxed import Access, handed_out, taken_in
from flexloop.integers import least_factors


class Prices:
    """The prices of one mapspace for many ways to fill its fanouts.

    Args:
        words: of the tiles.
        keeping: [levels, data spaces], see `keeping`.
        fillings: the ways.
        inside: for each level and dimension what the loops up to the level's own may span, fanouts left out.
        resource: whose cycles are the price; None: energy is.

    Attributes:
        computing: [ways] the price of all MACs.
    """

    def __init__(
        self,
        words: Words,
        keeping: Keeping,
        fillings: Fillings,
        inside: Sequence[Sequence[float]],
        resource: Resource | None = None,
    ) -> None:
        self._resource, self._keeping, self.inside = resource, keeping, inside
        self.words, self.facts, self.fillings = words, words.facts, fillings
        self._bounds = words.grid.bounds
        self.macs = float(prod(self._bounds))
        self._fanouts = fillings.by_level
        self._ones, self._every = np.ones(len(fillings)), range(len(self._bounds))
        self.always = [[int(p) for p in np.flatnonzero(keeping[:, t] == KEPT)] for t in range(keeping.shape[1])]
        self._open = [[int(p) for p in np.flatnonzero(keeping[:, t] == OPEN)] for t in range(keeping.shape[1])]
        self._products: dict[tuple[int, int, tuple[int, ...]], Floats] = {}
        self._memory: dict[tuple[int, ...], tuple[Price, list[Crossing], Floats]] = {}
        self._apart: dict[tuple[int, ...], Ints] = {}
        self._paired: dict[tuple[int, int], npt.NDArray[np.bool_]] = {}
        self._shared: dict[tuple[int, int], Floats] = {}
        self._ends: dict[tuple[int, int], Floats] = {}
        self._starts: dict[tuple[int, int], Floats] = {}
        lanes = self._factors(-1, len(self.facts.levels), self._every)
        picojoules = self.facts.compute_energy if resource is None else 0.0
        self.computing: Floats = words.shares.computed(self.macs, lanes) * picojoules

    def _factors(self, low: int, high: int, dims: Sequence[int]) -> Floats:
        """[ways]: the product of some dimensions' factors in the fanouts of the levels above ``low`` up to ``high``."""
        key = low, high, tuple(dims)
        if key not in self._products:
            found = [factors[:, key[2]].prod(axis=1) for p, factors in self._fanouts.items() if low < p <= high]
            self._products[key] = np.asarray(prod(found, start=self._ones))
        return self._products[key]

    def pairs(self, t: int, level: int) -> npt.NDArray[np.bool_]:
        """[ways, dimensions]: the shared ranks that two loops of the fanout below a level move a data space in."""
        if (t, level) not in self._paired:
            found = self._paired[t, level] = np.zeros((factors := self._fanouts[level]).shape, dtype=np.bool_)
            for rank in set(self.words.shared[t].values()):
                dims = [d for d, _ in rank]
                found[:, dims] = ((factors[:, dims] > 1).sum(axis=1) > 1)[:, None]
        return self._paired[t, level]

    def apart(self, t: int, child: int, parent: int, level: int) -> Ints:
        """[ways, dimensions]: how many tiles of a child, along shared ranks, are handed on whole where they overlap.

        Timeloop credits overlap within one fanout alone: children of another one bring theirs again (rule 7b). Children
        of one fanout may have words in common below the levels up to ``parent``; the fanouts up to ``level`` count.
        """
        key = t, child, parent, level
        if key not in self._apart:
            found, last = np.ones((len(self._ones), len(self._bounds))), self.last_waiting(*key)
            shared, spaced = sorted(self.words.shared[t]), sorted(self.words.spaced[t])
            for p, factors in self._fanouts.items():
                if last < p <= level:
                    within = self.pairs(t, p)[:, shared] & (p <= parent)
                    found[:, shared] *= np.where(within, 1.0, factors[:, shared])
                if child < p <= level:  # a level in between would take in the gaps too
                    found[:, spaced] *= factors[:, spaced]
            self._apart[key] = found.astype(np.int64)
        return self._apart[key]

    def lesser_of(self, t: int, child: int, apart: Ints, ways: Ints) -> frozenset[int]:
        """The ``lesser`` dimensions along which what is handed on whole may be tiles far apart, see `Words.closer`.

        It may not where fanouts have all of a dimension, and what they do not hand on whole lies within the child. Each
        of several fanouts may hand on less than one that holds all.
        """
        return frozenset(d for d in self.words.lesser[t] if self._may_be_far(child, d, apart[:, d], ways))

    def _may_be_far(self, child: int, d: int, apart: Ints, ways: Ints) -> bool:
        if self.fillings.joined is not None:
            spread = self._factors(child, len(self.facts.levels), (d,))[ways].astype(np.int64)
            apart = least_factors(self._bounds[d])[spread]
        return bool(((apart > 1) & (self._factors(-1, child, (d,))[ways] * apart < self._bounds[d])).any())

    def along(self, low: int, high: int, d: int, way: int) -> int:
        """The factors of a dimension in the fanouts of the levels above ``low`` up to ``high``, in one way."""
        return int(self._factors(low, high, (d,))[way])

    def _rounded(self, t: int, level: int, low: int, high: int, passed: Floats | float = 1.0) -> Floats:
        """[ways]: the words over all instances of a level that rounding may take off a count.

        Counts are whole numbers where children get equally many words: where no tiles of one fanout overlap, and no
        neighbour passes anything on, which divides what they get by ``passed``, and without residuals. Fanouts above
        ``low`` up to ``high`` count.
        """
        whole = (0 not in self._fanouts) & (self._ones == passed) & self.words.shares.are_whole
        for p in self._fanouts:
            if low < p <= high:
                whole &= ~self.pairs(t, p).any(axis=1)
        return np.where(whole, 0.0, float(self.facts.levels[level].instances))

    def _repeats(self, t: int, low: int, high: int) -> Floats:
        """[ways]: how often the fanouts of the levels above ``low`` up to ``high`` repeat a tile."""
        return self._factors(low, high, self.words.moved[t].irrelevant)

    def _sharing(self, t: int, low: int, high: int) -> Floats:
        """[ways]: how many children get the same tile at most."""
        among = [p for p in self._fanouts if low < p <= high]
        some = [p for p in among if t not in self.facts.levels[p].no_multicast_no_reduction]
        return np.asarray(prod((self._sharing_below(t, p) for p in some), start=self._ones))

    def _sharing_below(self, t: int, level: int) -> Floats:
        """[ways]: how many children of the fanout below a level get the same tile at most."""
        if (t, level) not in self._shared:
            fanouts = [self._factors(-1, level - 1, (d,)) for d in self._every]
            inside = np.stack(fanouts, axis=1) * (self.inside[level - 1] if level else 1.0)
            self._shared[t, level] = self.words.moved[t].sharing(self._fanouts[level], inside)
        return self._shared[t, level]

    def last_waiting(self, t: int, child: int, parent: int, level: int) -> int:
        """The outermost level in between that may keep what a child waits for: its parent then gives what it needs."""
        return max((p for p in self._open[t] if child < p < min(parent, level)), default=child)

    def _passed_on(self, t: int, children: Sequence[int], d: int) -> Floats:
        """[2, ways]: by how much neighbours may divide what the innermost loop brings, over d, and what others do.

        Those lead along shared ranks: along others steps are longer than all children together. Of several levels whose
        tiles may be passed on the most counts.
        """
        moved, found = self.words.moved[t], np.array([self._ones, self._ones])
        for child in children:
            if d in moved.shared and t not in self.facts.levels[child + 1].no_link_transfer:
                both = moved.passing(d), sorted(moved.shared)
                found = np.maximum(found, [self._factors(child, child + 1, dims) for dims in both])
        return found

    def most_along(self, low: int, high: int, d: int, ways: Ints) -> float:
        """The most factors of a dimension in the fanouts of the levels above ``low`` up to ``high``."""
        return float(self._factors(low, high, (d,))[ways].max())

    def _first(self, t: int, level: int) -> Floats:
        """[ways]: words of an output that the first visits save reading, over all instances of a level, at most."""
        if not self.facts.tensors[t].read_write:
            return 0.0 * self._ones
        moved = self.words.moved[t]
        return self._factors(level, len(self.facts.levels), moved.repeating) * moved.everything

    def _parts(self, t: int, level: int, access: Access, times: Floats, rounded: Floats) -> list[Floats]:
        """What words cost at a level, if anything.

        Instances in use that share rows pay for a row each, until all rows are paid for.
        """
        facts = self.facts.levels[level]
        used = self._factors(level, len(self.facts.levels), self._every)
        working = self.words.shares.working(used)
        less = rounded + self._first(t, level) / working if access.spares_first else rounded
        if self._resource is not None:
            cycles = facts.scale[t] / facts.bandwidth(self._resource[1])
            is_asked = self._resource in ((level, access.kind), (level, SHARED)) and cycles
            return [np.array([times * working / used, less / used, cycles * self._ones])] if is_asked else []
        words = used * facts.block
        rows = facts.block * facts.cluster * np.minimum(used, facts.clusters)
        return [np.array([times / words, less / words, access.energy * rows * working])] if access.energy else []

    def _filling(self, t: int, level: int, *moved: Floats) -> list[Floats]:
        return [p for access in taken_in(self.facts.levels[level], t) for p in self._parts(t, level, access, *moved)]

    def _giving(self, t: int, level: int, *moved: Floats) -> list[Floats]:
        accesses = handed_out(self.facts.levels[level], t, self.facts.tensors[t])
        return [p for access in accesses for p in self._parts(t, level, access, *moved)]

    def _price(self, parts: list[Floats]) -> Price:
        return np.array(parts) if parts else np.empty((0, 3, len(self._ones)))

    def _chain(self, t: int, child: int, below: int) -> list[int]:
        """A child and the levels outside it, below another one, that keep the data space in any case."""
        return [child, *(p for p in self.always[t] if child < p < below)]

    def _boundaries(self, t: int, chain: Sequence[int]) -> Iterator[tuple[int, int]]:
        """The boundaries along a chain, children and parents, that surely cost something."""
        for inner, outer in itertools.pairwise(chain):
            passed_on = inner + 1 in self._fanouts and self.facts.may_be_passed_on(t, inner)
            if not passed_on and self._keeping[outer, t] != NOWHERE:
                yield inner, outer

    def moved(self, t: int, child: int, parent: int, level: int, first: int) -> tuple[Price, list[Crossing], Floats]:
        """The price of all boundaries from a child on that wait for a loop, which is now found at a level.

        Args:
            t: the data space.
            child: the innermost level whose tile has not moved yet.
            parent: the level that gives the outermost of the waiting levels its words.
            level: where the loop stands.
            first: the dimension of the innermost loop that moves the tile.

        Returns:
            The price, the boundary that each part is for, and [parts, 2, ways] how many children may pass on to each
            other what that loop brings to all together, and what loops further out do.
        """
        is_any = self.words.shares.are_whole and first not in self.words.shared[t]
        key = (t, child, parent, level, -1 if is_any else first)
        if key not in self._memory:
            left = self.words.left(t, first)
            parts: list[Floats] = []
            crossings: list[Crossing] = []
            passing: list[Floats] = []
            chain = [*self._chain(t, child, level), parent]
            for inner, outer in self._boundaries(t, chain):
                # Neighbours pass on words below the next level outside alone (rule 7b); with fanouts further out these
                # are spread over instances that do not get them.
                last = self.last_waiting(t, inner, outer, level)
                passed, given = (self._passed_on(t, (inner, p), first) for p in (inner, last))
                further = self._factors(inner + 1, len(self.facts.levels), self._every)
                lost = np.where((further > 1) | (self.fillings.joined is not None), passed, 1.0)
                rounded = self._rounded(t, inner, inner, inner + 1, passed[1])
                parts += self._filling(t, inner, left * self._repeats(t, inner, level), rounded)
                crossings += [Crossing(inner, inner)] * (len(parts) - len(crossings))
                passing += [lost] * (len(parts) - len(passing))
                times = 1.0 / self._sharing(t, level, parent) if outer == parent else self._repeats(t, outer, level)
                rounded = self._rounded(t, outer, inner, outer, given[1])
                parts += self._giving(t, outer, left * times, rounded)
                crossings += [Crossing(inner, outer)] * (len(parts) - len(crossings))
                passing += [given] * (len(parts) - len(passing))
            passed_on = np.array(passing).reshape(len(parts), 2, len(self._ones))
            self._memory[key] = self._price(parts), crossings, passed_on
        return self._memory[key]

    def never_moved(self, t: int, child: int) -> Floats:
        """[ways]: what the boundaries from a child on cost (pJ) where no loop moves its tile."""
        if (t, child) not in self._ends:
            top, left, cost = len(self.facts.levels), self.words.left(t), 0.0 * self._ones
            for inner, outer in self._boundaries(t, self._chain(t, child, top)):
                for level, last, charged in ((inner, inner + 1, self._filling), (outer, outer, self._giving)):
                    moved = left * self._repeats(t, level, top), self._rounded(t, level, inner, last)
                    price = self._price(charged(t, level, *moved))
                    cost = cost + cost_of(price, self._least_of_all(t, inner, self.apart(t, inner, level, top)))
            self._ends[t, child] = cost
        return self._ends[t, child]

    def _least_of_all(self, t: int, child: int, apart: Ints) -> Floats:
        """[ways]: words of a data space, at least, where so many tiles along each dimension are handed on whole."""
        words = self.words.closer(t, self.lesser_of(t, child, apart, np.arange(len(apart))))[1]
        return words[self.words.grid.index(np.array(self._bounds) // apart)]

    def operands(self, t: int, parent: int) -> Floats:
        """[ways]: what the MACs cost (pJ) at the first level that keeps a data space, if no neighbours feed them.

        Along dimensions of which they have no words in common each step is longer than their fanout reaches (rule 6b).
        """
        if not (self.always[t] or self._open[t]):  # it is only handed on (rule 16)
            return 0.0 * self._ones
        if (t, parent) not in self._starts:
            words = self.macs * prod(self.words.shares.positions) / self._sharing(t, -1, parent)
            rounded = self._rounded(t, parent, -1, parent, self._factors(-1, parent, sorted(self.words.shared[t])))
            alone = self._factors(-1, 0, self.words.moved[t].repeating) == 1
            self._starts[t, parent] = alone * cost_of(self._price(self._giving(t, parent, self._ones, rounded)), words)
        return self._starts[t, parent]
