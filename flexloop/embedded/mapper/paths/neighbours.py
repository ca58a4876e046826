"""Which steps of a run neighbours may serve, wherever the loops of a fanout lie.

A neighbour serves a step if its tile lies as far from a child's as the step is long (rule 5b). Neighbours are next to
each other in the order of the fanout's loops, or a row apart: mostly they differ in one index of one loop. So a step
that is as long as two of them is served by nobody, although some child has the words; and of those that are served some
children lie at an edge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import inf

import numpy as np

from flexloop.embedded.arrays import Ints
from flexloop.embedded.mapper.fillings import MOST_LOOPS, arrangements, told_by_room
from flexloop.embedded.mapper.paths.grid import Floats
from flexloop.embedded.mapper.paths.keeping import Crossing
from flexloop.embedded.mapper.paths.meetings import Beside
from flexloop.embedded.mapper.paths.prices import Prices
from flexloop.embedded.mapper.paths.runs import Run
from flexloop.embedded.mapper.slots import Slot

Difference = tuple[int, int]
"""By how many places along the two dimensions of a rank the tiles of two neighbours differ."""
_MUCH = 1_000_000
"""Pairs of neighbours in all ways that a fanout's loops may lie; of more any child may be served."""


@dataclass(frozen=True)
class Served:
    """The runs whose steps neighbours may serve.

    Attributes:
        d, other: the dimension of the run, and the one that shares a rank with it.
        lengths: what a child may span along the one for each place that it spans along the other, as fractions, and by
            how much neighbours may divide then what a step brings.
        inside: children along the other dimension.
        least: children along the dimension of the run, at least.
        longest: places that a child may span along it.
        beside: the neighbours.
    """

    d: int
    other: int
    lengths: tuple[tuple[int, int, float], ...]
    inside: int
    least: int
    longest: float
    beside: Beside

    def divided(self, tiles: Floats) -> Floats:
        """[n]: by how much neighbours may divide what the steps of a run bring that ends at tiles [n, dimensions]."""
        found = np.ones(len(tiles))
        for numerator, denominator, by in self.lengths:
            spanned = tiles[:, self.other] / self.inside * numerator / denominator
            iterations = tiles[:, self.d] / np.maximum(spanned, 1.0) / self.least
            is_served = (spanned >= 1.0) & (spanned <= self.longest) & (spanned % 1.0 == 0.0) & (iterations >= 2.0)
            found[is_served] = np.maximum(found[is_served], by)
        return found


def served(
    prices: Prices,
    slots: Sequence[tuple[Slot, frozenset[int]]],
    t: int,
    crossing: Crossing,
    run: Run,
    level: int,
    way: int,
) -> Served | None:
    """The runs whose steps neighbours may serve where fanouts are filled in one way; None: any.

    Where this is one way on several arrays, or fanouts are taken for one, it is those of every array and every way.

    Args:
        prices: of the ways to fill the fanouts.
        slots: the mapspace's, each with the dimensions that it may have loops over.
        t: the data space.
        crossing: the boundary; what counts is what each child is sent, or each word that the parent sends to any.
        run: the run.
        level: where it ends.
        way: the way.
    """
    words, fillings, child = prices.words, prices.fillings, crossing.child
    rank = [(d, step) for d, step in words.shared[t][run.d] if words.grid.bounds[d] > 1]
    (d, own), (other, step) = sorted(rank, key=lambda loop: loop[0] != run.d)
    movable = {slot.level: slot_dims for slot, slot_dims in slots if not slot.spatial}
    slot = slots[fillings.slots[fillings.levels.index(child + 1)]][0]
    is_of_many = fillings.arrays is not None or fillings.joined is not None
    if is_of_many and not told_by_room(slot):  # neighbours are others where rows are longer
        return None
    fanouts = [(slot, factors) for factors in fillings.factors_below(child + 1, way)]
    apart = frozenset(words.relevant[t].difference(words.shared[t]))
    every = [differences(*fanout, (d, other), apart) for fanout in fanouts]
    if any(some is None for some in every):
        return None
    found = frozenset[Difference]().union(*(some for some in every if some is not None))
    begins = [p for p in range(child + 1, level + 1) if d in movable[p] or p == level]
    along = sorted({prices.along(child, p, d, way) for p in begins})
    lengths: dict[tuple[int, int], float] = {}
    for n, length in {(n, Fraction(j * step, (n - i) * own)) for i, j in found if j > 0 for n in along}:
        lying = (d, own * length.numerator), (other, step * length.denominator)
        step_on, fills = n * own * length.numerator, child == crossing.parent
        by = max(divided(*fanout, lying, step_on, apart, fills=fills) for fanout in fanouts)
        key = length.numerator, length.denominator
        lengths[key] = max(by, lengths.get(key, 1.0))
    inside = prices.along(child, level, other, way)
    by_length = tuple((*key, by) for key, by in sorted(lengths.items()))
    return Served(d, other, by_length, inside, along[0], prices.inside[child][d], Beside(tuple(along), inside, found))


