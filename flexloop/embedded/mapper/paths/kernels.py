"""The compiled part of shortest paths: values inside some loops given those outside, and the other way round."""

from __future__ import annotations

from math import ceil, inf

from flexloop.embedded.jit import entry, kernel
from flexloop.embedded.mapper.exact.types import CUBE, F_MATRIX, F_VECTOR, MATRIX, VECTOR, FloatArray, IntArray
from flexloop.embedded.mapper.paths.prices import WHOLE

OUTSIDE, FIRST_MOVE, ALIVE = range(3)
"""Columns of a stage's table."""
_AXIS, _AFTER, _CHARGE = range(3)
"""Columns of a stage's moves."""


@entry(F_MATRIX, VECTOR, F_MATRIX)
def priced(costs: FloatArray, first: IntArray, parts: FloatArray) -> None:
    """What words cost (see `prices.Part`).

    Args:
        costs: [charges, tiles] the words; receives the costs (pJ).
        first: [charges + 1] the first part of each price.
        parts: [parts, 3] rows a word, rows less, energy of a row.
    """
    for row in range(len(costs)):
        here = costs[row]
        for i in range(len(here)):
            words, cost = here[i], 0.0
            for k in range(first[row], first[row + 1]):
                cost += parts[k, 2] * ceil(max(words * parts[k, 0] - parts[k, 1], 0.0) * WHOLE)
            here[i] = cost


@entry(MATRIX, VECTOR, MATRIX, MATRIX, F_MATRIX, F_VECTOR, F_MATRIX, F_MATRIX)
def through(
    table: IntArray, alive: IntArray, moves: IntArray, axes: IntArray,
    costs: FloatArray, limit: FloatArray, outside: FloatArray, inside: FloatArray,
) -> None:  # fmt: skip
    """Work out the least values inside some loops.

    Args:
        table: of the stage; its last column receives whether a row has any value.
        alive: [rows outside] whether a row has any value.
        moves: of the stage.
        axes: [axes, 2] of the grid: how far a step leads, and how many tiles lie along it.
        costs: [charges, tiles].
        limit: [tiles] values above this are left out.
        outside: [rows outside, tiles].
        inside: [rows inside, tiles] receives the values.
    """
    for row in range(len(table) - 1):
        here, source = inside[row], table[row, OUTSIDE]
        any_here = source >= 0 and alive[source] > 0
        for i in range(len(here)):
            here[i] = outside[source, i] if any_here else inf
        for m in range(table[row, FIRST_MOVE], table[row + 1, FIRST_MOVE]):
            axis, after = moves[m, _AXIS], moves[m, _AFTER]
            if after < 0:
                if any_here:
                    _spread(here, axes[axis, 0], axes[axis, 1])
            elif axis < 0:
                if alive[after]:
                    _take(here, outside[after], costs, moves[m], 0, 1)
                    any_here = True
            elif table[after, ALIVE]:
                _take(here, inside[after], costs, moves[m], axes[axis, 0], axes[axis, 1])
                any_here = True
        table[row, ALIVE] = any_here and _within(here, limit)


@kernel
def _spread(here: FloatArray, stride: int, shape: int) -> None:
    """At every tile the least value along an axis from there on."""
    for last in range(len(here) - stride, 0, -stride * shape):
        for i in range(last - 1, last - 1 - stride * (shape - 1), -1):
            here[i] = min(here[i], here[i + stride])


@kernel
def _take(
    here: FloatArray, source: FloatArray, costs: FloatArray, move: IntArray, stride: int, shape: int
) -> None:  # fmt: skip
    """Take a step where that is better."""
    first, second = move[_CHARGE], move[_CHARGE + 1] if len(move) > _CHARGE + 1 else -1
    span, width = stride * shape, stride * (shape - 1)
    if stride == 0:
        span, width = len(here), len(here)
    for base in range(0, len(here), span):
        if first < 0:
            for i in range(base, base + width):
                here[i] = min(here[i], source[i + stride])
        elif second < 0:
            one = costs[first]
            for i in range(base, base + width):
                here[i] = min(here[i], source[i + stride] + one[i])
        else:
            for i in range(base, base + width):
                value = source[i + stride]
                for c in range(_CHARGE, len(move)):
                    if move[c] >= 0:
                        value += costs[move[c], i]
                here[i] = min(here[i], value)


