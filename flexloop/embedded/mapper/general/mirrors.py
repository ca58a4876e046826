"""Dimensions that can change places: of two parts of a mapspace that mirror each other one is enough.

Rows and columns of a square convolution are alike where no constraint tells them apart: with P and Q, R and S exchanged
everywhere a mapping costs the same, for no count of the cost model depends on which dimension a loop is over.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence

import numpy as np

from flexloop.embedded.arrays import Ints
from flexloop.embedded.mapper.choices import Choices
from flexloop.embedded.mapper.facts import Facts
from flexloop.embedded.mapper.fillings import Fillings
from flexloop.embedded.mapper.imperfect import Products

Swap = tuple[int, ...]
"""For each dimension the one whose place it takes; applied twice nothing has changed."""


def mirrors(choices: Choices, facts: Facts, options: Sequence[Sequence[Products]]) -> list[Swap]:
    """The exchanges of one or two pairs of dimensions that leave a mapspace as it is.

    Args:
        choices: what it leaves open.
        facts: its problem.
        options: for each dimension its bounds, one or several, and how they may be split.
    """
    if choices.imperfect:
        return []
    alike = [pair for pair in itertools.combinations(range(len(options)), 2) if _alike(choices, options, *pair)]
    found = []
    for pairs in [*((pair,) for pair in alike), *itertools.combinations(alike, 2)]:
        different = len(set(itertools.chain(*pairs))) == 2 * len(pairs)
        if different and any(options[a][-1].bound > 1 for a, _ in pairs):
            swap = list(range(len(options)))
            for a, b in pairs:
                swap[a], swap[b] = b, a
            if all(_is_same(tensor.ranks, swap) for tensor in facts.tensors):
                found.append(tuple(swap))
    return found


def _alike(choices: Choices, options: Sequence[Sequence[Products]], a: int, b: int) -> bool:
    """Whether two dimensions have the same bounds, and the same factors in all slots, in a free order."""
    one, other = ([(f.bound, tuple(f.lows), tuple(f.highs)) for f in options[d]] for d in (a, b))
    looped = [max(f.highs[place] for f in options[a]) > 1 for place in range(len(choices.slots))]
    free = ({a, b} <= set(slot.middle) or not slot.counted for slot in choices.slots)
    return one == other and all(is_free for is_free, has_loops in zip(free, looped, strict=True) if has_loops)


def mirrored(bounds: Sequence[int], swaps: Sequence[Swap]) -> bool:
    """Whether bounds come, in their order, after one of their mirror images, which is looked at in their place."""
    return any(tuple(bounds[d] for d in swap) < tuple(bounds) for swap in swaps)


def _is_same(ranks: Sequence[Sequence[tuple[int, int]]], swap: Sequence[int]) -> bool:
    """Whether a data space has the same ranks with dimensions exchanged."""
    swapped = Counter(frozenset((swap[d], coefficient) for d, coefficient in rank) for rank in ranks)
    return swapped == Counter(frozenset(rank) for rank in ranks)


def without_mirrored(fillings: Fillings, swaps: Sequence[Swap]) -> Ints:
    """The ways to fill the fanouts, without those of which one that is kept is the mirror image.

    Of all images of a way the first in the order of its factors is kept: it comes after none of its own images.
    """
    width = fillings.factors.shape[1] * fillings.factors.shape[2]
    rows = fillings.factors.reshape(len(fillings), width)
    kept = np.ones(len(fillings), dtype=np.bool_)
    for swap in swaps if width else ():
        image = fillings.factors[:, :, list(swap)].reshape(len(fillings), width)
        differs = rows != image
        first = differs.argmax(axis=1)[:, None]
        later = np.take_along_axis(rows > image, first, axis=1)[:, 0]
        kept &= ~(differs.any(axis=1) & later)
    return np.flatnonzero(kept)