@lru_cache(maxsize=4096)
def differences(
    slot: Slot, factors: tuple[int, ...], rank: tuple[int, int], apart: frozenset[int]
) -> frozenset[Difference] | None:
    """The differences of all neighbours in all ways to place a fanout's loops, of both signs; None: there may be any.

    Args:
        slot: the fanout.
        factors: of all dimensions.
        rank: two dimensions that move tiles in it.
        apart: dimensions along which only tiles of the same place are of interest.
    """
    moved = moves(slot, factors)
    if moved is None:
        return None
    same = (moved[:, sorted(apart)] == 0).all(axis=1)
    return frozenset(map(tuple, moved[same][:, list(rank)].tolist()))


@lru_cache(maxsize=4096)
def moves(slot: Slot, factors: tuple[int, ...]) -> Ints | None:
    """[differences, dimensions]: by how many places a child and a neighbour may differ; None: there may be any.

    These are all differences in all ways to place a fanout's loops.
    """
    ways, places = _neighbours(slot, factors), _places(factors)
    if ways is None:
        return None
    found = [np.unique(places[:, there] - places[:, here], axis=1) for here, there in ways]
    every: Ints = np.unique(np.concatenate([places[:, :0], *found], axis=1), axis=1).T
    return every


@lru_cache(maxsize=4096)
def divided(
    slot: Slot, factors: tuple[int, ...], lengths: tuple[tuple[int, int], tuple[int, int]], step: int,
    apart: frozenset[int], *, fills: bool,
) -> float:  # fmt: skip
    """By how much neighbours divide what a step brings, at most, wherever the loops of a fanout lie.

    Args:
        slot: the fanout.
        factors: of all dimensions.
        lengths: two dimensions that move tiles in a rank, each with the words between two places.
        step: words that the step leads on in it.
        apart: dimensions along which only tiles of the same place are of interest.
        fills: whether what each child is sent counts, or each word that is sent to any.
    """
    ways, places = _neighbours(slot, factors), _places(factors)
    if ways is None or sum(len(here) for here, _ in ways) > _MUCH:
        return inf
    tile = sum(places[d] * length for d, length in lengths)
    _, others = np.unique(places[sorted(apart)], axis=1, return_inverse=True)
    _, tiles = np.unique(np.stack([tile, others.ravel()]), axis=1, return_inverse=True)
    every = len(tiles) if fills else int(tiles.max()) + 1
    least = every
    for here, there in ways:
        are_served = np.zeros(len(tiles), dtype=np.bool_)
        are_served[here[(tile[there] - tile[here] == step) & (others[there] == others[here])]] = True
        sent = tiles[~are_served]
        least = min(least, len(sent) if fills else len(np.unique(sent)))
    return every / least if least else inf


@lru_cache(maxsize=65536)
def saves(slot: Slot, factors: tuple[int, ...], lengths: tuple[int, ...], step: int) -> bool:
    """Whether a parent sends fewer tiles for a step in some way to place a fanout's loops, since neighbours have them.

    Args:
        slot: the fanout.
        factors: of all dimensions.
        lengths: how far a place along each dimension leads, in all ranks at once as one number.
        step: how far the step leads.
    """
    ways, places = _neighbours(slot, factors), _places(factors)
    if ways is None or sum(len(here) for here, _ in ways) > _MUCH:
        return True
    tile = np.array(lengths, dtype=np.int64) @ places
    tiles = np.unique(tile, return_inverse=True)[1]
    every = int(tiles.max()) + 1
    for here, there in ways:
        sent = np.ones(len(tiles), dtype=np.bool_)
        sent[here[tile[there] - tile[here] == step]] = False
        if np.count_nonzero(np.bincount(tiles[sent], minlength=1)) < every:
            return True
    return False


def _places(factors: tuple[int, ...]) -> Ints:
    """[dimensions, children] where the children of a fanout stand along each dimension."""
    return np.indices(factors).reshape(len(factors), -1)


@lru_cache(maxsize=256)
def _neighbours(slot: Slot, factors: tuple[int, ...]) -> list[tuple[Ints, Ints]] | None:
    """All pairs of a child and a neighbour, for each way that loops may lie; None: there may be any."""
    loops = tuple((d, factor) for d, factor in enumerate(factors) if factor > 1)
    if len(loops) > MOST_LOOPS:
        return None
    places, found = _places(factors), dict[bytes, tuple[Ints, Ints]]()
    for order, split in zip(*arrangements(slot, loops, all_orders=True), strict=True):
        on_x = int(np.prod([factors[d] for d in order[:split].tolist()], dtype=np.int64))
        row, number, stride = max(slot.extent[0], on_x), np.zeros(places.shape[1], dtype=np.int64), 1
        for d in order.tolist():  # the innermost loop counts fastest
            number, stride = number + places[d] * stride, stride * factors[d]
        children = np.argsort(number)
        pairs = []
        for ahead in {1, row}:
            here = np.arange(max(len(children) - ahead, 0))
            if ahead == 1 and row > 1:
                here = here[here % row != row - 1]
            pairs += [(children[here], children[here + ahead]), (children[here + ahead], children[here])]
        here, there = (np.concatenate(ends) for ends in zip(*pairs, strict=True))
        found[np.stack([here, there]).tobytes()] = here, there
    return list(found.values())
