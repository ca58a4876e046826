"""Transfers of input words between neighbouring PEs: compiled helpers.

When all PEs step to their next input tile and a neighbour already holds it, Timeloop lets the neighbour hand it over.
That depends on where the spatial loops put each PE, so it is counted by looking at every PE.
"""

from __future__ import annotations

import numpy as np

from flexloop.embedded.jit import allocating, kernel
from flexloop.embedded.mapper.exact.types import F64, I64, FloatArray, IntArray
from flexloop.embedded.mapper.exact.words import displacement, rank_extents


@kernel
def can_link(tile: IntArray, x: IntArray, array_tile: IntArray, bounds: IntArray, coef: IntArray) -> bool:
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
def unserved(n1: I64, step1: I64, n2: I64, step2: I64, move: I64, exact: bool) -> I64:
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


@allocating
def place(order: IntArray, x: IntArray, tile: IntArray, coef: IntArray, pes: IntArray) -> I64:
    """Fill pes[e] = (width offset, height offset, uncoupled offset, group of equal offset); the number of PEs used.

    Args:
        order: spatial loops, innermost first; only those with x > 1 count.
        x: spatial factor of each dimension.
        tile: the tile of one PE.
        coef: coefficients of the input ranks.
        pes: [n, 5], at least as long as there are PEs in use; the last column is scratch.
    """
    n = 1
    loops = 0
    steps = np.zeros((8, 4), dtype=np.int64)
    for i in range(8):
        d = order[i]
        if x[d] == 1:
            continue
        n *= x[d]
        steps[loops, 0] = x[d]
        if d < 3:
            steps[loops, 3] = (x[1] * x[2], x[2], 1)[d]
        elif d > 3:
            steps[loops, 1 + (d - 4) % 2] = coef[2 * ((d - 4) % 2) + (d - 4) // 2] * tile[d]
        loops += 1
    index = np.zeros(8, dtype=np.int64)
    widest = 1 + coef[0] * tile[4] * (x[4] - 1) + coef[1] * tile[6] * (x[6] - 1)
    highest = 1 + coef[2] * tile[5] * (x[5] - 1) + coef[3] * tile[7] * (x[7] - 1)
    across = np.full(widest, -1, dtype=np.int64)
    down = np.full(highest, -1, dtype=np.int64)
    n_across = n_down = 0
    width = height = uncoupled = 0
    for e in range(n):
        if across[width] < 0:
            across[width] = n_across
            n_across += 1
        if down[height] < 0:
            down[height] = n_down
            n_down += 1
        pes[e, 0] = width
        pes[e, 1] = height
        pes[e, 2] = uncoupled
        pes[e, 3] = (uncoupled * (x[4] * x[6]) + across[width]) * (x[5] * x[7]) + down[height]
        for i in range(loops):
            index[i] += 1
            back = 0
            if index[i] == steps[i, 0]:
                back = index[i]
                index[i] = 0
            width += (1 - back) * steps[i, 1]
            height += (1 - back) * steps[i, 2]
            uncoupled += (1 - back) * steps[i, 3]
            if back == 0:
                break
    return n


@kernel
def is_served(pes: IntArray, n: I64, e: I64, column: I64, row: I64, v1: I64, v2: I64) -> bool:
    """Whether a neighbour of PE e, which is in that column of the array, holds the tile that a step brings to it."""
    for f, near in ((e + 1, column + 1 < row), (e - 1, column > 0), (e + row, True), (e - row, True)):
        if not near or f < 0 or f >= n:
            continue
        if pes[f, 0] - pes[e, 0] == v1 and pes[f, 1] - pes[e, 1] == v2 and pes[f, 2] == pes[e, 2]:
            return True
    return False


@kernel
def scan(pes: IntArray, n: I64, row: I64, v1: I64, v2: I64) -> tuple[I64, I64]:
    """Distinct offsets that no neighbour serves for a step, and the number of PEs that one does serve.

    Args:
        pes: as `place` fills it.
        n: PEs in use.
        row: length of a row of the array.
        v1, v2: displacement of the step along width and height.
    """
    for e in range(n):
        pes[e, 4] = 0
    served = 0
    left = 0
    column = 0
    for e in range(n):
        if is_served(pes, n, e, column, row, v1, v2):
            served += 1
        elif pes[pes[e, 3], 4] == 0:
            pes[pes[e, 3], 4] = 1
            left += 1
        column = column + 1 if column + 1 < row else 0
    return left, served


@kernel
def look_up(pes: IntArray, n: I64, groups: I64, row: I64, v1: I64, v2: I64, memo: IntArray) -> tuple[I64, I64]:
    """`scan` with its answers kept in memo[1:], whose number is memo[0, 0]; (groups, 0) where nothing is saved."""
    known = memo[0, 0]
    for i in range(1, known + 1):
        if memo[i, 0] == v1 and memo[i, 1] == v2:
            return memo[i, 2], memo[i, 3]
    left, served = scan(pes, n, row, v1, v2)
    if left >= groups:
        left, served = groups, 0
    if known + 1 < len(memo):
        memo[0, 0] = known + 1
        memo[known + 1, 0] = v1
        memo[known + 1, 1] = v2
        memo[known + 1, 2] = left
        memo[known + 1, 3] = served
    return left, served


@kernel
def first_step(tile: IntArray, coef: IntArray, nest: IntArray) -> tuple[I64, I64, I64, I64]:
    """Words of a tile, words that a step of the innermost loop brings, and its displacement along width and height."""
    rest, width, height = rank_extents(tile, coef)
    a1, a2, _ = displacement(nest[0, 0], nest[0, 2], coef)
    full = rest * width * height
    return full, full - rest * max(0, width - a1) * max(0, height - a2), a1, a2


@kernel
def first_move_words(
    tile: IntArray, coef: IntArray, nest: IntArray, length: I64, reach1: I64, reach2: I64
) -> tuple[F64, bool]:
    """Words of the steps that neighbours may serve in a step of the innermost loop, and whether they may in others.

    Args:
        tile, coef: PE tile and coefficients.
        nest, length: the loops above the array, a coupled one innermost.
        reach1, reach2: largest distances between two PEs along width and height.
    """
    full, sub, a1, a2 = first_step(tile, coef, nest)
    part = sub < full
    outer = 1
    for j in range(length):
        outer *= nest[j, 1]
    n0 = nest[0, 1]
    outer //= n0
    words = 0.0 if part else float(n0 - 1) * sub
    others = False
    s1, s2, su = a1, a2, 0
    for j in range(1, length):
        d1, d2, du = displacement(nest[j, 0], nest[j, 2], coef)
        outer //= nest[j, 1]
        steps = float((nest[j, 1] - 1) * outer)
        v1, v2 = d1 - s1, d2 - s2
        near = su == 0 and du == 0
        same = near and v1 == a1 and v2 == a2
        still = near and v1 == 0 and v2 == 0
        if same:
            words += steps * sub
        if same or (not still and not part):
            words += steps * (n0 - 1) * sub
        if near and not same and not still and not part and abs(v1) <= reach1 and abs(v2) <= reach2:
            others = True
        s1, s2, su = s1 + d1, s2 + d2, su + du
    return words, others


@kernel
def linked_moves(
    tile: IntArray,
    coef: IntArray,
    nest: IntArray,
    length: I64,
    pes: IntArray,
    n: I64,
    groups: I64,
    row: I64,
    memo: IntArray,
    out: FloatArray,
) -> None:
    """Reads of the parent (out[0]), the same weighted by multicast (out[1]) and transfers between PEs (out[2]).

    All of inputs, for the loops above the array; where out[2] is 0 no step is served by neighbours.
    The innermost loop must be over R, S, P or Q.
    """
    full, sub, a1, a2 = first_step(tile, coef, nest)
    part = sub < full
    total = 1
    for j in range(length):
        total *= nest[j, 1]
    out[0], out[1], out[2] = full * groups, full * n, 0.0
    n0 = nest[0, 1]
    left, served = look_up(pes, n, groups, row, a1, a2, memo)
    outer = total // n0
    _count(out, float(n0 - 1) * sub, groups, n, left, served, not part)
    s1, s2, su = a1, a2, 0
    for j in range(1, length):
        d1, d2, du = displacement(nest[j, 0], nest[j, 2], coef)
        outer //= nest[j, 1]
        v1, v2 = d1 - s1, d2 - s2
        steps = float((nest[j, 1] - 1) * outer)
        far = su != 0 or du != 0
        zero = not far and v1 == 0 and v2 == 0
        same = not far and v1 == a1 and v2 == a2
        eligible = same or (not zero and not part)
        if same:
            _count(out, steps * sub, groups, n, left, served, True)
        elif far:
            _count(out, steps * full, groups, n, groups, 0, False)
        elif not zero:
            if part:
                _count(out, steps * full, groups, n, groups, 0, False)
            else:
                left_j, served_j = look_up(pes, n, groups, row, v1, v2, memo)
                _count(out, steps * full, groups, n, left_j, served_j, True)
        _count(out, steps * (n0 - 1) * sub, groups, n, left, served, eligible)
        s1 += d1
        s2 += d2
        su += du


@allocating
def least_moves(
    tile: IntArray, x: IntArray, coef: IntArray, nest: IntArray, length: I64, groups: I64, memo: IntArray
) -> None:
    """Fill a memo of `look_up` for a nest with what no placement undercuts: the least offsets left to the buffer."""
    memo[0, 0] = 0
    _, _, a1, a2 = first_step(tile, coef, nest)
    _remember_least(tile, x, coef, groups, a1, a2, memo)
    s1, s2 = a1, a2
    for j in range(1, length):
        d1, d2, du = displacement(nest[j, 0], nest[j, 2], coef)
        if du != 0:
            return
        _remember_least(tile, x, coef, groups, d1 - s1, d2 - s2, memo)
        s1, s2 = s1 + d1, s2 + d2


@allocating
def _remember_least(tile: IntArray, x: IntArray, coef: IntArray, groups: I64, v1: I64, v2: I64, memo: IntArray) -> None:
    across, served_across = _sums(x[4], coef[0] * tile[4], x[6], coef[1] * tile[6], v1)
    down, served_down = _sums(x[5], coef[2] * tile[5], x[7], coef[3] * tile[7], v2)
    served = groups // (across * down) * served_across * served_down
    known = memo[0, 0] + 1
    memo[0, 0] = known
    memo[known, 0] = v1
    memo[known, 1] = v2
    memo[known, 2] = groups - served
    memo[known, 3] = served


@allocating
def _sums(n1: I64, step1: I64, n2: I64, step2: I64, move: I64) -> tuple[I64, I64]:
    """Distinct sums i*step1 + j*step2 (i < n1, j < n2), and those of them that are such a sum with ``move`` added."""
    top = (n1 - 1) * step1 + (n2 - 1) * step2
    seen = np.zeros(top + 1, dtype=np.uint8)
    for i in range(n1):
        for j in range(n2):
            seen[i * step1 + j * step2] = 1
    count = served = 0
    for value in range(top + 1):
        count += seen[value]
        if seen[value] and 0 <= value + move <= top and seen[value + move]:
            served += 1
    return count, served


@kernel
def _count(out: FloatArray, words: F64, groups: I64, n: I64, left: I64, served: I64, eligible: bool) -> None:
    if eligible and left < groups:
        out[0] += words * left
        out[1] += words * (n - served)
        out[2] += words * served
    else:
        out[0] += words * groups
        out[1] += words * n
