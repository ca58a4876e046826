"""Transfers of input words between neighbouring PEs: compiled helpers.

When all PEs step to their next input tile and a neighbour already holds it, Timeloop lets the neighbour hand it over.
That depends on where the spatial loops put each PE, so it is counted by looking at every PE.
"""

from __future__ import annotations

import numpy as np

from flexloop.embedded.arrays import Ints
from flexloop.embedded.jit import allocating, kernel


@kernel
def can_link(tile: Ints, x: Ints, array_tile: Ints, bounds: Ints, coef: Ints) -> bool:
    """Whether any order of the loops above the array could let a PE take its next inputs from a neighbour.

    A step along a coupled rank must not exceed the largest distance between two PEs there; the least step is that of
    the one loop left on the rank, or, where both its dimensions have loops, may be as small as one word.
    """
    for filter_dim in (4, 5):
        image_dim = filter_dim + 2
        k = 2 * (filter_dim - 4)
        reach = coef[k] * tile[filter_dim] * (x[filter_dim] - 1) + coef[k + 1] * tile[image_dim] * (x[image_dim] - 1)
        if reach == 0:
            continue
        on_filter = bounds[filter_dim] > array_tile[filter_dim]
        on_image = bounds[image_dim] > array_tile[image_dim]
        if on_filter and (on_image or coef[k] * array_tile[filter_dim] <= reach):
            return True
        if on_image and (on_filter or coef[k + 1] * array_tile[image_dim] <= reach):
            return True
    return False


@allocating
def unserved(n1: int, step1: int, n2: int, step2: int, move: int, exact: bool) -> int:
    """Least number of distinct sums i*step1 + j*step2 (i < n1, j < n2) that a step leaves to the buffer.

    No neighbour holds the sum plus ``move`` where that is no such sum; where not ``exact``, the step may be any of at
    least ``move``, in either direction, and only sums too near the end are sure not to be served.
    """
    top = (n1 - 1) * step1 + (n2 - 1) * step2
    seen = np.zeros(top + 1, dtype=np.uint8)
    for i in range(n1):
        for j in range(n2):
            seen[i * step1 + j * step2] = 1
    count = 0
    for value in range(top + 1):
        if seen[value] and (value + move > top or (exact and not seen[value + move])):
            count += 1
    return count
