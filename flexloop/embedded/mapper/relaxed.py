"""What crosses a boundary at least, whatever the orders of loops: the rules that all bounds share.

A boundary lies between a level that keeps a data space (the child) and the next one outside that does (the parent). All
children together receive the words of a tile times the iterations and instances outside of the loop that moves it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import lru_cache
from math import gcd, prod
from typing import NamedTuple

import numpy as np

from flexloop.embedded.arrays import Floats, told_apart
from flexloop.embedded.mapper.facts import READ, WRITE, LevelFacts, TensorFacts
from flexloop.integers import divisors


class Access(NamedTuple):
    """What words do at a level.

    Attributes:
        kind: READ or WRITE, whose bandwidth they take.
        energy: pJ a word.
        spares_first: whether the first visits of partial sums go without.
    """

    kind: int
    energy: float
    spares_first: bool


def taken_in(level: LevelFacts, t: int) -> list[Access]:
    """What a child is charged for each word of a data space that it receives."""
    return [Access(WRITE, level.write_energy, t not in level.rmw_first_update)]


def handed_out(level: LevelFacts, t: int, tensor: TensorFacts) -> list[Access]:
    """What a parent is charged for each word that children get from it, or add to it."""
    read = Access(READ, level.read_energy, t not in level.rmw_first_update)
    return [read, Access(WRITE, level.update_energy, False)] if tensor.read_write else [read]


def certain(accesses: Sequence[Access], tensor: TensorFacts) -> float:
    """pJ of what happens to a word, or a partial sum, at its first visit too."""
    return sum(access.energy for access in accesses if not (tensor.read_write and access.spares_first))


class Compulsory:
    """What no mapping can do without: the energy that is surely spent for each MAC, and for each word of a data space.

    Args:
        compute_energy: pJ of a MAC.
        tensors: the data spaces.
    """

    def __init__(self, compute_energy: float, tensors: Sequence[TensorFacts]) -> None:
        self._tensors, self._per_mac, self._per_word = tensors, compute_energy, [0.0] * len(tensors)

    def feeds(self, level: LevelFacts, t: int, words: float) -> None:
        """Note that a level hands out so many words of a data space for each MAC."""
        self._per_mac += self._given(level, t) * words

    def hands_out(self, level: LevelFacts, t: int) -> None:
        """Note that a level hands out each word of a data space."""
        self._per_word[t] += self._given(level, t)

    def _given(self, level: LevelFacts, t: int) -> float:
        return certain(handed_out(level, t, self._tensors[t]), self._tensors[t])

    def takes_in(self, level: LevelFacts, t: int) -> None:
        """Note that a level takes in each word of a data space."""
        self._per_word[t] += certain(taken_in(level, t), self._tensors[t])

    def energy(self, macs: float, words: Sequence[int]) -> float:
        """The least energy (pJ) of so many MACs, and of so many words of each data space."""
        return macs * self._per_mac + sum(pj * n for pj, n in zip(self._per_word, words, strict=True))

    def cycles(self, macs: int, lanes: int, words: Sequence[int], top: LevelFacts) -> float:
        """The least cycles: so many MACs work at once, and the outermost level gives, or takes, each word once."""
        moved = list(zip(self._tensors, words, strict=True))
        read, written = (sum(n for tensor, n in moved if tensor.read_write == kind) for kind in (False, True))
        return max(-(-macs // lanes), read / top.read_bandwidth, written / top.write_bandwidth)


class Moved:
    """What moves a data space in a problem, and how the loops of a fanout, [n, dimensions] of factors, share it.

    Args:
        tensor: the data space.
        bounds: the bound of each dimension.

    Attributes:
        relevant, irrelevant: the dimensions that move it, and the others, which repeat its tiles.
        shared: the ranks that two or more dimensions move it in, by dimension.
        repeating: the dimensions along which children may have words in common.
        everything: its words.
    """

    def __init__(self, tensor: TensorFacts, bounds: Sequence[int]) -> None:
        self.tensor, self._bounds = tensor, tuple(bounds)
        self.relevant = frozenset(d for rank in tensor.ranks for d, _ in rank if bounds[d] > 1)
        self.irrelevant = [d for d in range(len(bounds)) if d not in self.relevant]
        self.shared = {
            d: rank
            for rank in tensor.groups
            for d, _ in rank
            if bounds[d] > 1 and sum(bounds[i] > 1 for i, _ in rank) > 1
        }
        self.repeating = [*self.irrelevant, *self.shared]
        self.everything = float(tensor.box(np.array([bounds], dtype=np.float64))[0])

    def sharing(self, factors: Floats, inside: Floats) -> Floats:
        """[n]: how many children get the same tile at most, of fanouts with these factors.

        Args:
            factors: of the fanouts.
            inside: [n, dimensions] what lies inside of them may span, at most.
        """
        share: Floats = factors[:, self.irrelevant].prod(axis=1)
        for rank in set(self.shared.values()):
            dims, loops = [d for d, _ in rank], tuple((self._bounds[d], coefficient) for d, coefficient in rank)
            both = np.stack([factors[:, dims], inside[:, dims]], axis=1).astype(np.int64)
            first, which = told_apart(both.reshape(len(both), -1))
            alike = [
                prod(way) if self.tensor.is_diagonal else most_alike(loops, tuple(way), tuple(span))
                for way, span in both[first].tolist()
            ]
            share = share * np.array(alike, dtype=np.float64)[which]
        return share

    def passing(self, d: int) -> list[int]:
        """The dimensions along which neighbours may pass words on where the innermost loop is over d.

        Along the displacement of that loop tiles lie one after the other only in steps of the rank's other dimensions,
        and the last of them has no neighbour to take its words from.
        """
        return [i for i, _ in self.shared.get(d, ()) if i != d or self.tensor.is_diagonal]


@lru_cache(maxsize=65536)
def most_alike(loops: tuple[tuple[int, int], ...], factors: tuple[int, ...], inside: tuple[int, ...]) -> int:
    """How many children of a fanout may have the same offset along a rank, at most: they share a tile (rule 4a).

    Of two loops the steps are s1 and s2 long, as what lies inside the fanout along their dimensions: any divisors of
    what the factors leave, as far as that may span. Two children have the same offset where they are s2 / g steps apart
    along the one and s1 / g along the other, g being the greatest common divisor. Of more loops all but the longest may
    lead back.

    Args:
        loops: for each dimension of the rank its bound and its coefficient.
        factors: what the fanout has of each.
        inside: what lies inside of it may span along each, at most.
    """
    moving = [(*loop, n, most) for loop, n, most in zip(loops, factors, inside, strict=True) if n > 1]
    if len(moving) != 2 or any(bound % n for bound, _, n, _ in moving):
        return prod(factors) // max(factors)
    (_, _, n, _), (_, _, m, _) = moving
    spans = [[c * span for span in divisors(bound // n) if span <= most] for bound, c, n, most in moving]
    steps = itertools.product(*spans)
    return max(min(-(-n * gcd(s, z) // z), -(-m * gcd(s, z) // s)) for s, z in steps)
