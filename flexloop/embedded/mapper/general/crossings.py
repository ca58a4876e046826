"""The words that cross into a level, and what they cost, at least: of mappings whose orders are open.

What is used of the cost model is said in `general.bounds`, and in `relaxed`.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from flexloop.embedded.mapper.choices import Choices
from flexloop.embedded.mapper.facts import Facts, Resource
from flexloop.embedded.mapper.relaxed import Access, Moved, handed_out, taken_in

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
FanoutFactors = dict[int, list[tuple[int, ...]] | None]
"""For each fanout, by slot, the factors that it may have, or None where these are not listed."""


class Fanout(NamedTuple):
    """What is known of a fanout in some mappings.

    Attributes:
        factors: [n, dimensions] or [1, dimensions] its factors, or the most that they may be.
        room: how many children it can hold.
        is_decided: whether these are its factors.
    """

    factors: Floats
    room: float
    is_decided: bool

    def most(self, dims: Sequence[int]) -> Floats:
        """[n]: the product of the factors of some dimensions, at most."""
        return np.asarray(np.minimum(self.room, self.factors[:, dims].prod(axis=1)))


Fanouts = dict[int, Fanout]
"""By the level above each."""


@dataclass
class Traffic:
    """Energy and words over all instances for each possible innermost loop: [families, n]; infinite: it cannot be.

    Words are those that a level reads or writes (READ, WRITE), as they count for its bandwidths.
    """

    energy: Floats
    words: dict[Resource, Floats]


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
        self._share = choices.imperfect.least_words(bounds, facts.steps)
        # The MACs (-1) and each level that takes in a data space's tiles, and who gives them; see `shortest`.
        handing_on = np.array([[t in level.no_coalesce for t in range(keep.shape[1])] for level in facts.levels])
        holders = [np.flatnonzero(held).tolist() for held in (keep & ~handing_on).T]
        self._parents = [dict(itertools.pairwise([-1, *levels])) for levels in holders]
        self._moved = [Moved(t, bounds) for t in facts.tensors]
        self._fillings = fillings
        self._rooms = {
            place: float(prod(choices.slots[place].extent)) if found is None else max(map(prod, found), default=1.0)
            for place, found in fillings.items()
        }

    def rereads(self, level: int) -> bool:
        """Whether the fanout below a level feeds something that is read again at every step: MACs, or limited tiles."""
        return level == 0 or bool(self.facts.levels[level - 1].no_temporal_reuse)

    def fits(self, level: int, tile: Ints | Floats) -> Mask:
        """[n]: whether the kept tiles fit the level's buffer."""
        used = np.zeros(len(tile))
        for t in np.flatnonzero(self.keep[level]):
            used += self.facts.tensors[t].box(tile)
        return used <= self.facts.levels[level].capacity

    def fanouts(self, tiles: Ints | None, rest: Floats) -> Fanouts:
        """What is known of all fanouts.

        Args:
            tiles: [n, slots + 1, dimensions] what the decided slots span, where any are.
            rest: [n, dimensions] what the open ones may multiply to.
        """
        found = {}
        for level, slot in self.choices.spatial.items():
            options, is_decided = self._fillings[slot], True
            if tiles is not None and slot < tiles.shape[1] - 1:
                factors = tiles[:, slot + 1] / tiles[:, slot]
            elif options is not None and len(options) == 1:
                factors = np.array(options, dtype=np.float64)
            else:
                factors, is_decided = np.minimum(rest, self.choices.limits[1][slot]), False
            found[level] = Fanout(factors, self._rooms[slot], is_decided)
        return found

    def operands(self, tiles: Ints) -> Traffic:
        """Reads and updates that the MACs cause at the innermost level that keeps each tensor."""
        n = len(tiles)
        traffic = Traffic(np.zeros((1, n)), {})
        fanouts = self.fanouts(tiles, self.bounds / tiles[:, -1])
        for t, parents in enumerate(self._parents):
            # Below a fanout to the MACs neighbours may pass on any operand that stays.
            if 0 not in self.choices.spatial and (parent := parents.get(-1)) is not None:
                words = self._share * self._macs / self._sharing(t, -1, parent, fanouts, n)
                accesses = handed_out(self.facts.levels[parent], t, self.facts.tensors[t])
                self._charge(traffic, t, parent, words[None], accesses, fanouts)
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
        traffic = Traffic(np.zeros((families, n)), {})
        fanouts = self.fanouts(tiles, self.bounds / (tile if tiles is None else tiles[:, -1]))
        for t, parents in enumerate(self._parents):
            if child not in parents or (child + 1 in fanouts and self.facts.may_be_passed_on(t, child)):
                continue
            parent = parents[child]
            fills, reads = self._words(t, child, parent, tile, families, tiles, fanouts)
            self._charge(traffic, t, child, fills * self._share, taken_in(self.facts.levels[child], t), fanouts)
            accesses = handed_out(self.facts.levels[parent], t, self.facts.tensors[t])
            self._charge(traffic, t, parent, reads * self._share, accesses, fanouts)
        for words in (traffic.energy, *traffic.words.values()):
            words[~moving] = np.inf
        return traffic

    def _words(
        self, t: int, child: int, parent: int, tile: Floats, families: int, tiles: Ints | None, fanouts: Fanouts
    ) -> tuple[Floats, Floats]:
        """[families, n] words that all children of a boundary receive and that all parents give."""
        moved, n = self._moved[t], len(tile)
        rest = self.bounds / tile
        size = moved.tensor.box(tile)
        every = size * rest.prod(axis=1)
        most = self._sharing(t, child, parent, fanouts, n)
        halo = {d: self._halo(t, d, tile, rest) for d in moved.shared}
        smallest = np.minimum.reduce([np.ones(n), *halo.values()])
        own = size * rest[:, list(moved.relevant)].prod(axis=1) * smallest
        refills = np.zeros(n) if tiles is None else smallest * (every / self._run(t, child, tiles))
        repeats = [
            fanout.factors[:, moved.irrelevant]
            for p, fanout in fanouts.items()
            if child < p <= parent and fanout.is_decided
        ]
        least = prod((factors.prod(axis=1) for factors in repeats), start=np.ones(n))
        fills, reads = np.empty((families, n)), np.empty((families, n))
        for d in range(families):
            if d not in moved.relevant:
                fills[d], reads[d] = np.maximum(own * least, refills), np.maximum(own, refills / most)
                continue
            passed_on = self._passed_on(t, child + 1, d, fanouts, n)
            fills[d] = every * halo.get(d, 1.0)
            reads[d] = np.where(passed_on > 1, fills[d] / most / passed_on, np.maximum(fills[d] / most, own))
            # With fanouts outside, what neighbours pass on is spread over instances that do not get it.
            if any(level > child + 1 for level in self.choices.spatial):
                fills[d] /= passed_on
        return fills, reads

    def _run(self, t: int, child: int, tiles: Ints) -> Floats:
        """[n]: for how many iterations a tile may stay where the innermost loop above it does not move it, at most.

        A slot that moves the tile ends the run; its own loops that do not move it may all lie inside.
        """
        run = np.ones(len(tiles))
        staying = np.ones(len(tiles), dtype=np.bool_)
        still, relevant = self._moved[t].irrelevant, list(self._moved[t].relevant)
        for slot in self.choices.temporal.values():
            if self.choices.temporal[child] < slot < tiles.shape[1] - 1:
                factors = tiles[:, slot + 1] / tiles[:, slot]
                run *= np.where(staying, factors[:, still].prod(axis=1), 1.0)
                staying &= ~self.choices.imperfect.move(tiles, slot)[:, relevant].any(axis=1)
        return run * np.where(staying, (self.bounds / tiles[:, -1])[:, still].prod(axis=1), 1.0)

    def _halo(self, t: int, d: int, tile: Floats, rest: Floats) -> Floats:
        """The least share of a tensor's refills that remains where moves along d save the overlap."""
        if self.facts.tensors[t].is_diagonal:
            return np.where(rest[:, d] > 1, 0.0, 1.0)
        rank = self._moved[t].shared[d]
        extent = 1.0 + sum(coefficient * (tile[:, i] - 1.0) for i, coefficient in rank)
        coefficient = next(c for i, c in rank if i == d)
        step = np.minimum(extent, coefficient * tile[:, d])
        moves = np.prod([rest[:, i] for i, _ in rank], axis=0)
        # Steps of a second dimension of the rank may cancel against those of the first and cost nothing.
        least = np.where(moves > rest[:, d], step * moves / 2, extent + (moves - 1) * step)
        share = np.minimum(least / (extent * moves), 1.0)
        return np.where(rest[:, d] > 1, share, 1.0)

    def _passed_on(self, t: int, level: int, d: int, fanouts: Fanouts, n: int) -> Floats:
        """[n] by how much neighbours may divide what the fanout below a level gives where d is innermost."""
        if level not in fanouts or t in self.facts.levels[level].no_link_transfer:
            return np.ones(n)
        return fanouts[level].most(self._moved[t].passing(d)) * np.ones(n)

    def _sharing(self, t: int, child: int, parent: int, fanouts: Fanouts, n: int) -> Floats:
        """[n] how many children get the same tile, at most."""
        most = np.ones(n)
        for level, fanout in fanouts.items():
            if child < level <= parent and t not in self.facts.levels[level].no_multicast_no_reduction:
                most = most * np.minimum(fanout.room, self._moved[t].most_sharing(fanout.factors))
        return most

    def _charge(
        self, traffic: Traffic, t: int, level: int, words: Floats, accesses: Sequence[Access], fanouts: Fanouts
    ) -> None:
        facts, moved = self.facts.levels[level], self._moved[t]
        first: Floats | float = 0.0
        if moved.tensor.read_write:
            first = moved.everything * prod(fanout.most(moved.repeating) for p, fanout in fanouts.items() if p > level)
        for kind, energy, spares_first in accesses:
            left = np.maximum(words - facts.instances - (first if spares_first else 0.0), 0)
            traffic.energy += left * energy
            traffic.words[level, kind] = traffic.words.get((level, kind), 0.0) + left * facts.scale[t]
