"""The orders that may cost differently of mappings that have loops > 1 in the same places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from flexloop.embedded.arrays import Bools, Ints
from flexloop.embedded.mapper.general.links import Links
from flexloop.embedded.mapper.slots import Genomes, Slot, picked

Arranged = tuple[Ints, Ints]
"""Orders [k, slots, dimensions] and splits [k, slots]."""


@dataclass(frozen=True)
class Ordered:
    """Orders of loops, of each kind one.

    Attributes:
        slots: the mapspace's.
        alone: where no neighbour passes anything on.
        linked: where neighbours may, with the loops of the fanouts placed in one way; None: they never do.
        placed: the ways to place these.
    """

    slots: Sequence[Slot]
    alone: Arranged
    linked: Arranged | None
    placed: Arranged

    @classmethod
    def of(cls, slots: Sequence[Slot], options: Sequence[Sequence[Arranged]], most: int) -> Ordered | None:
        """All combinations of the arrangements of each slot, last of linked neighbours; None where they are many."""
        spatial = [slot.spatial for slot in slots]
        placed = [a if is_spatial else _first(a) for a, is_spatial in zip(options[-1], spatial, strict=True)]
        ordered = [
            [_first(a) if is_spatial else a for a, is_spatial in zip(some, spatial, strict=True)] for some in options
        ]
        if max(prod(len(splits) for _, splits in some) for some in (placed, *ordered)) > most:
            return None
        alone, *linked = map(_product, ordered)
        return cls(slots, alone, linked[0] if linked else None, _product(placed))

    @property
    def size(self) -> int:
        """The numbers that it holds."""
        return sum(part[0].size for part in (self.alone, self.linked, self.placed) if part is not None)

    def __len__(self) -> int:
        return len((self.linked or self.alone)[1])

    def genomes(self, tiles: Ints, keep: Bools, links: Links, batch: int) -> Iterator[Genomes]:
        """Mappings in every order, in each way to place the fanouts' loops where that may matter.

        Args:
            tiles: [n, slots + 1, dimensions] the mappings.
            keep: [levels, data spaces] what levels keep.
            links: between neighbours.
            batch: how many to give at a time, about.
        """
        factors = tiles[:, 1:] // tiles[:, :-1]
        served = (
            np.zeros((len(tiles), 0), dtype=np.bool_) if self.linked is None else links.may_be(tiles, self.linked[0])
        )
        some: Bools = np.asarray(served.any(axis=1))
        yield _combined(factors[~some], self.alone, keep)
        if self.linked is None:
            return
        mapping, order = np.nonzero(~served & some[:, None])
        orders, splits = self.linked
        yield _genomes(factors[mapping], orders[order], splits[order], keep)
        mapping, order = np.nonzero(served)
        each = batch // max(len(self.placed[1]), 1) + 1
        for start in range(0, len(mapping), each):
            yield self._in_every_place(factors[mapping[start : start + each]], order[start : start + each], keep)

    def _in_every_place(self, factors: Ints, order: Ints, keep: Bools) -> Genomes:
        """Mappings, each in an order, in every way to place the fanouts' loops."""
        assert self.linked is not None
        ways = len(self.placed[1])
        orders, splits = (np.repeat(part[order], ways, axis=0) for part in self.linked)
        spatial = [place for place, slot in enumerate(self.slots) if slot.spatial]
        orders[:, spatial], splits[:, spatial] = (
            np.tile(part[:, spatial], (len(order), *(1,) * (part.ndim - 1))) for part in self.placed
        )
        return _genomes(np.repeat(factors, ways, axis=0), orders, splits, keep)


def _first(arranged: Arranged) -> Arranged:
    return arranged[0][:1], arranged[1][:1]


def _product(options: Sequence[Arranged]) -> Arranged:
    sizes = [len(splits) for _, splits in options]
    return picked(options, np.unravel_index(np.arange(prod(sizes)), sizes))


def _combined(factors: Ints, arranged: Arranged, keep: Bools) -> Genomes:
    """Mappings in all of some orders."""
    n, k = len(factors), len(arranged[1])
    orders, splits = (np.tile(part, (n, *(1,) * (part.ndim - 1))) for part in arranged)
    return _genomes(np.repeat(factors, k, axis=0), orders, splits, keep)


def _genomes(factors: Ints, orders: Ints, splits: Ints, keep: Bools) -> Genomes:
    return Genomes(factors, orders, splits, np.broadcast_to(keep, (len(factors), *keep.shape)))
