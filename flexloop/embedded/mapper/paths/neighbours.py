"""Which steps of a run neighbours may serve, wherever the loops of a fanout lie.

A neighbour serves a step if its tile lies as far from a child's as the step is long (rule 5b). Neighbours are next to
each other in the order of the fanout's loops, or a row apart: mostly they differ in one index of one loop. So a step
that is as long as two of them is served by nobody, although some child has the words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from flexloop.embedded.mapper.fillings import MOST_LOOPS, arrangements
from flexloop.embedded.mapper.paths.grid import Floats
from flexloop.embedded.mapper.paths.meetings import Beside
from flexloop.embedded.mapper.paths.prices import Prices
from flexloop.embedded.mapper.paths.sliding import Run
from flexloop.embedded.mapper.slots import Slot

Ints = npt.NDArray[np.int64]
Difference = tuple[int, int]
"""By how many places along the two dimensions of a rank the tiles of two neighbours differ."""


@dataclass(frozen=True)
class Served:
    """The runs whose steps neighbours may serve.

    Attributes:
        d, other: the dimension of the run, and the one that shares a rank with it.
        lengths: what a child may span along the one for each place that it spans along the other, as fractions.
        inside: children along the other dimension.
        least: children along the dimension of the run, at least.
        longest: places that a child may span along it.
        beside: the neighbours.
    """

    d: int
    other: int
    lengths: frozenset[tuple[int, int]]
    inside: int
    least: int
    longest: float
    beside: Beside

    def may_be(self, tiles: Floats) -> npt.NDArray[np.bool_]:
        """[n]: whether a step of a run that ends at tiles [n, dimensions] may be served."""
        found = np.zeros(len(tiles), dtype=np.bool_)
        for numerator, denominator in self.lengths:
            spanned = tiles[:, self.other] / self.inside * numerator / denominator
            iterations = tiles[:, self.d] / np.maximum(spanned, 1.0) / self.least
            found |= (spanned >= 1.0) & (spanned <= self.longest) & (spanned % 1.0 == 0.0) & (iterations >= 2.0)
        return found


def served(
    prices: Prices,
    slots: Sequence[tuple[Slot, frozenset[int]]],
    t: int,
    child: int,
    run: Run,
    level: int,
    way: int,
    longest: float,
) -> Served | None:
    """The runs whose steps neighbours may serve where fanouts are filled in one way; None: any.

    Args:
        prices: of the ways to fill the fanouts.
        slots: the mapspace's, each with the dimensions that it may have loops over.
        t: the data space.
        child: the level whose tiles move.
        run: the run.
        level: where it ends.
        way: the way.
        longest: what the child may span along the run's dimension.
    """
    words, fillings = prices.words, prices.fillings
    rank = [(d, step) for d, step in words.shared[t][run.d] if words.grid.bounds[d] > 1]
    (d, own), (other, step) = sorted(rank, key=lambda loop: loop[0] != run.d)
    movable = {slot.level: slot_dims for slot, slot_dims in slots if not slot.spatial}
    place = fillings.levels.index(child + 1)
    factors = tuple(fillings.factors[way, place].tolist())
    apart = frozenset(words.relevant[t].difference(words.shared[t]))
    found = differences(slots[fillings.slots[place]][0], factors, (d, other), apart)
    if found is None:
        return None
    begins = [p for p in range(child + 1, level + 1) if d in movable[p] or p == level]
    along = sorted({prices.along(child, p, d, way) for p in begins})
    lengths = {Fraction(j * step, (n - i) * own) for i, j in found if j > 0 for n in along}
    fractions = frozenset((length.numerator, length.denominator) for length in lengths)
    inside = prices.along(child, level, other, way)
    beside = Beside(tuple(along), inside, found)
    return Served(d, other, fractions, inside, along[0], longest, beside)


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
    loops = tuple((d, factor) for d, factor in enumerate(factors) if factor > 1)
    if len(loops) > MOST_LOOPS:
        return None
    found: set[Difference] = set()
    for order, split in zip(*arrangements(slot, loops, all_orders=True), strict=True):
        on_x = [d for d in order[:split].tolist() if factors[d] > 1]
        on_y = [d for d in order[split:].tolist() if factors[d] > 1]
        row = max(slot.extent[0], int(np.prod([factors[d] for d in on_x], dtype=np.int64)))
        found |= _differences([*on_x, *on_y], factors, rank, apart, row)
    return frozenset(found)


def _differences(
    dims: Sequence[int], factors: Sequence[int], rank: tuple[int, int], apart: frozenset[int], row: int
) -> set[Difference]:
    """The same for loops that lie in one way, from the innermost outwards, ``row`` children in a row."""
    shape = [factors[d] for d in reversed(dims)]
    places = dict(zip(reversed(dims), np.indices(shape).reshape(len(dims), -1), strict=True))
    children = np.arange(int(np.prod(shape, dtype=np.int64)))
    found: set[Difference] = set()
    for ahead in {1, row}:
        here = children[: len(children) - ahead] if ahead < len(children) else children[:0]
        if ahead == 1 and row > 1:
            here = here[here % row != row - 1]
        moved = {d: place[here + ahead] - place[here] for d, place in places.items()}
        same = np.all([moved[d] == 0 for d in dims if d in apart] or [here >= 0], axis=0)
        some = [moved[d][same] if d in moved else np.zeros(int(same.sum()), dtype=np.int64) for d in rank]
        pairs = set(zip(*(part.tolist() for part in some), strict=True))
        found |= pairs | {(-i, -j) for i, j in pairs}
    return found
