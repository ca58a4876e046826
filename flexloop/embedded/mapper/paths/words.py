"""How many words tiles have, and which dimensions move them: what is the same for all ways to fill the fanouts."""

from __future__ import annotations

from math import gcd

import numpy as np

from flexloop.embedded.mapper.facts import Facts
from flexloop.embedded.mapper.paths.grid import Floats, Grid
from flexloop.embedded.mapper.relaxed import Moved
from flexloop.embedded.mapper.shares import NONE, Shares


class Words:
    """The tiles of a problem's data spaces.

    Args:
        facts: architecture and problem.
        grid: the tiles.
        shares: what residuals leave.

    Attributes:
        moved: for each data space what moves it.
        relevant, shared: the same of each, see `Moved`.
        box: [tiles] for each data space: the words of a tile.
        least: [tiles] for each data space: words of a tile times the iterations and instances outside, at least.
        spaced: for each data space the dimensions that move it alone in a rank, in steps of more than one word.
        whole: [tiles] for each data space: as ``least``, with the gaps that such steps leave; so it needs no less than
            the tiles that it consists of, and is right for the tile of one child alone.
        alone: [tiles] for each data space: words of a tile that is one child's, all gaps included, times the iterations
            and instances outside.
        lesser: for each data space the dimensions whose steps in a shared rank are shorter than the other's.
    """

    def __init__(self, facts: Facts, grid: Grid, shares: Shares = NONE) -> None:
        self.facts, self.grid, self.shares = facts, grid, shares
        bounds = grid.bounds
        tensors = range(len(facts.tensors))
        self.moved = [Moved(t, bounds) for t in facts.tensors]
        self.relevant, self.shared = [m.relevant for m in self.moved], [m.shared for m in self.moved]
        self.box = [t.box(grid.tiles) for t in facts.tensors]
        self.spaced = [
            frozenset(d for rank in t.groups for d, c in rank if c > 1 and bounds[d] > 1).difference(shared)
            for t, shared in zip(facts.tensors, self.shared, strict=True)
        ]
        self.lesser = [
            frozenset(d for d, rank in shared.items() if dict(rank)[d] < max(c for i, c in rank if bounds[i] > 1))
            for shared in self.shared
        ]
        self.least = [self._least(t) for t in tensors]
        self.whole = [self._whole(t, self.least[t]) for t in tensors]
        left = (np.array(grid.bounds) / grid.tiles).prod(axis=1)
        self.alone = [box * left for box in self.box]
        self._closer: dict[tuple[int, frozenset[int]], tuple[Floats, Floats]] = {}

    def sliding_dims(self, t: int) -> list[int]:
        """The dimensions along which tiles overlap; a rank that more than two dimensions share is not followed."""
        moving = {d: sum(self.grid.bounds[i] > 1 for i, _ in rank) for d, rank in self.shared[t].items()}
        return [d for d, count in moving.items() if count == 2 and not self.facts.tensors[t].is_diagonal]

    def left(self, t: int, first: int | None = None) -> float:
        """The share of words that residuals leave, where a loop over some dimension moves the tiles first.

        Of positions some words apart a tile of n has steps * (n - 1) + 1 words, and tiles of two lose the most.
        """
        if self.shares.are_whole:
            return 1.0
        apart = {d: c for rank in self.facts.tensors[t].ranks for d, c in rank}
        left = 1.0
        for d, positions in enumerate(self.shares.positions):
            if d == first:
                positions = (self.shares.stepping if d in self.shared[t] else self.shares.moving)[d]
            step = apart.get(d, 1)
            left *= max(positions / step, 1.0 - (1.0 - positions) * 2 * step / (step + 1))
        return left

    def is_dense(self, t: int, d: int) -> bool:
        """Whether tiles that lie side by side leave no gaps that a step along a dimension could fill.

        Two dimensions share its rank. Where steps of the other one are a word long, tiles either leave no gaps at all,
        or reach less far than one step of this one.
        """
        rank = [(i, c) for i, c in self.shared[t].get(d, ()) if self.grid.bounds[i] > 1]
        return len(rank) == 2 and all(c == 1 for i, c in rank if i != d) and not self.facts.tensors[t].is_diagonal

    def closer(self, t: int, dims: frozenset[int]) -> tuple[Floats, Floats]:
        """``least`` and ``whole`` where what counts is tiles further apart along some of the ``lesser`` dimensions.

        Their steps may be as long as the other's then, so that more of them overlap: of a sum of two sets of positions
        there are no fewer than of both together, less one.
        """
        if not dims:
            return self.least[t], self.whole[t]
        if (t, dims) not in self._closer:
            least = self._least(t, dims)
            self._closer[t, dims] = least, self._whole(t, least)
        return self._closer[t, dims]

    def _whole(self, t: int, words: Floats) -> Floats:
        """See ``whole``."""
        if self.spaced[t] and not self.facts.tensors[t].is_diagonal:
            for d, coefficient in (loop for rank in self.facts.tensors[t].ranks for loop in rank):
                if d in self.spaced[t]:
                    tiles = self.grid.tiles[:, d]
                    words = words * ((1.0 + coefficient * (tiles - 1.0)) / tiles)
        return words

    def _least(self, t: int, closer: frozenset[int] = frozenset()) -> Floats:
        """What a tile needs at least, gaps left out, so that it never needs more than the tiles that it consists of."""
        tiles = self.grid.tiles
        words: Floats = np.asarray((np.array(self.grid.bounds) / tiles).prod(axis=1))
        if self.facts.tensors[t].is_diagonal:
            return np.zeros(len(tiles))
        for rank in self.facts.tensors[t].ranks:
            moving = [(d, coefficient) for d, coefficient in rank if self.grid.bounds[d] > 1]
            extents = [tiles[:, d] for d, _ in moving]
            common = gcd(*(coefficient for _, coefficient in moving))
            steps = [coefficient // common for _, coefficient in moving]
            if len(moving) == 2 and min(steps) == 1:
                # Positions side by side in steps of one dimension, as many as these span, or else none twice.
                steps = [1, 1] if any(d in closer for d, _ in moving) else steps
                box = 1.0 + sum(step * (tiles[:, d] - 1.0) for step, (d, _) in zip(steps, moving, strict=True))
                words = words * np.minimum(box, extents[0] * extents[1])
            elif moving:
                words = words * np.max(extents, axis=0)
        return words
