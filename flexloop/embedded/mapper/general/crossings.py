"""The words that cross into a level, and what they cost, at least: of mappings whose orders are open.

What is used of the cost model is said in `general.bounds`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from flexloop.embedded.mapper.choices import Choices
from flexloop.embedded.mapper.facts import Facts

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
FanoutFactors = dict[int, list[tuple[int, ...]] | None]
"""For each fanout, by slot, the factors that it may have, or None where these are not listed."""


@dataclass
class Traffic:
    """Energy and words over all instances for each possible innermost loop: [families, n]; infinite: it cannot be."""

    energy: Floats
    reads: dict[int, Floats]
    writes: dict[int, Floats]


class Crossings:
    """What crosses the boundaries of one mapspace with its bypass and its bounds decided.

    Args:
        facts: architecture and problem.
        choices: the mapspace's slots.
        keep: [levels, data spaces].
        bounds: the bound of each dimension.
        fillings: what fanouts may hold.
    """

    def __init__(
        self, facts: Facts, choices: Choices, keep: Mask, bounds: Sequence[int], fillings: FanoutFactors
    ) -> None:
        self.facts, self.choices, self.keep = facts, choices, keep
        self.bounds = np.array(bounds, dtype=np.float64)
        self._macs = float(prod(bounds))
        self._share, _ = choices.imperfect.least_shares(bounds)
        self._temporal = {s.level: i for i, s in enumerate(choices.slots) if not s.spatial}
        self._spatial = {s.level: i for i, s in enumerate(choices.slots) if s.spatial}
        self._set_limits(choices)
        self._receivers = [self._receivers_of(t) for t in range(keep.shape[1])]
        dims = range(len(bounds))
        self._relevant = np.array(
            [[any(d == i for rank in t.ranks for i, _ in rank) for d in dims] for t in facts.tensors]
        )
        # A rank is shared only if two of its dimensions move.
        self._shared = [
            {d: rank for rank in t.groups for d, _ in rank if sum(bounds[i] > 1 for i, _ in rank) > 1}
            for t in facts.tensors
        ]
        self._repeating = ~self._relevant
        for t, shared in enumerate(self._shared):
            self._repeating[t, list(shared)] = True
        self._fillings = fillings
        self.rooms = {
            place: prod(choices.slots[place].extent) if found is None else max(map(prod, found), default=1)
            for place, found in fillings.items()
        }
        """For each fanout, by slot, how many children it can hold."""

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

    def operands(self, tiles: Ints) -> Traffic:
        """Reads and updates that the MACs cause at the innermost level that keeps each tensor."""
        n = len(tiles)
        traffic = Traffic(np.zeros((1, n)), {}, {})
        for t, receivers in enumerate(self._receivers):
            # Below a fanout to the MACs neighbours may pass on any operand that stays.
            for parent in receivers[-1] if 0 not in self._spatial else ():
                most, _ = self._sharing(-1, parent, t, tiles, self.bounds / tiles[:, -1])
                passed_on = self._passed_on(t, 0, parent, tiles, self.bounds / tiles[:, -1])
                self._charge_parent(traffic, t, parent, (self._share * self._macs / most / passed_on)[None], tiles)
        return traffic

    def into(self, child: int, tile: Floats, moving: Mask, tiles: Ints | None) -> Traffic:
        """What crosses into a level, for each loop that may be innermost above it.

        Args:
            child: the level.
            tile: [n, dimensions] what its tiles span.
            moving: [families, n] which loops may be innermost; the last: there is none.
            tiles: [n, slots + 1, dimensions] what the decided slots span, where any outside the level is.
        """
        families, n = moving.shape
        traffic = Traffic(np.zeros((families, n)), {}, {})
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
            if d < len(self.bounds) and self._relevant[t][d]:
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
        fills = every / prod(self.rooms[slot] for slot in outside) if fanouts else every
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
            if (factors := self.filling(slot, tiles)) is None:
                factors = np.minimum(open_rest, self.choices.limits[1][slot])
            longest = np.max([factors[:, [i for i, _ in rank]].prod(axis=1) for rank in ranks], axis=0)
            divisor *= np.minimum(longest, self.rooms[slot])
        return divisor

    def filling(self, slot: int, tiles: Ints | None) -> Floats | None:
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
            if (factors := self.filling(slot, tiles)) is not None:
                least *= factors[:, ~self._relevant[t]].prod(axis=1)
                if not self._no_multicast[level, t]:
                    most *= factors[:, self._repeating[t]].prod(axis=1)
            elif not self._no_multicast[level, t]:
                factors = np.minimum(open_rest, self.choices.limits[1][slot])
                most *= np.minimum(float(self.rooms[slot]), factors[:, self._repeating[t]].prod(axis=1))
        return most, least

    def _first_words(self, t: int, level: int, tiles: Ints | None) -> Floats | float:
        """The most words of an output that the first visits save reading, over all instances of a level."""
        copies: Floats | float = 1.0
        for outer, slot in self._spatial.items():
            if outer > level:
                if (factors := self.filling(slot, tiles)) is not None:
                    copies = copies * factors[:, self._repeating[t]].prod(axis=1)
                else:
                    copies = copies * min(float(self.rooms[slot]), self.bounds[self._repeating[t]].prod())
        return copies * float(self.sizes(t, self.bounds[None])[0])

    def _charge_child(self, traffic: Traffic, t: int, level: int, fills: Floats, tiles: Ints | None) -> None:
        facts = self.facts.levels[level]
        if self.facts.tensors[t].read_write:
            fills = fills - self._first_words(t, level, tiles)
        words = np.maximum(fills - facts.instances, 0)
        traffic.energy += words * facts.write_energy
        traffic.writes[level] = traffic.writes.get(level, 0.0) + words * facts.scale[t]

    def _charge_parent(self, traffic: Traffic, t: int, level: int, reads: Floats, tiles: Ints | None) -> None:
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
