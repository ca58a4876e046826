"""Mappings whose factors are decided: the orders of their loops that may be worth it are costed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from flexloop.embedded.arrays import Floats, Ints, Rows
from flexloop.embedded.mapper.fillings import MOST_LOOPS, arrangements
from flexloop.embedded.mapper.general.incumbent import Incumbent
from flexloop.embedded.mapper.general.measure import Line, Measure
from flexloop.embedded.mapper.general.roots import NOTHING, Key, Root
from flexloop.embedded.mapper.orders import shared_dims, temporal_orders, view_of
from flexloop.embedded.mapper.paths.follow import Follow
from flexloop.embedded.mapper.paths.shortest import Shortest
from flexloop.embedded.mapper.slots import Genomes, concatenate, every_arrangement, picked

BATCH = 2048
"""Mappings that are costed together, about."""
Reached = list[Floats]
"""[n, rows] for each programme the least costs of the profiles that n partial mappings may be in."""


@dataclass
class Arranged:
    """Arrangements of the loops of one slot, and whether these are all that matter."""

    orders: Ints
    splits: Ints
    complete: bool


class Leaves:
    """Mappings below one root.

    Args:
        search: holds the best mapping known, and the clock.
        root: where they are.
        paths: the shortest paths: first for energy, then for the cycles of bandwidths, alone or beside energy.
    """

    def __init__(self, search: Incumbent, root: Root, paths: Sequence[Shortest]) -> None:
        self.search, self._part, self._keep, self._floor = search, root.part, root.keep, root.key[0]
        self._facts, self._choices = root.part.facts, root.part.choices
        self._cycles, self._measure = root.cycles, Measure(search, root.part.facts, root.bounds)
        self._paths = paths
        self.followed = [Follow(programme) for path in paths for programme in path.programmes]
        moving = {d for d, bound in enumerate(root.bounds) if bound > 1}
        self._views = tuple(view_of(tensor.groups, moving) for tensor in self._facts.tensors)

    def keys(self, place: int, tiles: Ints, reached: Reached) -> tuple[Floats, Floats]:
        """Objectives and tie-breaks, at least, of partial mappings that span tiles [n, dimensions] inside of a slot."""
        every = zip(self.followed, reached, strict=True)
        return self.keyed([followed.beyond(place, tiles, part) for followed, part in every])

    def keyed(self, least: Sequence[Floats]) -> tuple[Floats, Floats]:
        """The same given the least values along the paths of each programme."""
        values = iter(least)
        sums = [sum(next(values) for _ in path.programmes) for path in self._paths]
        cycles, lines = np.full(len(least[0]), self._cycles), []
        for path, value in zip(self._paths[1:], sums[1:], strict=True):
            if path.weight:
                lines.append(Line(path.weight, np.asarray(value)))
            else:
                cycles = self._measure.cycles(cycles, np.asarray(value))
        primary, tie = self._measure.keys(np.asarray(sums[0]), cycles, lines)
        return np.maximum(primary, self._floor), tie

    def late(self, primary: Floats, tie: Floats) -> bool:
        """Whether time is up; then what these bounds stand for stays open."""
        if self.search.deadline.passed():
            self.search.leave_open(primary, tie)
            return True
        return False

    def cost(self, tiles: Ints, primary: Floats, tie: Floats) -> None:
        """Cost the orders of mappings [n, slots + 1, dimensions] that may be worth it."""
        waiting: list[Genomes] = []
        floor = NOTHING
        for row in range(len(tiles)):
            if self.late(primary[row:], tie[row:]):
                break
            if not self.search.hopeful(primary[row : row + 1], tie[row : row + 1])[0]:
                continue
            key = float(primary[row]), float(tie[row])
            for genomes in self._ordered(tiles[row], key):
                waiting.append(genomes)
                floor = min(floor, key)
                if sum(map(len, waiting)) >= BATCH:
                    self.search.cost(self._part, concatenate(waiting), floor)
                    waiting, floor = [], NOTHING
        if waiting:
            self.search.cost(self._part, concatenate(waiting), floor)

    def _ordered(self, tiles: Ints, key: Key) -> Iterator[Genomes]:
        """The orders of one mapping that may be worth it."""
        factors = tiles[1:] // tiles[:-1]
        options: list[Arranged] = []
        linked = self.is_linked(factors)
        for s, row in enumerate(factors):
            if self.late(*map(np.atleast_1d, key)):
                return
            options.append(self.arranged(s, row, linked))
        if not all(option.complete for option in options):
            self.search.leave(key)
        for chosen in self._chosen(0, tiles, options, [followed.start for followed in self.followed]):
            some = [(option.orders[rows], option.splits[rows]) for option, rows in zip(options, chosen, strict=True)]
            sizes = [len(rows) for rows in chosen]
            total = prod(sizes)
            for start in range(0, total, BATCH):
                if self.late(*map(np.atleast_1d, key)):
                    return
                orders, splits = picked(some, _unravelled(range(start, min(start + BATCH, total)), sizes))
                yield self.genomes(factors[None], orders, splits)

    def _chosen(self, s: int, tiles: Ints, options: Sequence[Arranged], reached: Reached) -> Iterator[list[Rows]]:
        """For each slot from one on some arrangements, by number, all of which may be worth it together.

        Of a slot those that no path tells apart go together; the most promising come first.
        """
        if s == len(options):
            yield []
            return
        orders = options[s].orders
        if self._choices.slots[s].spatial or len(orders) < 2:
            grown = reached if self._choices.slots[s].spatial else self._through(s, tiles, reached)
            for rest in self._chosen(s + 1, tiles, options, grown):
                yield [np.arange(len(orders)), *rest]
            return
        every = self._through(s, tiles, [np.repeat(part, len(orders), axis=0) for part in reached], orders)
        _, first, which = np.unique(np.concatenate(every, axis=1), axis=0, return_index=True, return_inverse=True)
        kinds = [part[first] for part in every]
        primary, tie = self._completed(s + 1, tiles, kinds)
        for kind in np.lexsort((tie, primary)):
            if not self.search.hopeful(primary[kind : kind + 1], tie[kind : kind + 1])[0]:
                continue
            if self.late(primary[kind : kind + 1], tie[kind : kind + 1]):
                return
            for rest in self._chosen(s + 1, tiles, options, [part[kind : kind + 1] for part in kinds]):
                yield [np.flatnonzero(which.ravel() == kind), *rest]

    def _through(self, s: int, tiles: Ints, reached: Reached, orders: Ints | None = None) -> Reached:
        """Through a slot of temporal loops of one mapping, in given orders or the best."""
        n = len(reached[0])
        inside, factors = (np.broadcast_to(row, (n, len(row))) for row in (tiles[s], tiles[s + 1] // tiles[s]))
        every = zip(self.followed, reached, strict=True)
        return [followed.through(s, inside, factors, part, orders) for followed, part in every]

    def _completed(self, s: int, tiles: Ints, reached: Reached) -> tuple[Floats, Floats]:
        """Objectives and tie-breaks, at least, where slots from one on have the best of their orders."""
        for place in range(s, len(tiles) - 1):
            if not self._choices.slots[place].spatial:
                reached = self._through(place, tiles, reached)
        return self.keys(len(tiles) - 1, np.broadcast_to(tiles[-1], (len(reached[0]), tiles.shape[1])), reached)

    def genomes(self, factors: Ints, orders: Ints, splits: Ints) -> Genomes:
        """All of some orders of mappings with some factors [n, slots, dimensions]."""
        n, k = len(factors), len(splits)
        keep = np.broadcast_to(self._keep, (n * k, *self._keep.shape))
        return Genomes(np.repeat(factors, k, axis=0), np.tile(orders, (n, 1, 1)), np.tile(splits, (n, 1)), keep)

    def is_linked(self, factors: Ints) -> bool:
        """Whether it matters where children stand.

        Neighbours might pass something on, across a shared rank or whatever is read again at every step; or networks
        use energy for each hop, of which more words need not cost more.
        """
        if self._facts.routed:
            return True
        for slot, row in zip(self._choices.slots, factors, strict=True):
            across = any(d in shared_dims(v) for v in self._views for d in np.flatnonzero(row > 1))
            if slot.spatial and (across or self._facts.rereads(slot.level)):
                return True
        return False

    def arranged(self, s: int, factors: Ints, linked: bool) -> Arranged:
        """The arrangements of a slot's loops that may cost differently."""
        slot = self._choices.slots[s]
        loops = tuple((d, int(f)) for d, f in enumerate(factors.tolist()) if f > 1)
        imperfect = bool(self._choices.imperfect)  # then every order may count differently
        if imperfect and len(loops) <= MOST_LOOPS:
            return Arranged(*every_arrangement(slot, frozenset(d for d, _ in loops)), True)
        if slot.spatial:
            # The order of a fanout's loops matters to transfers between neighbours alone.
            orders, splits = arrangements(slot, loops, all_orders=linked)
            complete = not linked or len(loops) <= MOST_LOOPS
        else:
            orders, splits, complete = temporal_orders(slot, tuple(d for d, _ in loops), self._views, linked=linked)
        return Arranged(orders, splits, complete and not imperfect)


def _unravelled(numbered: range, sizes: Sequence[int]) -> list[Rows]:
    """The positions along axes of these sizes of elements given by their numbers, which may exceed 64 bits."""
    numbers = np.array(numbered, dtype=object)
    index: list[Rows] = []
    for size in reversed(sizes):
        index.insert(0, (numbers % size).astype(np.intp))
        numbers = numbers // size
    return index