@kernel
def _within(here: FloatArray, limit: FloatArray) -> bool:
    """Leave out values above a limit; whether any are left."""
    some = False
    for i in range(len(here)):
        if here[i] <= limit[i]:
            some = True
        else:
            here[i] = inf
    return some


@entry(F_MATRIX, VECTOR, CUBE, MATRIX, MATRIX, F_MATRIX, F_MATRIX, F_MATRIX)
def forward(
    reached: FloatArray, tiles: IntArray, loops: IntArray, table: IntArray,
    moves: IntArray, costs: FloatArray, best: FloatArray, outside: FloatArray,
) -> None:  # fmt: skip
    """Work out the least costs outside of given loops, in the best of their orders, given those inside.

    Args:
        reached: [n, rows inside] the least cost of what lies inside, in each profile; infinite: it cannot be.
        tiles: [n] where the tiles inside stand.
        loops: [n, loops, 3] how far a loop leads (0: there is none), the axis of its largest prime, and the axis of one
            more step (-1: none).
        table, moves: of the stage.
        costs: [charges, tiles].
        best: [2^loops, rows inside] to work with.
        outside: [n, rows outside] receives the costs; infinite to begin with.
    """
    rows = len(table) - 1
    for i in range(len(tiles)):
        whole = 0
        for j in range(loops.shape[1]):
            whole += (loops[i, j, 0] > 0) << j
        for some in range(whole + 1):
            for row in range(rows):
                best[some, row] = inf
        for row in range(rows):
            best[0, row] = reached[i, row]
        for some in range(whole):
            if some & whole != some:
                continue
            tile = tiles[i]
            for j in range(loops.shape[1]):
                tile += loops[i, j, 0] if some >> j & 1 else 0
            for row in range(rows):
                if best[some, row] < inf:
                    for j in range(loops.shape[1]):
                        if whole >> j & 1 and not some >> j & 1:
                            _loop(row, tile, best[some, row], loops[i, j], table, moves, costs, best[some | 1 << j])
        tile = tiles[i]
        for j in range(loops.shape[1]):
            tile += loops[i, j, 0]
        _leave(tile, best[whole], table, moves, costs, outside[i])


@kernel
def _loop(
    row: int, tile: int, cost: float, loop: IntArray, table: IntArray, moves: IntArray, costs: FloatArray,
    best: FloatArray,
) -> None:  # fmt: skip
    """What one more loop outside of some others leads to."""
    for m in range(table[row, FIRST_MOVE], table[row + 1, FIRST_MOVE]):
        if moves[m, _AXIS] == loop[1]:
            after, value = moves[m, _AFTER], cost
            if after < 0:
                after = row
            for c in range(_CHARGE, moves.shape[1]):
                if moves[m, c] >= 0:
                    value += costs[moves[m, c], tile]
            if loop[2] >= 0:
                for again in range(table[after, FIRST_MOVE], table[after + 1, FIRST_MOVE]):
                    if moves[again, _AXIS] == loop[2] and moves[again, _AFTER] >= 0:
                        after = moves[again, _AFTER]
                        break
            best[after] = min(best[after], value)


@kernel
def _leave(
    tile: int, best: FloatArray, table: IntArray, moves: IntArray, costs: FloatArray, outside: FloatArray
) -> None:  # fmt: skip
    """What the profiles inside become outside of a stage."""
    for row in range(len(table) - 1):
        if best[row] < inf:
            same = table[row, OUTSIDE]
            if same >= 0:
                outside[same] = min(outside[same], best[row])
            for m in range(table[row, FIRST_MOVE], table[row + 1, FIRST_MOVE]):
                if moves[m, _AXIS] == -1:
                    value = best[row]
                    for c in range(_CHARGE, moves.shape[1]):
                        if moves[m, c] >= 0:
                            value += costs[moves[m, c], tile]
                    outside[moves[m, _AFTER]] = min(outside[moves[m, _AFTER]], value)
