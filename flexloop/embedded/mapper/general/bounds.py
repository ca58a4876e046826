"""Lower bounds on the energy and the cycles of partly decided mappings, for any chain of storage levels.

A partial mapping has its factors decided slot by slot from the innermost outwards; orders are open. Every bound here
holds for each completion, whatever its orders. What is used of the cost model:

* A child's tile of F words is refilled once for each temporal iteration above it from the first loop on that moves
  it. The innermost loop d above the child decides: for the tensors that d moves, no iteration is saved, so that all
  children together receive N / (tile extents of the irrelevant dimensions) words; for the others at least one refill
  for each of their own positions remains.
* In a rank that two dimensions share (a halo), moving along d costs at least ``min(F, step)`` instead of F, and a carry
  may even be free.
* A parent reads what its children receive, divided by at most the number of children that get the same tile.
* Transfers between neighbours replace a parent's reads only where the innermost loop belongs to a shared rank, and then
  for all but one of the tiles along a rank.
* Rounding takes less than one word from each count of an instance.
* Networks add their latency; the energy that they use is left out.
* Residuals leave at least a certain share of the words that the same factors move without them
  (`imperfect.Imperfect.least_words`); the bounds here are then products of factors.

The part that no decision touches yet is bounded by a dynamic programme over its slots (`general.beyond`).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from flexloop.deadline import Deadline
from flexloop.embedded.mapper.choices import Choices
from flexloop.embedded.mapper.facts import READ, SHARED, SLACK, WRITE, Facts, Resource
from flexloop.embedded.mapper.fillings import Filling, fanout_factors
from flexloop.embedded.mapper.general.beyond import Beyond
from flexloop.embedded.mapper.general.crossings import Crossings, FanoutFactors, Floats, Ints, Mask, Traffic
from flexloop.embedded.mapper.slots import Slot

_FILLINGS = 200
"""Ways to fill a fanout that are listed; where there are more, its extent and its limits alone bound it."""
_TOLD_APART = 4096
"""Choices of innermost loops of one mapping that are told apart."""


@dataclass
class Decided:
    """Mappings whose factors are decided: what crosses each boundary, and the least cycles."""

    tiles: Ints
    operands: Traffic
    boundaries: list[Traffic]
    steps: Floats


class Relaxation:
    """Bounds for one mapspace with its bypass and its bounds decided.

    Args:
        facts: architecture and problem.
        choices: the mapspace's slots.
        keep: [levels, data spaces].
        bounds: the bound of each dimension.
        filling: the factors of all fanouts, where they are decided.
        deadline: when to give up, with `TimeUp`.
        looks_beyond: whether what is open is bounded.
    """

    def __init__(
        self,
        facts: Facts,
        choices: Choices,
        keep: Mask,
        bounds: Sequence[int],
        filling: Filling | None = None,
        deadline: Deadline | None = None,
        *,
        looks_beyond: bool = True,
    ) -> None:
        whole = [int(b) for b in bounds]
        self._choices, self._bounds = choices, np.array(bounds, dtype=np.float64)
        self._macs, self._dims = float(prod(whole)), len(whole)
        self._below_zero = facts.below_zero(whole)
        self._compute_energy = self._macs * choices.imperfect.least_computed(whole) * facts.compute_energy
        self._inside = [_always_inside(slot, self._dims) for slot in choices.slots]
        fillings = self._worked_out_fillings(filling, deadline, listed=looks_beyond)
        self.facts, self.crossings = facts, Crossings(facts, choices, keep, whole, fillings)
        self._beyond = None
        if looks_beyond:
            self._beyond = Beyond(choices, whole, fillings, self._at_level, self.crossings.fits, deadline)

    def _worked_out_fillings(
        self, filling: Filling | None, deadline: Deadline | None, *, listed: bool
    ) -> FanoutFactors:
        """For each fanout the factors that it may have, or None where they are not listed or too many for that."""
        if filling is not None:
            return {place: [factors] for place, factors in filling.items()}
        if not listed:
            return dict.fromkeys(self._choices.spatial.values())
        found: FanoutFactors = {}
        for place in self._choices.spatial.values():
            some = fanout_factors(self._choices, place, [int(b) for b in self._bounds], _FILLINGS, deadline)
            found[place] = None if some is None else [tuple(row) for row in some.tolist()]
        return found

    def bound(self, tiles: Ints) -> tuple[Floats, Floats]:
        """Least energy in pJ and cycles of every completion.

        Args:
            tiles: [n, k + 1, dimensions]: the extents spanned by the innermost 0, 1, ... k decided slots.
        """
        decided = tiles.shape[1] - 1
        energy = np.full(len(tiles), self._compute_energy)
        cycles = self._macs / self._parallelism(tiles)
        words: dict[Resource, Floats] = {}
        # All boundaries that no decided loop lies above have one innermost loop in common, which is still open.
        beyond, throttled = np.zeros((1, len(tiles))), np.zeros((1, len(tiles)))
        if self._beyond is not None and decided < len(self._choices.slots):
            beyond, throttled = self._beyond(decided, tiles[:, -1])
        for child in range(-1, len(self.facts.levels) - 1):
            if child >= 0 and self._choices.temporal[child] >= decided:
                break
            traffic = self.crossings.operands(tiles) if child < 0 else self._boundary(child, tiles)
            if child < 0:
                energy = energy + traffic.energy[0]
            else:
                bare = self._bare(child, tiles)
                energy = energy + np.where(bare, 0.0, traffic.energy.min(axis=0))
                beyond = beyond + np.where(bare, traffic.energy, 0.0)
            for resource, some in traffic.words.items():
                words[resource] = words.get(resource, 0.0) + some.min(axis=0)
        cycles = np.maximum(cycles, throttled.min(axis=0))
        cycles = np.ceil(np.maximum(cycles, self._throttled(words)) * SLACK)
        energy = self.facts.total(energy + beyond.min(axis=0), cycles, self._below_zero)
        return energy, cycles + self.facts.latency

    def decided(self, tiles: Ints) -> Decided:
        """What bounds mappings whose factors are all decided, for `by_innermost`.

        Args:
            tiles: [n, slots + 1, dimensions].
        """
        boundaries = [self._boundary(child, tiles) for child in range(len(self.facts.levels) - 1)]
        return Decided(tiles, self.crossings.operands(tiles), boundaries, self._macs / self._parallelism(tiles))

    def by_innermost(self, decided: Decided, row: int) -> tuple[Floats, Floats, dict[int, Ints]]:
        """Bounds of one mapping whose factors are decided, for every choice of the levels' innermost loops.

        Returns:
            Energy and cycles, with one axis for each level that has loops > 1, and these loops by temporal slot. Of too
            many levels the outer ones have no axis, and the least of their loops counts.
        """
        every: dict[int, Ints] = {}
        tiles = decided.tiles[row : row + 1]
        moves = {level: self._choices.imperfect.move(tiles, slot)[0] for level, slot in self._choices.temporal.items()}
        for level in range(1, len(self.facts.levels)):
            slot = self._choices.temporal[level]
            found = np.flatnonzero(decided.tiles[row, slot + 1] > decided.tiles[row, slot])
            if len(found):
                every[level] = found
        sizes = itertools.accumulate((len(found) for found in every.values()), lambda a, b: a * b)
        loops = {level: found for (level, found), size in zip(every.items(), sizes, strict=True) if size <= _TOLD_APART}
        shape = [len(found) for found in loops.values()]
        energy = np.full(shape, self._compute_energy + decided.operands.energy[0, row])
        words = {resource: np.full(shape, some[0, row]) for resource, some in decided.operands.words.items()}
        for child, part in enumerate(decided.boundaries):
            above = next((level for level in every if level > child), None)
            families = [self._dims] if above is None else every[above]
            if above is not None and not moves[above][families].all():
                above, families = None, np.arange(self._dims + 1)
            along = [-1 if level == above else 1 for level in loops]
            energy += _told_apart(part.energy[families, row], along, shape)
            for resource, some in part.words.items():
                more = _told_apart(some[families, row], along, shape)
                words[resource] = words.get(resource, 0.0) + more
        cycles = np.ceil(np.maximum(decided.steps[row], self._throttled(words)) * SLACK) + np.zeros(shape)
        energy = self.facts.total(energy, cycles, self._below_zero)
        return energy, cycles + self.facts.latency, {self._choices.temporal[v]: found for v, found in loops.items()}

    def _throttled(self, words: dict[Resource, Floats]) -> Floats | float:
        """Cycles that the bandwidths need for words over all instances of each level."""
        cycles: Floats | float = 0.0
        for level, kind in self.facts.resources:
            facts, kinds = self.facts.levels[level], (READ, WRITE) if kind == SHARED else (kind,)
            moved = sum(words.get((level, k), 0.0) for k in kinds)
            cycles = np.maximum(cycles, moved / facts.instances / facts.bandwidth(kind))
        return cycles

    def _parallelism(self, tiles: Ints) -> Floats:
        """[n]: the most MACs that can work at once."""
        used = np.ones(len(tiles))
        for fanout in self.crossings.fanouts(tiles, self._bounds / tiles[:, -1]).values():
            used *= fanout.most(range(self._dims))
        return np.minimum(used, self._macs)

    def _boundary(self, child: int, tiles: Ints) -> Traffic:
        """What crosses into a level whose tile is decided, for each loop that may be innermost above it."""
        tile = tiles[:, self._choices.temporal[child] + 1].astype(np.float64)
        return self.crossings.into(child, tile, self._innermost(child, tiles), tiles)

    def _bare(self, child: int, tiles: Ints) -> Mask:
        """[n]: whether no temporal loop > 1 above a level is decided."""
        bare = np.ones(len(tiles), dtype=np.bool_)
        for slot in self._choices.temporal.values():
            if self._choices.temporal[child] < slot < tiles.shape[1] - 1:
                bare &= (tiles[:, slot + 1] == tiles[:, slot]).all(axis=1)
        return bare

    def _innermost(self, child: int, tiles: Ints) -> Mask:
        """[dimensions + 1, n]: which loops may be the innermost temporal one above a level; the last: there is none."""
        n, decided = len(tiles), tiles.shape[1] - 1
        possible = np.zeros((self._dims + 1, n), dtype=np.bool_)
        searching = np.ones(n, dtype=np.bool_)
        for level in range(child + 1, len(self.facts.levels)):
            slot = self._choices.temporal[level]
            if slot >= decided:
                break
            loops, moves = tiles[:, slot + 1] > tiles[:, slot], self._choices.imperfect.move(tiles, slot)
            possible[:-1] |= (loops & ~(moves @ self._inside[slot]) & searching[:, None]).T
            searching &= ~moves.any(axis=1)
        rest = self._bounds / tiles[:, -1]
        possible[:-1] |= ((rest > 1) & searching[:, None]).T
        spatial = prod(prod(self._choices.slots[s].extent) for s in self._choices.spatial.values() if s >= decided)
        possible[-1] = searching & (rest.prod(axis=1) <= spatial)
        return possible

    def _at_level(self, level: int, lattice: Floats, possible: Mask) -> tuple[Floats, Floats]:
        """[dimensions + 1, n] energy and cycles of what crosses into a level, by the innermost loop above it."""
        traffic = self.crossings.into(level, lattice, possible, None)
        return traffic.energy, np.zeros(possible.shape) + self._throttled(traffic.words)


def _told_apart(values: Floats, along: list[int], shape: list[int]) -> Floats:
    """Values by the loops of one axis, or their least where these have none."""
    return np.broadcast_to((values if -1 in along else values.min(keepdims=True)).reshape(along), shape)


def _always_inside(slot: Slot, dims: int) -> Mask:
    """[i, d]: whether a slot's order puts a loop over i inside one over d."""
    place = {d: k for k, d in enumerate(slot.prefix)}
    place |= {d: dims + k for k, d in enumerate(slot.suffix)}
    rank = np.array([place.get(d, len(slot.prefix)) for d in range(dims)])
    return rank[:, None] < rank
