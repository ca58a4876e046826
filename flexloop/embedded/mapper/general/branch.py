"""Branch and bound below one root: factors slot by slot from the innermost outwards, then orders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from flexloop.embedded.arrays import Bools, Floats, Ints, Rows
from flexloop.embedded.mapper.fillings import MOST_LOOPS, arrangements
from flexloop.embedded.mapper.general.bounds import Decided, Relaxation
from flexloop.embedded.mapper.general.incumbent import Incumbent
from flexloop.embedded.mapper.general.orders import shared_dims, starting_with, temporal_orders, view_of
from flexloop.embedded.mapper.general.roots import NOTHING, Key, Root
from flexloop.embedded.mapper.slots import Genomes, concatenate, every_arrangement, picked

_CHUNK = 128
"""Partial mappings that are taken one slot further together."""
_BLOCK = 8192
"""Partial mappings that are bounded together."""
_HELD = 1 << 21
"""Numbers in the bounded partial mappings of one slot that are held at a time."""
_BATCH = 2048
"""Mappings that are costed together."""


@dataclass
class _Orders:
    """Arrangements of the loops of one slot, and whether these are all that matter."""

    orders: Ints
    splits: Ints
    complete: bool


class Branch:
    """Branch and bound below one root.

    Args:
        search: holds the best mapping known, and the clock.
        root: where to begin.
        relaxation: its bounds.
    """

    def __init__(self, search: Incumbent, root: Root, relaxation: Relaxation) -> None:
        self._search, self._part, self._keep = search, root.part, root.keep
        self._choices = root.part.choices
        self._filling = root.filling or {}
        self._bounds, self._floor = root.bounds, root.key[0]
        self._relaxation = relaxation
        self._factorizations = self._choices.of_bounds(root.bounds)
        moving = {d for d, bound in enumerate(root.bounds) if bound > 1}
        self._views = tuple(view_of(tensor.groups, moving) for tensor in root.part.facts.tensors)

    def run(self) -> None:
        """Search everything below the root."""
        start = np.ones((1, 1, len(self._factorizations)), dtype=np.int64)
        self._descend(start, np.full(1, self._floor), np.zeros(1))

    def fitting(self, tiles: Ints) -> Ints:
        """Those of some mappings whose factors are decided that the hardware may hold."""
        fits = np.ones(len(tiles), dtype=np.bool_)
        for slot in range(len(self._choices.slots)):
            fits &= self._fits(slot, tiles[:, slot], tiles[:, slot + 1])
        return tiles[fits]

    def bounded(self, tiles: Ints) -> tuple[Ints, Floats, Floats]:
        """The partial mappings that may be better than the best known, and their bounds; the most promising first."""
        primary, tie = self._search.keys(*self._relaxation.bound(tiles))
        primary = np.maximum(primary, self._floor)
        rows = np.flatnonzero(self._search.hopeful(primary, tie))
        rows = rows[np.lexsort((tie[rows], primary[rows]))]
        return tiles[rows], primary[rows], tie[rows]

    def _late(self, primary: Floats, tie: Floats) -> bool:
        """Whether time is up; then what these bounds stand for stays open."""
        if self._search.deadline.passed():
            self._search.leave_open(primary, tie)
            return True
        return False

    def _descend(self, tiles: Ints, primary: Floats, tie: Floats) -> None:
        slot = tiles.shape[1] - 1
        if slot == len(self._choices.slots):
            self.cost(tiles, primary, tie)
            return
        waiting: list[tuple[Ints, Floats, Floats]] = []
        for grown in self._expand(tiles, slot):
            if self._late(primary, tie):
                return
            waiting.append(self.bounded(grown))
            if sum(part[0].size for part in waiting) > _HELD:
                self._go_on(waiting)
                waiting = []
        if waiting:
            self._go_on(waiting)

    def _go_on(self, parts: Sequence[tuple[Ints, Floats, Floats]]) -> None:
        """Search below partial mappings, the most promising first."""
        tiles, primary, tie = (np.concatenate(column) for column in zip(*parts, strict=True))
        order = np.lexsort((tie, primary))
        for start in range(0, len(order), _CHUNK):
            rows = order[start : start + _CHUNK]
            rows = rows[self._search.hopeful(primary[rows], tie[rows])]
            if not len(rows):
                return
            if self._late(primary[order[start:]], tie[order[start:]]):
                return
            self._descend(tiles[rows], primary[rows], tie[rows])

    def _expand(self, tiles: Ints, slot: int) -> Iterator[Ints]:
        """Decide the factors of one more slot in every way that fits, in blocks."""
        waiting = [(np.arange(len(tiles)), tiles[:, -1], 0)]
        while waiting:
            rows, grown, d = waiting.pop()
            if d == len(self._factorizations):
                spans = np.concatenate([tiles[rows], grown[:, None]], axis=1)
                few = self._choices.few_loops
                yield spans if few is None else spans[few.may_hold(spans, self._bounds)]
                continue
            starts, _ = self._factorizations[d].steps(slot)
            first = starts[np.searchsorted(self._factorizations[d].divisors, grown[:, d])]
            reached = np.cumsum(first[:, 1] - first[:, 0])
            pieces = np.unique(np.searchsorted(reached, np.arange(0, int(reached[-1]) + _BLOCK, _BLOCK), side="right"))
            ends = pieces[(pieces > 0) & (pieces < len(rows))].tolist()
            for begin, end in reversed(list(zip([0, *ends], [*ends, len(rows)], strict=True))):
                more = self._grown(tiles, slot, d, rows[begin:end], grown[begin:end])
                if len(more[0]):
                    waiting.append((*more, d + 1))

    def _grown(self, tiles: Ints, slot: int, d: int, rows: Rows, grown: Ints) -> tuple[Rows, Ints]:
        """Decide the factor of one dimension."""
        starts, nexts = self._factorizations[d].steps(slot)
        first = starts[np.searchsorted(self._factorizations[d].divisors, grown[:, d])]
        counts = first[:, 1] - first[:, 0]
        picked = np.repeat(np.arange(len(rows)), counts)
        offsets = np.arange(len(picked)) - np.repeat(np.cumsum(counts) - counts, counts)
        rows, grown = rows[picked], grown[picked]
        grown[:, d] = nexts[first[picked, 0] + offsets]
        if slot in self._filling:
            wanted = grown[:, d] == tiles[rows, -1, d] * self._filling[slot][d]
            rows, grown = rows[wanted], grown[wanted]
        fits = self._fits(slot, tiles[rows, -1], grown)
        return rows[fits], grown[fits]

    def _fits(self, slot: int, before: Ints, grown: Ints) -> Bools:
        place = self._choices.slots[slot]
        fits = np.ones(len(grown), dtype=np.bool_)
        if place.spatial:
            fits &= (grown // before).prod(axis=1) <= prod(place.extent)
        for level in range(place.level, len(self._choices.levels)):
            fits &= self._relaxation.crossings.fits(level, grown)
        return fits

    def cost(self, tiles: Ints, primary: Floats, tie: Floats) -> None:
        """Cost every kind of order of mappings whose factors are decided."""
        decided = self._relaxation.decided(tiles)
        waiting: list[Genomes] = []
        floor = NOTHING
        for row in range(len(tiles)):
            if self._late(primary[row:], tie[row:]):
                break
            if not self._search.hopeful(primary[row : row + 1], tie[row : row + 1])[0]:
                continue
            key = float(primary[row]), float(tie[row])
            for genomes in self._leaf(decided, row, key):
                waiting.append(genomes)
                floor = min(floor, key)
                if sum(map(len, waiting)) >= _BATCH:
                    self._search.cost(self._part, concatenate(waiting), floor)
                    waiting, floor = [], NOTHING
        if waiting:
            self._search.cost(self._part, concatenate(waiting), floor)

    def _leaf(self, decided: Decided, row: int, floor: Key) -> Iterator[Genomes]:
        """The orders of one mapping that may be worth it, by their innermost loops."""
        factors = decided.tiles[row, 1:] // decided.tiles[row, :-1]
        energy, cycles, loops = self._relaxation.by_innermost(decided, row)
        primary, tie = self._search.keys(energy, cycles)
        primary = np.maximum(primary, floor[0])
        hopeful = np.argwhere(self._search.hopeful(primary, tie))
        if not len(hopeful):
            return
        linked = self._linked(factors)
        options: list[_Orders] = []
        for s in range(len(factors)):
            if self._late(primary, tie):
                return
            options.append(self._arrangements(s, factors[s], linked))
        if not all(option.complete for option in options):
            self._search.leave_open(*map(np.array, floor))
        for place in hopeful:
            innermost = {slot: int(found[i]) for (slot, found), i in zip(loops.items(), place, strict=True)}
            chosen = [starting_with((o.orders, o.splits), innermost.get(s), factors[s]) for s, o in enumerate(options)]
            sizes = [len(splits) for _, splits in chosen]
            total = prod(sizes)
            for start in range(0, total, _BATCH):
                if self._late(primary[tuple(place)][None], tie[tuple(place)][None]):
                    return
                orders, splits = picked(chosen, _unravelled(range(start, min(start + _BATCH, total)), sizes))
                n = len(splits)
                keep = np.broadcast_to(self._keep, (n, *self._keep.shape))
                yield Genomes(np.broadcast_to(factors, (n, *factors.shape)), orders, splits, keep)

    def _linked(self, factors: Ints) -> bool:
        """Whether it matters where children stand.

        Neighbours might pass something on, across a shared rank or whatever is read again at every step; or networks
        use energy for each hop, of which more words need not cost more.
        """
        if self._relaxation.facts.routed:
            return True
        for slot, row in zip(self._choices.slots, factors, strict=True):
            across = any(d in shared_dims(v) for v in self._views for d in np.flatnonzero(row > 1))
            if slot.spatial and (across or self._relaxation.crossings.rereads(slot.level)):
                return True
        return False

    def _arrangements(self, s: int, factors: Ints, linked: bool) -> _Orders:
        slot = self._choices.slots[s]
        loops = tuple((d, int(f)) for d, f in enumerate(factors.tolist()) if f > 1)
        imperfect = bool(self._choices.imperfect)  # then every order may count differently
        if imperfect and len(loops) <= MOST_LOOPS:
            return _Orders(*every_arrangement(slot, frozenset(d for d, _ in loops)), True)
        if slot.spatial:
            # The order of a fanout's loops matters to transfers between neighbours alone.
            orders, splits = arrangements(slot, loops, all_orders=linked)
            complete = not linked or len(loops) <= MOST_LOOPS
        else:
            orders, splits, complete = temporal_orders(slot, tuple(d for d, _ in loops), self._views, linked=linked)
        return _Orders(orders, splits, complete and not imperfect)


def _unravelled(numbered: range, sizes: Sequence[int]) -> list[Rows]:
    """The positions along axes of these sizes of elements given by their numbers, which may exceed 64 bits."""
    numbers = np.array(numbered, dtype=object)
    index: list[Rows] = []
    for size in reversed(sizes):
        index.insert(0, (numbers % size).astype(np.intp))
        numbers = numbers // size
    return index
