"""Branch and bound along paths: partial mappings with the least cost of what is decided, in every profile.

Factors are decided slot by slot from the innermost outwards. A partial mapping carries the least cost of its slots for
each profile (`conditions`) that some order of its loops leads to; with what lies beyond in that profile at least, this
bounds it. What the orders cost in truth is left to the mappings whose factors are all decided.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from flexloop.embedded.arrays import Floats, Ints
from flexloop.embedded.mapper.general.incumbent import Incumbent
from flexloop.embedded.mapper.general.leaves import BATCH, Arranged, Leaves, Reached
from flexloop.embedded.mapper.general.links import Links
from flexloop.embedded.mapper.general.ordered import Ordered
from flexloop.embedded.mapper.general.roots import NOTHING, Root
from flexloop.embedded.mapper.paths.shortest import Shortest
from flexloop.embedded.mapper.slots import Genomes, concatenate

_HELD = 8_000_000
"""Numbers that orders of loops which were met before may take."""
_CHUNK = 64
"""Partial mappings that are taken one slot further together."""


class Labels(Leaves):
    """Branch and bound below one root whose shortest path is known; see `Leaves`."""

    def __init__(self, search: Incumbent, root: Root, paths: Sequence[Shortest]) -> None:
        super().__init__(search, root, paths)
        self._filling, self._bounds = root.filling or {}, root.bounds
        self._programme = paths[0].programmes[0]
        self._tiles: dict[int, Ints] = {}
        self._steps: dict[tuple[int, bytes], Ints] = {}
        # Imperfect loops may count differently in every order.
        self._links = Links(
            self._choices.slots, self._facts, self._bounds, self._filling, always=bool(self._choices.imperfect)
        )
        self._orders, self._held = dict[bytes, Ordered | None](), 0

    def run(self) -> None:
        """Search everything below the root."""
        start = np.ones((1, 1, len(self._bounds)), dtype=np.int64)
        reached = [followed.start for followed in self.followed]
        self._follow(start, reached, np.full(1, self._floor), np.zeros(1))

    def _follow(self, spans: Ints, reached: Reached, primary: Floats, tie: Floats) -> None:
        """Search below partial mappings [n, slots, dimensions]."""
        place = spans.shape[1] - 1
        if place == len(self._choices.slots):
            self.cost(spans, primary, tie)
            return
        if self._choices.slots[place].spatial:
            grown = spans[:, -1] * np.array(self._filling[place], dtype=np.int64)
            self._follow(np.concatenate([spans, grown[:, None]], axis=1), reached, primary, tie)
            return
        grown, outside = self._grown_from(place, spans, reached)
        bounds, ties = self.keys(place + 1, grown[:, -1], outside)
        rows = np.flatnonzero(self.search.hopeful(bounds, ties))
        rows = rows[np.lexsort((ties[rows], bounds[rows]))]
        for start in range(0, len(rows), _CHUNK):
            some = rows[start : start + _CHUNK]
            some = some[self.search.hopeful(bounds[some], ties[some])]
            if not len(some):  # others may have a better tie-break: bounds differ by rounding
                continue
            if self.late(bounds[rows[start:]], ties[rows[start:]]):
                return
            self._follow(grown[some], [part[some] for part in outside], bounds[some], ties[some])

    def _grown_from(self, place: int, spans: Ints, reached: Reached) -> tuple[Ints, Reached]:
        """Partial mappings with the factors of one more slot, and the least costs of their profiles."""
        integers, every = self._tiles_outside(place), list(zip(self.followed, reached, strict=True))
        least = [np.concatenate([followed.least_beyond(place, row) for row in part]) for followed, part in every]
        hopeful = self.search.hopeful(*self.keyed(least)).reshape(len(spans), len(integers))
        tiles = [some[hopeful[i, some]] for i, some in enumerate(self._reached(place, tile) for tile in spans[:, -1])]
        parent = np.repeat(np.arange(len(tiles)), [len(some) for some in tiles])
        grown = np.concatenate([spans[parent], integers[np.concatenate(tiles)][:, None]], axis=1)
        rows = self._choices.imperfect.contain(grown[:, 1:] // grown[:, :-1])
        if self._choices.few_loops is not None:
            rows &= self._choices.few_loops.may_hold(grown, self._bounds)
        parent, grown = parent[rows], grown[rows]
        factors = grown[:, -1] // spans[parent, -1]
        return grown, [followed.through(place, spans[parent, -1], factors, part[parent]) for followed, part in every]

    def _reached(self, place: int, tile: Ints) -> Ints:
        """[n] the tiles outside of a slot that its loops may make of one inside it."""
        key = place, tile.tobytes()
        if key not in self._steps:
            low, high = (limits[place] for limits in self._choices.limits)
            factors, rest = np.divmod(self._tiles_outside(place), tile)
            self._steps[key] = np.flatnonzero(((rest == 0) & (factors >= low) & (factors <= high)).all(axis=1))
        return self._steps[key]

    def _tiles_outside(self, place: int) -> Ints:
        """[tiles, dimensions] the extents of the tiles outside of a slot."""
        if place not in self._tiles:
            self._tiles[place] = self._programme.window.grid.tiles[self._programme.places(place + 1)].astype(np.int64)
        return self._tiles[place]

    def cost(self, tiles: Ints, primary: Floats, tie: Floats) -> None:
        """Cost every kind of order of mappings whose factors are decided; those that have the same loops together."""
        loops = (tiles[:, 1:] > tiles[:, :-1]) @ (1 << np.arange(tiles.shape[2]))
        _, pattern = np.unique(loops, axis=0, return_inverse=True)
        waiting, floor = list[Genomes](), NOTHING
        for number in range(int(pattern.max(initial=-1)) + 1):
            rows = np.flatnonzero(pattern.ravel() == number)
            rows = rows[self.search.hopeful(primary[rows], tie[rows])]
            if not len(rows):
                continue
            orders = self._orders_of(loops[rows[0]].tobytes(), tiles[rows[0], 1:] // tiles[rows[0], :-1])
            if orders is None:
                super().cost(tiles[rows], primary[rows], tie[rows])
                continue
            for some in np.split(rows, range(BATCH // len(orders) + 1, len(rows), BATCH // len(orders) + 1)):
                if self.late(primary[some], tie[some]):
                    continue
                for genomes in orders.genomes(tiles[some], self._keep, self._links, BATCH):
                    waiting.append(genomes)
                    floor = min(floor, *zip(primary[some].tolist(), tie[some].tolist(), strict=True))
                    if sum(map(len, waiting)) >= BATCH:
                        self.search.cost(self._part, concatenate(waiting), floor)
                        waiting, floor = [], NOTHING
        if waiting:
            self.search.cost(self._part, concatenate(waiting), floor)

    def _orders_of(self, loops: bytes, factors: Ints) -> Ordered | None:
        """Orders of loops, of each kind one; None where they are many."""
        if loops not in self._orders:
            if self._held > _HELD:
                self._orders, self._held = {}, 0
            self._orders[loops] = found = self._ordered_of(factors)
            self._held += 0 if found is None else found.size
        return self._orders[loops]

    def _ordered_of(self, factors: Ints) -> Ordered | None:
        matters, every = self.is_linked(factors) or bool(self._choices.imperfect), list[list[Arranged]]()
        for linked in (False, True) if matters else (False,):
            every.append([self.arranged(s, row, linked) for s, row in enumerate(factors)])
            if not all(option.complete for option in every[-1]):
                return None
        found = [[(option.orders, option.splits) for option in options] for options in every]
        return Ordered.of(self._choices.slots, found, BATCH)
