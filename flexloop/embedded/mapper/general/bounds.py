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
  (`imperfect.Imperfect.least_shares`); the bounds here are then products of factors.

The part that no decision touches yet is bounded by a dynamic programme over its slots (`general.beyond`).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from flexloop.deadline import Deadline
from flexloop.embedded.mapper.choices import Choices
from flexloop.embedded.mapper.facts import Facts
from flexloop.embedded.mapper.fillings import Filling, fanout_factors
from flexloop.embedded.mapper.general.beyond import Beyond
from flexloop.embedded.mapper.slots import Slot

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_FILLINGS = 200
"""Ways to fill a fanout that are listed; where there are more, its extent and its limits alone bound it."""
_TOLD_APART = 4096
"""Choices of innermost loops of one mapping that are told apart."""
_SLACK = 1 - 1e-12
"""What the rounding of sums in another order than the cost model's can take away."""


@dataclass
class _Traffic:
    """Energy and words over all instances for each possible innermost loop: [families, n]; infinite: it cannot be."""

    energy: Floats
    reads: dict[int, Floats]
    writes: dict[int, Floats]


@dataclass
class Decided:
    """Mappings whose factors are decided: what crosses each boundary, and the least cycles."""

    tiles: Ints
    operands: _Traffic
    boundaries: list[_Traffic]
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
        self._deadline = deadline
        self.facts, self.choices, self.keep = facts, choices, keep
        self.bounds = np.array(bounds, dtype=np.float64)
        self.macs = float(prod(int(b) for b in bounds))
        self._below_zero = facts.below_zero([int(b) for b in bounds])
        self._share, computed = choices.imperfect.least_shares([int(b) for b in bounds])
        self._compute_energy = self.macs * computed * facts.compute_energy
        self._dims = len(bounds)
        self._temporal = {s.level: i for i, s in enumerate(choices.slots) if not s.spatial}
        self._spatial = {s.level: i for i, s in enumerate(choices.slots) if s.spatial}
        self._extents = {level: prod(choices.slots[slot].extent) for level, slot in self._spatial.items()}
        self._inside = [_always_inside(slot, self._dims) for slot in choices.slots]
        self._set_limits(choices)
        self._receivers = [self._receivers_of(t) for t in range(keep.shape[1])]
        self._relevant = np.array(
            [[any(d == i for rank in t.ranks for i, _ in rank) for d in range(self._dims)] for t in facts.tensors]
        )
        # A rank is shared only if two of its dimensions move.
        self._shared = [
            {d: rank for rank in t.groups for d, _ in rank if sum(bounds[i] > 1 for i, _ in rank) > 1}
            for t in facts.tensors
        ]
        self._repeating = ~self._relevant
        for t, shared in enumerate(self._shared):
            self._repeating[t, list(shared)] = True
        self._fillings = self._worked_out_fillings(filling, listed=looks_beyond)
        self._rooms = {
            place: self._extents[choices.slots[place].level] if found is None else max(map(prod, found), default=1)
            for place, found in self._fillings.items()
        }
        whole = [int(b) for b in bounds]
        self._beyond = (
            Beyond(choices, whole, self._fillings, self._at_level, self.fits, deadline) if looks_beyond else None
        )

    def _worked_out_fillings(self, filling: Filling | None, *, listed: bool) -> dict[int, list[tuple[int, ...]] | None]:
        """For each fanout the factors that it may have, or None where they are not listed or too many for that."""
        if filling is not None:
            return {place: [factors] for place, factors in filling.items()}
        if not listed:
            return dict.fromkeys(self._spatial.values())
        found: dict[int, list[tuple[int, ...]] | None] = {}
        for place in self._spatial.values():
            some = fanout_factors(self.choices, place, [int(b) for b in self.bounds], _FILLINGS, self._deadline)
            found[place] = None if some is None else [tuple(row) for row in some.tolist()]
        return found

    def _set_limits(self, choices: Choices) -> None:
        """What levels may not reuse, each [levels, data spaces]."""
        names = choices.data_spaces
        self._no_links, self._no_multicast, self._no_reuse, self._no_coalesce = (
            np.array([[name in getattr(limits, kind) for name in names] for limits in choices.reuse])
            for kind in ("no_link_transfer", "no_multicast_no_reduction", "no_temporal_reuse", "no_coalesce")
        )

    def _receivers_of(self, t: int) -> dict[int, list[int]]:
        """For the MACs (-1) and each level that takes in tiles of t, the levels that get its accesses.

        They end with the next level outside that holds t; those before it keep t too, but hand on what they get. Levels
        outside the last one that holds t get nothing (rule 16).
        """
        found: dict[int, list[int]] = {-1: []}
        held = np.flatnonzero(self.keep[:, t] & ~self._no_coalesce[:, t])
        for level in np.flatnonzero(self.keep[: held.max(initial=-1) + 1, t]):
            list(found.values())[-1].append(int(level))
            if not self._no_coalesce[level, t]:
                found[int(level)] = []
        return found

    def rereads(self, level: int) -> bool:
        """Whether the fanout below a level feeds something that is read again at every step: MACs, or limited tiles."""
        return level == 0 or bool(self._no_reuse[level - 1].any())

    def sizes(self, t: int, tile: Ints | Floats) -> Floats:
        """[n]: words of the bounding box of tensor t in tiles [n, dimensions]."""
        words = np.ones(len(tile))
        for rank in self.facts.tensors[t].ranks:
            words = words * (1.0 + sum(coefficient * (tile[:, d] - 1.0) for d, coefficient in rank))
        return words

    def fits(self, level: int, tile: Ints | Floats) -> Mask:
        """[n]: whether the kept tiles fit the level's buffer."""
        used = np.zeros(len(tile))
        for t in np.flatnonzero(self.keep[level]):
            used += self.sizes(int(t), tile)
        return used <= self.facts.levels[level].capacity

    def bound(self, tiles: Ints) -> tuple[Floats, Floats]:
        """Least energy in pJ and cycles of every completion.

        Args:
            tiles: [n, k + 1, dimensions]: the extents spanned by the innermost 0, 1, ... k decided slots.
        """
        decided = tiles.shape[1] - 1
        energy = np.full(len(tiles), self._compute_energy)
        cycles = self.macs / self._parallelism(tiles)
        reads: dict[int, Floats] = {}
        writes: dict[int, Floats] = {}
        # All boundaries that no decided loop lies above have one innermost loop in common, which is still open.
        beyond, throttled = np.zeros((1, len(tiles))), np.zeros((1, len(tiles)))
        if self._beyond is not None and decided < len(self.choices.slots):
            beyond, throttled = self._beyond(decided, tiles[:, -1])
        for child in range(-1, len(self.facts.levels) - 1):
            if child >= 0 and self._temporal[child] >= decided:
                break
            traffic = self._operands(tiles) if child < 0 else self._boundary(child, tiles)
            if child < 0:
                energy = energy + traffic.energy[0]
            else:
                bare = self._bare(child, tiles)
                energy = energy + np.where(bare, 0.0, traffic.energy.min(axis=0))
                beyond = beyond + np.where(bare, traffic.energy, 0.0)
            for total, part in ((reads, traffic.reads), (writes, traffic.writes)):
                for level, words in part.items():
                    total[level] = total.get(level, 0.0) + words.min(axis=0)
        cycles = np.maximum(cycles, throttled.min(axis=0))
        cycles = np.ceil(np.maximum(cycles, self._throttled(reads, writes)) * _SLACK)
        leakage = sum(level.leakage for level in self.facts.levels)
        # Where cycles are infinite (no completion) energy is so too; no leakage of it would not be a number.
        leaked = leakage * np.where(np.isfinite(cycles), cycles, 0.0)
        energy = (energy + beyond.min(axis=0) + leaked) * _SLACK - self._below_zero
        return energy, cycles + self.facts.latency

    def decided(self, tiles: Ints) -> Decided:
        """What bounds mappings whose factors are all decided, for `by_innermost`.

        Args:
            tiles: [n, slots + 1, dimensions].
        """
        boundaries = [self._boundary(child, tiles) for child in range(len(self.facts.levels) - 1)]
        return Decided(tiles, self._operands(tiles), boundaries, self.macs / self._parallelism(tiles))

    def by_innermost(self, decided: Decided, row: int) -> tuple[Floats, Floats, dict[int, Ints]]:
        """Bounds of one mapping whose factors are decided, for every choice of the levels' innermost loops.

        Returns:
            Energy and cycles, with one axis for each level that has loops > 1, and these loops by temporal slot. Of too
            many levels the outer ones have no axis, and the least of their loops counts.
        """
        every: dict[int, Ints] = {}
        for level in range(1, len(self.facts.levels)):
            slot = self._temporal[level]
            found = np.flatnonzero(decided.tiles[row, slot + 1] > decided.tiles[row, slot])
            if len(found):
                every[level] = found
        sizes = itertools.accumulate((len(found) for found in every.values()), lambda a, b: a * b)
        loops = {level: found for (level, found), size in zip(every.items(), sizes, strict=True) if size <= _TOLD_APART}
        shape = [len(found) for found in loops.values()]
        energy = np.full(shape, self._compute_energy + decided.operands.energy[0, row])
        reads = {level: np.full(shape, words[0, row]) for level, words in decided.operands.reads.items()}
        writes = {level: np.full(shape, words[0, row]) for level, words in decided.operands.writes.items()}
        for child, part in enumerate(decided.boundaries):
            above = next((level for level in every if level > child), None)
            families = [self._dims] if above is None else every[above]
            along = [-1 if level == above else 1 for level in loops]
            energy += _told_apart(part.energy[families, row], along, shape)
            for total, words in ((reads, part.reads), (writes, part.writes)):
                for level, counts in words.items():
                    more = _told_apart(counts[families, row], along, shape)
                    total[level] = total[level] + more if level in total else more
        cycles = np.ceil(np.maximum(decided.steps[row], self._throttled(reads, writes)) * _SLACK) + np.zeros(shape)
        leakage = sum(level.leakage for level in self.facts.levels)
        leaked = leakage * np.where(np.isfinite(cycles), cycles, 0.0)
        energy = (energy + leaked) * _SLACK - self._below_zero
        return energy, cycles + self.facts.latency, {self._temporal[v]: found for v, found in loops.items()}

    def _throttled(self, reads: dict[int, Floats], writes: dict[int, Floats]) -> Floats | float:
        """Cycles that the bandwidths need for words over all instances of each level, as each counts for them."""
        cycles: Floats | float = 0.0
        for level, facts in enumerate(self.facts.levels):
            for words, bandwidth in ((reads, facts.read_bandwidth), (writes, facts.write_bandwidth)):
                if level in words and bandwidth < np.inf:
                    cycles = np.maximum(cycles, words[level] / facts.instances / bandwidth)
            if facts.shared_bandwidth < np.inf and (level in reads or level in writes):
                words_of_both = reads.get(level, 0.0) + writes.get(level, 0.0)
                cycles = np.maximum(cycles, words_of_both / facts.instances / facts.shared_bandwidth)
        return cycles

    def _parallelism(self, tiles: Ints) -> Floats:
        """[n]: the most MACs that can work at once."""
        used = np.ones(len(tiles))
        rest = self.bounds / tiles[:, -1]
        for slot in self._spatial.values():
            if (factors := self._filling(slot, tiles)) is not None:
                used *= factors.prod(axis=1)
            else:
                used *= np.minimum(self._rooms[slot], np.minimum(rest, self.choices.limits[1][slot]).prod(axis=1))
        return np.minimum(used, self.macs)

    def _operands(self, tiles: Ints) -> _Traffic:
        """Reads and updates that the MACs cause at the innermost level that keeps each tensor."""
        n = len(tiles)
        traffic = _Traffic(np.zeros((1, n)), {}, {})
        for t, receivers in enumerate(self._receivers):
            # Below a fanout to the MACs neighbours may pass on any operand that stays.
            for parent in receivers[-1] if 0 not in self._spatial else ():
                most, _ = self._sharing(-1, parent, t, tiles, self.bounds / tiles[:, -1])
                passed_on = self._passed_on(t, 0, parent, tiles, self.bounds / tiles[:, -1])
                self._charge_parent(traffic, t, parent, (self._share * self.macs / most / passed_on)[None], tiles)
        return traffic

    def _boundary(self, child: int, tiles: Ints) -> _Traffic:
        """What crosses into a level whose tile is decided, for each loop that may be innermost above it."""
        tile = tiles[:, self._temporal[child] + 1].astype(np.float64)
        return self._crossing(child, tile, self._innermost(child, tiles), tiles)

    def _bare(self, child: int, tiles: Ints) -> Mask:
        """[n]: whether no temporal loop > 1 above a level is decided."""
        bare = np.ones(len(tiles), dtype=np.bool_)
        for slot in self._temporal.values():
            if self._temporal[child] < slot < tiles.shape[1] - 1:
                bare &= (tiles[:, slot + 1] == tiles[:, slot]).all(axis=1)
        return bare

    def _innermost(self, child: int, tiles: Ints) -> Mask:
        """[dimensions + 1, n]: which loops may be the innermost temporal one above a level; the last: there is none."""
        n, decided = len(tiles), tiles.shape[1] - 1
        possible = np.zeros((self._dims + 1, n), dtype=np.bool_)
        searching = np.ones(n, dtype=np.bool_)
        for level in range(child + 1, len(self.facts.levels)):
            slot = self._temporal[level]
            if slot >= decided:
                break
            loops = tiles[:, slot + 1] > tiles[:, slot]
            possible[:-1] |= (loops & ~(loops @ self._inside[slot]) & searching[:, None]).T
            searching &= ~loops.any(axis=1)
        rest = self.bounds / tiles[:, -1]
        possible[:-1] |= ((rest > 1) & searching[:, None]).T
        spatial = prod(self._extents[level] for level, s in self._spatial.items() if s >= decided)
        possible[-1] = searching & (rest.prod(axis=1) <= spatial)
        return possible

    def _crossing(self, child: int, tile: Floats, moving: Mask, tiles: Ints | None) -> _Traffic:
        families, n = moving.shape
        traffic = _Traffic(np.zeros((families, n)), {}, {})
        for t, receivers in enumerate(self._receivers):
            for parent in receivers.get(child, ()):
                fills, reads = self._words(t, child, parent, tile, families, tiles)
                fills, reads = fills * self._share, reads * self._share
                if parent == receivers[child][0]:
                    self._charge_child(traffic, t, child, fills, tiles)
                self._charge_parent(traffic, t, parent, reads, tiles)
        for words in (traffic.energy, *traffic.reads.values(), *traffic.writes.values()):
            words[~moving] = np.inf
        return traffic

    def _words(
        self, t: int, child: int, parent: int, tile: Floats, families: int, tiles: Ints | None
    ) -> tuple[Floats, Floats]:
        """[families, n] words that all children of a boundary receive and that all parents give."""
        rest = self.bounds / tile
        size = self.sizes(t, tile)
        every = size * rest.prod(axis=1)
        if self._no_reuse[child, t]:
            return self._reread(t, child, parent, every, rest, families, tiles)
        positions = size * rest[:, self._relevant[t]].prod(axis=1)
        halo = {d: self._halo(t, d, tile, rest) for d in self._shared[t]}
        own = positions * np.minimum.reduce([np.ones(len(tile)), *halo.values()])
        refills = np.zeros(len(tile)) if tiles is None else every / self._run(t, child, tiles)
        refills = refills * np.minimum.reduce([np.ones(len(tile)), *halo.values()])
        open_rest = rest if tiles is None else self.bounds / tiles[:, -1]
        most, least = self._sharing(child, parent, t, tiles, open_rest)
        passed_on = self._passed_on(t, child + 1, parent, tiles, open_rest)
        fills, reads = np.empty((families, len(tile))), np.empty((families, len(tile)))
        for d in range(families):
            if d < self._dims and self._relevant[t][d]:
                fills[d] = every * halo.get(d, 1.0)
                reads[d] = fills[d] / most
                if d not in halo:
                    reads[d] = np.maximum(reads[d], own)
                    continue
                reads[d] = np.where(passed_on > 1, reads[d] / passed_on, np.maximum(reads[d], own))
                # With fanouts outside, what neighbours pass on is spread over instances that do not get it.
                if any(level > child + 1 for level in self._spatial):
                    fills[d] /= passed_on
            else:
                fills[d], reads[d] = np.maximum(own * least, refills), np.maximum(own, refills / most)
        return fills, reads

    def _reread(
        self, t: int, child: int, parent: int, every: Floats, rest: Floats, families: int, tiles: Ints | None
    ) -> tuple[Floats, Floats]:
        """As `_words`, for a tile that is read again at every step, whatever the orders."""
        fanouts = [level for level in self._spatial if child < level <= parent and not self._no_links[level, t]]
        reads = np.zeros(len(every))  # neighbours that want the same tile may pass it on at all steps but the first
        if not fanouts:
            open_rest = rest if tiles is None else self.bounds / tiles[:, -1]
            most, _ = self._sharing(child, parent, t, tiles, open_rest)
            reads = every / most
        outside = [slot for level, slot in self._spatial.items() if level > child + 1]
        fills = every / prod(self._rooms[slot] for slot in outside) if fanouts else every
        return np.tile(fills, (families, 1)), np.tile(reads, (families, 1))

    def _run(self, t: int, child: int, tiles: Ints) -> Floats:
        """[n]: for how many iterations a tile may stay where the innermost loop above it does not move it, at most.

        A slot that moves the tile ends the run; its own loops that do not move it may all lie inside.
        """
        run = np.ones(len(tiles))
        staying = np.ones(len(tiles), dtype=np.bool_)
        still = ~self._relevant[t]
        for slot in self._temporal.values():
            if self._temporal[child] < slot < tiles.shape[1] - 1:
                factors = tiles[:, slot + 1] / tiles[:, slot]
                run *= np.where(staying, factors[:, still].prod(axis=1), 1.0)
                staying &= (factors[:, self._relevant[t]] == 1).all(axis=1)
        return run * np.where(staying, (self.bounds / tiles[:, -1])[:, still].prod(axis=1), 1.0)

    def _halo(self, t: int, d: int, tile: Floats, rest: Floats) -> Floats:
        """The least share of a tensor's refills that remains where moves along d save the overlap."""
        if self.facts.tensors[t].is_diagonal:
            return np.where(rest[:, d] > 1, 0.0, 1.0)
        rank = self._shared[t][d]
        extent = 1.0 + sum(coefficient * (tile[:, i] - 1.0) for i, coefficient in rank)
        coefficient = next(c for i, c in rank if i == d)
        step = np.minimum(extent, coefficient * tile[:, d])
        moves = np.prod([rest[:, i] for i, _ in rank], axis=0)
        # Steps of a second dimension of the rank may cancel against those of the first and cost nothing.
        least = np.where(moves > rest[:, d], step * moves / 2, extent + (moves - 1) * step)
        share = np.minimum(least / (extent * moves), 1.0)
        return np.where(rest[:, d] > 1, share, 1.0)

    def _passed_on(self, t: int, low: int, high: int, tiles: Ints | None, open_rest: Floats) -> Floats:
        """[n] by how much transfers between neighbours may divide the words of t in the fanouts from low to high.

        Of the tiles along a displacement the last one has no neighbour to take its next words from; along a rank there
        are at most as many tiles as the fanout has over that rank's dimensions.
        """
        ranks = set(self._shared[t].values())
        divisor = np.ones(len(open_rest))
        for level in range(low, high + 1):
            slot = self._spatial.get(level)
            if slot is None or not ranks or self._no_links[level, t]:
                continue
            if (factors := self._filling(slot, tiles)) is None:
                factors = np.minimum(open_rest, self.choices.limits[1][slot])
            longest = np.max([factors[:, [i for i, _ in rank]].prod(axis=1) for rank in ranks], axis=0)
            divisor *= np.minimum(longest, self._rooms[slot])
        return divisor

    def _filling(self, slot: int, tiles: Ints | None) -> Floats | None:
        """[n, dimensions] or [1, dimensions]: the factors of a fanout, or None while they are open."""
        if tiles is not None and slot < tiles.shape[1] - 1:
            return tiles[:, slot + 1] / tiles[:, slot]
        options = self._fillings[slot]
        return np.array(options, dtype=np.float64) if options is not None and len(options) == 1 else None

    def _sharing(self, child: int, parent: int, t: int, tiles: Ints | None, open_rest: Floats) -> tuple[Floats, Floats]:
        """[n] how many children get the same tile, at most, and how often the fanout repeats a tile, at least."""
        most, least = np.ones(len(open_rest)), np.ones(len(open_rest))
        for level in range(child + 1, parent + 1):
            slot = self._spatial.get(level)
            if slot is None:
                continue
            if (factors := self._filling(slot, tiles)) is not None:
                least *= factors[:, ~self._relevant[t]].prod(axis=1)
                if not self._no_multicast[level, t]:
                    most *= factors[:, self._repeating[t]].prod(axis=1)
            elif not self._no_multicast[level, t]:
                factors = np.minimum(open_rest, self.choices.limits[1][slot])
                most *= np.minimum(float(self._rooms[slot]), factors[:, self._repeating[t]].prod(axis=1))
        return most, least

    def _first_words(self, t: int, level: int, tiles: Ints | None) -> Floats | float:
        """The most words of an output that the first visits save reading, over all instances of a level."""
        copies: Floats | float = 1.0
        for outer, slot in self._spatial.items():
            if outer > level:
                if (factors := self._filling(slot, tiles)) is not None:
                    copies = copies * factors[:, self._repeating[t]].prod(axis=1)
                else:
                    copies = copies * min(float(self._rooms[slot]), self.bounds[self._repeating[t]].prod())
        return copies * float(self.sizes(t, self.bounds[None])[0])

    def _charge_child(self, traffic: _Traffic, t: int, level: int, fills: Floats, tiles: Ints | None) -> None:
        facts = self.facts.levels[level]
        if self.facts.tensors[t].read_write:
            fills = fills - self._first_words(t, level, tiles)
        words = np.maximum(fills - facts.instances, 0)
        traffic.energy += words * facts.write_energy
        traffic.writes[level] = traffic.writes.get(level, 0.0) + words * facts.scale[t]

    def _charge_parent(self, traffic: _Traffic, t: int, level: int, reads: Floats, tiles: Ints | None) -> None:
        facts = self.facts.levels[level]
        if self.facts.tensors[t].read_write:
            updates = np.maximum(reads - facts.instances, 0)
            traffic.energy += updates * facts.update_energy
            traffic.writes[level] = traffic.writes.get(level, 0.0) + updates * facts.scale[t]
            if self._no_coalesce[level, t]:  # what passes through is filled as often as it is updated
                traffic.energy += updates * facts.write_energy
                traffic.writes[level] = traffic.writes[level] + updates * facts.scale[t]
            reads = reads - self._first_words(t, level, tiles)
        words = np.maximum(reads - facts.instances, 0)
        traffic.energy += words * facts.read_energy
        traffic.reads[level] = traffic.reads.get(level, 0.0) + words * facts.scale[t]

    def _at_level(self, level: int, lattice: Floats, possible: Mask) -> tuple[Floats, Floats]:
        """[dimensions + 1, n] energy and cycles of what crosses into a level, by the innermost loop above it."""
        traffic = self._crossing(level, lattice, possible, None)
        cycles = self._throttled(traffic.reads, traffic.writes)
        return traffic.energy, np.zeros(possible.shape) + cycles


def _told_apart(values: Floats, along: list[int], shape: list[int]) -> Floats:
    """Values by the loops of one axis, or their least where these have none."""
    return np.broadcast_to((values if -1 in along else values.min(keepdims=True)).reshape(along), shape)


def _always_inside(slot: Slot, dims: int) -> Mask:
    """[i, d]: whether a slot's order puts a loop over i inside one over d."""
    place = {d: k for k, d in enumerate(slot.prefix)}
    place |= {d: dims + k for k, d in enumerate(slot.suffix)}
    rank = np.array([place.get(d, len(slot.prefix)) for d in range(dims)])
    return rank[:, None] < rank
