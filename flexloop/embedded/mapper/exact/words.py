"""Words that cross a boundary between two tiles, for the canonical problem: compiled helpers.

Dimensions are N G C M R S P Q = 0..7. Inputs have the ranks N, G, C, width = R*coef[0] + P*coef[1] and
height = S*coef[2] + Q*coef[3]; weights and outputs have one dimension a rank. The rules are those of
docs/search.md, "What a mapping costs".
"""

from __future__ import annotations

import numpy as np

from flexloop.embedded.arrays import Ints
from flexloop.embedded.jit import kernel
from flexloop.embedded.rules.multicast import pairs_apart, shift_of

WEIGHTS, INPUTS, OUTPUTS = 0, 1, 2
IRRELEVANT = np.zeros((3, 8), dtype=np.bool_)
IRRELEVANT[WEIGHTS, [0, 6, 7]] = True
IRRELEVANT[INPUTS, 3] = True
IRRELEVANT[OUTPUTS, [2, 4, 5]] = True


@kernel
def rank_extents(tile: Ints, coef: Ints) -> tuple[int, int, int]:
    """Words of an input tile along its uncoupled ranks together, its width and its height."""
    width = 1 + coef[0] * (tile[4] - 1) + coef[1] * (tile[6] - 1)
    height = 1 + coef[2] * (tile[5] - 1) + coef[3] * (tile[7] - 1)
    return tile[0] * tile[1] * tile[2], width, height


@kernel
def tile_words(tile: Ints, coef: Ints, tensor: int) -> int:
    """Words of a tile of one tensor."""
    if tensor == INPUTS:
        rest, width, height = rank_extents(tile, coef)
        return rest * width * height
    return moving(tile, tensor)


@kernel
def moving(factors: Ints, tensor: int) -> int:
    """The product of the factors of the dimensions that a tensor has."""
    times = 1
    for d in range(8):
        if not IRRELEVANT[tensor, d]:
            times *= factors[d]
    return times


@kernel
def repeating(factors: Ints, tensor: int) -> int:
    """The product of the factors of the dimensions that a tensor does not have."""
    times = 1
    for d in range(8):
        if IRRELEVANT[tensor, d]:
            times *= factors[d]
    return times


@kernel
def append_loops(row: Ints, factors: Ints, strides: Ints, nest: Ints, length: int) -> int:
    """Append the loops > 1 of one level, innermost first, to a nest of (dimension, factor, stride); its new length."""
    for i in range(8):
        d = row[i]
        if factors[d] > 1:
            nest[length, 0] = d
            nest[length, 1] = factors[d]
            nest[length, 2] = strides[d]
            length += 1
    return length


@kernel
def repeats(nest: Ints, length: int, tensor: int) -> int:
    """How often a tile of weights or outputs is moved: all loops from the innermost relevant one outwards."""
    times = 1
    moving = False
    for j in range(length):
        moving = moving or not IRRELEVANT[tensor, nest[j, 0]]
        if moving:
            times *= nest[j, 1]
    return times


@kernel
def displacement(d: int, stride: int, coef: Ints) -> tuple[int, int, int]:
    """Displacement of an input tile by one step of a loop: along the width, the height, and any uncoupled rank."""
    if d < 4:
        return 0, 0, 0 if d == 3 else 1
    step = slope(d, coef) * stride
    return (step, 0, 0) if d % 2 == 0 else (0, step, 0)


@kernel
def slope(d: int, coef: Ints) -> int:
    """Coefficient of R, S, P or Q in its rank."""
    return coef[(0, 2, 1, 3)[d - 4]]


@kernel
def brought(tile: Ints, coef: Ints, step1: int, step2: int) -> int:
    """Words of inputs that a step along width and height brings into a tile (rule 3d)."""
    rest, width, height = rank_extents(tile, coef)
    return rest * (width * height - max(0, width - step1) * max(0, height - step2))


@kernel
def input_words(tile: Ints, coef: Ints, nest: Ints, length: int) -> int:
    """Words of inputs moved into one tile over the whole nest, with the overlap of successive tiles credited."""
    full = tile_words(tile, coef, INPUTS)
    outer = 1
    for j in range(length):
        outer *= nest[j, 1]
    words = full
    started = False
    sub = full
    a1 = a2 = s1 = s2 = su = 0
    for j in range(length):
        d1, d2, du = displacement(nest[j, 0], nest[j, 2], coef)
        outer //= nest[j, 1]
        moves = d1 != 0 or d2 != 0 or du != 0
        if not started:
            if not moves:
                continue
            started = True
            a1, a2 = d1, d2
            if du == 0:
                sub = brought(tile, coef, d1, d2)
            cost = sub
        elif su != 0 or du != 0:
            cost = full
        elif d1 == s1 and d2 == s2:
            cost = 0
        elif d1 - s1 == a1 and d2 - s2 == a2:
            cost = sub
        else:
            cost = full
        words += cost * (nest[j, 1] - 1) * outer
        s1 += d1
        s2 += d2
        su += du
    return words


@kernel
def distinct(n1: int, step1: int, n2: int, step2: int) -> int:
    """Number of distinct sums i*step1 + j*step2, i < n1, j < n2."""
    if n1 == 1 or n2 == 1:
        return n1 * n2
    shift1, shift2 = shift_of(step1, step2)
    return n1 * n2 - pairs_apart(n1, shift1, n2, shift2, 1)


@kernel
def rank_offsets(x: Ints, strides: Ints, coef: Ints, rank: int) -> int:
    """Distinct offsets of input tiles in the array along the width (rank 0) or the height (1)."""
    a, b = spacing(strides, coef, rank)
    return distinct(x[4 + rank], a, x[6 + rank], b)


@kernel
def spacing(strides: Ints, coef: Ints, rank: int) -> tuple[int, int]:
    """Distances along a rank between PEs that are one apart in the filter's, and in the image's loop."""
    return coef[2 * rank] * strides[4 + rank], coef[2 * rank + 1] * strides[6 + rank]


@kernel
def offsets(x: Ints, strides: Ints, coef: Ints, tensor: int) -> int:
    """Distinct offsets of a tensor's tiles in the array (tiles of equal offset are multicast)."""
    if tensor == INPUTS:
        return x[0] * x[1] * x[2] * rank_offsets(x, strides, coef, 0) * rank_offsets(x, strides, coef, 1)
    return moving(x, tensor)
