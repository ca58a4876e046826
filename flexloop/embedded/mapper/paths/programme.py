"""The least energy from every slot on, outermost first: a dynamic programme over tiles and what waits for a loop.

A path leads from the tile of a MAC to the whole problem, slot by slot, and within a slot prime by prime. On its way
every data space is in one of three conditions:

* it *waits*: no loop that moves it has been met since a level that keeps it; a step along a dimension that it has will;
* it *slides*: the innermost loop that moves it runs along a rank that it shares with another dimension (see `sliding`).
  Further steps along that dimension lengthen the run, a step along any other one ends it, and so does the slot;
* it is *settled*: what crosses the boundary is charged, and the level that gives it is chosen. There it waits again.

The order of the steps is the order of the loops. Steps of one dimension that do not follow each other stand for
mappings with more loops than there are; those never cost less than loops that do.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from flexloop.deadline import Deadline
from flexloop.embedded.mapper.choices import Choices
from flexloop.embedded.mapper.general_spread import Spread
from flexloop.embedded.mapper.imperfect import Products
from flexloop.embedded.mapper.paths.grid import Floats, Grid
from flexloop.embedded.mapper.paths.prices import BYPASSED, KEPT, Keeping, Prices
from flexloop.embedded.mapper.paths.sliding import Run, Sliding
from flexloop.embedded.mapper.slots import Slot
from flexloop.integers import divisors

WAITS, SLIDES, SETTLED = range(3)
Condition = tuple[int, ...]
"""(WAITS, child), (SLIDES, child, dimension, whether two steps so far) or (SETTLED, the level that gives)."""
Profile = tuple[Condition, ...]
"""The condition of every data space."""
Values = dict[Profile, Floats]
"""For each profile the least energy outside of every tile; profiles that cannot be are left out."""


@dataclass(frozen=True)
class Move:
    """What a step along a dimension does: the profile after it, and what is charged at the tile before it."""

    after: Profile
    cost: Floats | float


@dataclass
class Stage:
    """Values inside and outside of some loops of a slot, or of its end (no dimensions), for a path to be traced."""

    slot: int
    dims: tuple[int, ...]
    inside: Values
    outside: Values


class Programme:
    """The least energy of a mapspace with the factors of its fanouts decided.

    Args:
        choices: the mapspace's slots.
        factorizations: of each dimension, at the bound of the grid.
        keeping: [levels, data spaces] what is kept, bypassed, open.
        grid: the tiles.
        prices: what words cost.
        spread: the factors of the fanouts, by slot.
        most: energies (pJ) above this one are of no interest.
        deadline: when to give up, with `TimeUp`.
        runs: whether runs along shared ranks are followed, which takes longer and bounds better.
        traced: whether `stages` are kept.

    Attributes:
        least: the least energy (pJ), MACs included.
        beyond: for each slot the least energy of every tile from the slot on; after the last one nothing.
        start: the profile that a least path begins with, or None where there is no path.
        stages: from the outermost slot's to the innermost one's.
    """

    def __init__(
        self,
        choices: Choices,
        factorizations: Sequence[Products],
        keeping: Keeping,
        grid: Grid,
        prices: Prices,
        spread: Spread,
        most: float = inf,
        deadline: Deadline | None = None,
        *,
        runs: bool = True,
        traced: bool = False,
    ) -> None:
        self._choices, self._keeping, self._grid, self.prices, self._spread = choices, keeping, grid, prices, spread
        self._deadline, self._traced = deadline, traced
        self._macs = prices.macs * prices.facts.compute_energy
        self._tensors = range(keeping.shape[1])
        self._keepers = [[int(p) for p in np.flatnonzero(keeping[:, t] != BYPASSED)] for t in self._tensors]
        operands = sum(min(prices.operands(t, p) for p in self._keepers[t]) for t in self._tensors)
        self._most = (most - self._macs - operands) * (1 + 1e-9)
        self._memory: dict[tuple[object, ...], Floats] = {}
        self._sliding = [Sliding(prices, grid, t, followed=runs) for t in self._tensors]
        self._reachable = _reachable(factorizations, grid)
        self.stages: list[Stage] = []
        self.beyond: list[Floats] = [np.zeros(grid.size)]
        self.least, self.start = self._cheapest(self._work_out())

    def _look(self) -> None:
        if self._deadline is not None:
            self._deadline.check()

    def _work_out(self) -> Values:
        values = self._at_the_end()
        for place in range(len(self._choices.slots) - 1, -1, -1):
            slot = self._choices.slots[place]
            if slot.spatial:
                self._look()
                values = {profile: self._grid.scaled(v, self._spread[place]) for profile, v in values.items()}
            else:
                values = self._through(place, slot, self._kept_at(slot.level, values))
            values = self._pruned(values, self._reachable[place])
            self._memory.clear()
            self.beyond.insert(0, np.min([np.full(self._grid.size, inf), *values.values()], axis=0))
        return values

    def _at_the_end(self) -> Values:
        """Nothing is left but what no loop has moved."""
        values: Values = {}
        for children in itertools.product(*self._keepers):
            energy = np.full(self._grid.size, inf)
            energy[-1] = sum(self.prices.never_moved(t, child) for t, child in enumerate(children))
            values[tuple((WAITS, child) for child in children)] = energy
        return values

    def _cheapest(self, values: Values) -> tuple[float, Profile | None]:
        """The least energy of a path from the tile of a MAC on, and its profile there."""
        least, start = inf, None
        for profile, energy in values.items():
            if all(condition[0] == SETTLED for condition in profile):
                operands = sum(self.prices.operands(t, parent) for t, (_, parent) in enumerate(profile))
                if self._macs + operands + energy[0] < least:
                    least, start = float(self._macs + operands + energy[0]), profile
        return least, start

    def _pruned(self, values: Values, reachable: Floats) -> Values:
        """What can be and is of interest."""
        found = {}
        for profile, energy in values.items():
            bounded = energy + reachable
            bounded[bounded > self._most] = inf
            if np.isfinite(bounded).any():
                found[profile] = bounded
        return found

    def kept(self, level: int, profile: Profile) -> tuple[Profile, list[int]] | None:
        """The profile after a level keeps what it is to keep, and what that is; None where it cannot be."""
        after: list[Condition] = []
        kept = []
        for t, condition in enumerate(profile):
            always, chosen = self._keeping[level, t] == KEPT, condition == (SETTLED, level)
            if always and condition[0] != WAITS and not chosen:
                return None
            after.append((WAITS, level) if chosen else condition)
            if always or chosen:
                kept.append(t)
        return tuple(after), kept

    def _kept_at(self, level: int, values: Values) -> Values:
        found = {}
        for profile in itertools.product(*(self._conditions(t, level) for t in self._tensors)):
            self._look()
            after = self.kept(level, profile)
            if after is not None and after[0] in values:
                found[profile] = self._fitting(level, after[1], values[after[0]])
        return found

    def _fitting(self, level: int, kept: Sequence[int], energy: Floats) -> Floats:
        capacity = self.prices.facts.levels[level].capacity
        if capacity == inf or not kept:
            return energy
        return np.where(np.sum([self.prices.box[t] for t in kept], axis=0) <= capacity, energy, inf)

    def _conditions(self, t: int, level: int) -> list[Condition]:
        """In what condition a data space may be inside a level's loops or within them."""
        children = [p for p in self._keepers[t] if p < level]
        waiting: list[Condition] = [(WAITS, child) for child in children]
        runs = itertools.product(children, self._sliding[t].dims, (1, 0))
        sliding: list[Condition] = [(SLIDES, *run) for run in runs]
        return [*waiting, *sliding, *self._suppliers(t, level)]

    def _suppliers(self, t: int, level: int) -> list[Condition]:
        return [(SETTLED, p) for p in self._keepers[t] if p >= level]

    def _through(self, place: int, slot: Slot, values: Values) -> Values:
        """The values inside a slot's loops, given those outside them."""
        movable = [d for d, high in enumerate(self._choices.limits[1][place]) if high > 1 and self._grid.bounds[d] > 1]
        profiles = list(itertools.product(*(self._conditions(t, slot.level) for t in self._tensors)))
        profiles.sort(key=_steps_left)
        for dims in (None, *_runs(slot)):
            if dims is None:
                inside = self._with_ends(slot.level, profiles, values)
            else:
                dims = tuple(d for d in dims if d in movable)
                inside = self._loops(slot.level, dims, profiles, values)
            if self._traced:
                self.stages.append(Stage(place, dims or (), inside, values))
            values = inside
        return values

    def _with_ends(self, level: int, profiles: Iterable[Profile], values: Values) -> Values:
        """The values at the end of a slot, those included where a run ends there."""
        found = dict(values)
        for profile in profiles:
            if any(condition[0] == SLIDES for condition in profile):
                self._look()
                ends = (values[move.after] + move.cost for move in self.ends(level, profile) if move.after in values)
                least = _least(energy for energy in (values.get(profile), *ends) if energy is not None)
                if least is not None:
                    found[profile] = least
        return found

    def ends(self, level: int, profile: Profile) -> Iterator[Move]:
        """What the end of a slot may do: runs end or go on, and which level gives what is settled by it is open."""
        options: list[list[tuple[Condition, Floats | float]]] = []
        for t, condition in enumerate(profile):
            options.append([(condition, 0.0)])
            if condition[0] == SLIDES:
                run = _run(condition)
                words = self._sliding[t].at_the_end(run, level)
                # A run that the level does not end by keeping what it brings goes on.
                suppliers = [s for s in self._suppliers(t, level) if s[1] == level]
                options[t] += [(s, self._cost(t, run.child, s[1], level, run.d, words)) for s in suppliers]
        yield from (move for move in _combined(options) if move.after != profile)

    def _loops(self, level: int, dims: Sequence[int], profiles: Iterable[Profile], values: Values) -> Values:
        """The values inside some loops that may stand in any order."""
        inside: Values = {}
        for profile in profiles:
            touched = [d for d in dims if any(self._touches(t, c, d) for t, c in enumerate(profile))]
            free = [d for d in dims if d not in touched]
            steps = ((d, prime) for d in touched for prime in self._grid.primes[d])
            found = (self._after(level, profile, d, prime, inside) for d, prime in steps)
            least = _least(energy for energy in (values.get(profile), *found) if energy is not None)
            if least is not None:
                inside[profile] = self._grid.least(least, free)
        return inside

    def _after(self, level: int, profile: Profile, d: int, prime: int, inside: Values) -> Floats | None:
        """The least energy with a step along a dimension."""
        self._look()
        moves = (move for move in self.moves(level, profile, d, prime) if move.after in inside)
        return _least(self._grid.stepped(inside[move.after], d, prime) + move.cost for move in moves)

    def _touches(self, t: int, condition: Condition, d: int) -> bool:
        """Whether a step along a dimension changes the condition of a data space."""
        if condition[0] == WAITS:
            return d in self.prices.relevant[t]
        return condition[0] == SLIDES and condition[2:] != (d, 0)

    def moves(self, level: int, profile: Profile, d: int, prime: int) -> Iterator[Move]:
        """What a step along a dimension may do; which level gives what is settled by it is open."""
        yield from _combined([list(self._changes(t, level, c, d, prime)) for t, c in enumerate(profile)])

    def _changes(
        self, t: int, level: int, condition: Condition, d: int, prime: int
    ) -> Iterator[tuple[Condition, Floats | float]]:
        if not self._touches(t, condition, d):
            yield condition, 0.0
            return
        child, sliding = condition[1], self._sliding[t]
        if condition[0] == WAITS and d in sliding.dims:
            yield (SLIDES, child, d, int(prime == 2)), 0.0
            return
        if condition[0] == SLIDES and condition[2] == d:
            yield (SLIDES, child, d, 0), 0.0
            return
        first = d if condition[0] == WAITS else condition[2]
        words = sliding.at_once(d) if condition[0] == WAITS else sliding.ended(_run(condition), level, d, prime)
        for supplier in self._suppliers(t, level):
            yield supplier, self._cost(t, child, supplier[1], level, first, words)

    def _cost(self, t: int, child: int, parent: int, level: int, first: int, words: Floats) -> Floats:
        """What words cost that the boundaries from a child on bring (see `Prices.moved`)."""
        key = (t, child, parent, first, id(words))  # words are kept as long as this memory
        if key not in self._memory:
            self._memory[key] = self.prices.moved(t, child, parent, level, first).of(words)
        return self._memory[key]


def _run(condition: Condition) -> Run:
    return Run(condition[1], condition[2], bool(condition[3]))


def _steps_left(profile: Profile) -> int:
    """How many steps a profile is from having everything settled."""
    left = {WAITS: 3, SETTLED: 0}
    return sum(left.get(condition[0], 1 + condition[-1]) for condition in profile)


def _combined(options: Sequence[Sequence[tuple[Condition, Floats | float]]]) -> Iterator[Move]:
    for chosen in itertools.product(*options):
        yield Move(tuple(condition for condition, _ in chosen), sum(cost for _, cost in chosen))


def _least(found: Iterable[Floats]) -> Floats | None:
    least: Floats | None = None
    for values in found:
        least = values if least is None else np.minimum(least, values)
    return least


def _runs(slot: Slot) -> list[tuple[int, ...]]:
    """The dimensions of a slot's loops in groups, outermost first; within a group their order is free."""
    if not slot.counted:
        return [(*slot.prefix, *slot.middle, *slot.suffix)]
    return [*((d,) for d in reversed(slot.suffix)), slot.middle, *((d,) for d in reversed(slot.prefix))]


def _reachable(factorizations: Sequence[Products], grid: Grid) -> list[Floats]:
    """For each slot [size]: 0 at tiles that the slots inside it may span and the others complete, else infinite."""
    slots = len(factorizations[0].lows)
    masks = [np.zeros(grid.size, dtype=np.bool_) | True for _ in range(slots)]
    for d, factorization in enumerate(factorizations):
        for slot, tiles in enumerate(_spans(factorization)):
            masks[slot] &= np.isin(grid.tiles[:, d], tiles)
    return [np.where(mask, 0.0, inf) for mask in masks]


def _spans(factorization: Products) -> Iterator[list[int]]:
    """For each slot what the slots inside it may multiply to so that the others complete the bound."""
    every = divisors(factorization.bound)
    allowed = [
        [f for f in every if low <= f <= high]
        for low, high in zip(factorization.lows, factorization.highs, strict=True)
    ]
    beyond = [{factorization.bound}]
    for factors in reversed(allowed):
        beyond.insert(0, {n for n in every if any(n * f in beyond[0] for f in factors)})
    inside = {1}
    for factors, completed in zip(allowed, beyond, strict=False):
        yield sorted(inside & completed)
        inside = {n * f for n in inside for f in factors if factorization.bound % (n * f) == 0}
