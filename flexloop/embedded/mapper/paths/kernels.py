"""The compiled part of shortest paths: values inside some loops given those outside, and the other way round."""

from __future__ import annotations

from math import inf
from typing import NamedTuple

import numpy as np

from flexloop.embedded.arrays import Bools, Floats, Ints
from flexloop.embedded.jit import B3, F1, F2, I1, I2, I3, entry, kernel, types
from flexloop.embedded.mapper.facts import SLACK

OUTSIDE, FIRST_MOVE, ALIVE = range(3)
"""Columns of a stage's table."""
_AXIS, _AFTER, _CHARGE = range(3)
"""Columns of a stage's moves."""


class Tiles(NamedTuple):
    """The tiles that values stand at.

    Attributes:
        axes: [axes, 2] how far a step leads, and how many tiles lie along it.
        ends: [axes, tiles] infinite at tiles from which no step leads along an axis, or 0.
        limit: [tiles] values above this are left out.
    """

    axes: Ints
    ends: Floats
    limit: Floats


class Fanouts(NamedTuple):
    """Factors that a fanout may have.

    Attributes:
        ways: [n] how far from a tile inside the one outside stands.
        codes: [dimensions, n] which divisors of the bounds they are.
        fits: [dimensions, divisors, divisors] whether two divisors of a bound multiply to another one.
    """

    ways: Ints
    codes: Ints
    fits: Bools


_TILES = types.NamedTuple([I2, F2, F1], Tiles)
_FANOUTS = types.NamedTuple([I1, I2, B3], Fanouts)


@entry(F2, I1, I1, I1, F2, F1, F2)
def priced(
    words: Floats, which: Ints, places: Ints, first: Ints, parts: Floats, here: Floats,
    costs: Floats,
) -> None:  # fmt: skip
    """What words cost (see `prices`).

    Args:
        words: [kinds, tiles of the grid].
        which: [parts] the kind that each is for.
        places: [tiles] where they stand in the grid.
        first: [charges + 1] the first part of each price.
        parts: [parts, 3] rows a word, rows less, energy of a row; energy 0: energies in place of rows, not rounded up.
        here: [tiles] to work with.
        costs: [charges, tiles] receives the costs (pJ).
    """
    for row in range(len(costs)):
        cost, kind = costs[row], -1
        for i in range(len(places)):
            cost[i] = 0.0
        for k in range(first[row], first[row + 1]):
            if which[k] != kind:
                kind = which[k]
                for i in range(len(places)):
                    here[i] = words[kind, places[i]]
            times, less, energy = parts[k, 0], parts[k, 1], parts[k, 2]
            if energy > 0.0:
                for i in range(len(here)):
                    cost[i] += energy * np.ceil(max(here[i] * times - less, 0.0) * SLACK)
            else:
                for i in range(len(here)):
                    cost[i] += max(here[i] * times - less, 0.0) * SLACK


@entry(_TILES, I2, I2, F2, I1, F2, F2)
def through(
    tiles: Tiles, table: Ints, moves: Ints, costs: Floats, alive: Ints, outside: Floats, inside: Floats
) -> None:
    """Work out the least values inside some loops.

    Args:
        tiles: where the values stand.
        table, moves: of the stage; the last column of the table receives whether a row has any value.
        costs: [charges, tiles].
        alive: [rows outside] whether a row has any value.
        outside: [rows outside, tiles].
        inside: [rows inside, tiles] receives the values.
    """
    axes = tiles.axes
    for row in range(len(table) - 1):
        here, source = inside[row], table[row, OUTSIDE]
        any_here = source >= 0 and alive[source] > 0
        for i in range(len(here)):
            here[i] = outside[source, i] if any_here else inf
        for m in range(table[row, FIRST_MOVE], table[row + 1, FIRST_MOVE]):
            axis, after = moves[m, _AXIS], moves[m, _AFTER]
            if after < 0:
                if any_here:
                    _repeat_along(here, axes[axis, 0], axes[axis, 1])
            elif axis < 0:
                if alive[after]:
                    _charged(here, outside[after], costs, moves[m])
                    any_here = True
            elif table[after, ALIVE]:
                _step(here, inside[after], costs, moves[m], axes[axis, 0], tiles.ends[axis])
                any_here = True
        table[row, ALIVE] = any_here and _within(here, tiles.limit)


@entry(F2, I1, I2, _FANOUTS, I2, F2)
def through_fanout(outside: Floats, tiles: Ints, codes: Ints, fanouts: Fanouts, some: Ints, inside: Floats) -> None:
    """Take the values outside of a fanout where they are the best of several factors'.

    Args:
        outside: [tiles, rows].
        tiles: [n] where the tiles inside stand that may be reached.
        codes: [dimensions, n] which divisors of the bounds these span.
        fanouts: the factors.
        some: [dimensions + 1, 1 + n] to work with: which tiles fit along all dimensions before, after their number.
        inside: [tiles, rows] receives the values.
    """
    dims = len(codes)
    for i in range(len(tiles)):
        some[0, 1 + i] = i
    some[0, 0] = len(tiles)
    for k in range(len(fanouts.ways)):
        way, same = fanouts.ways[k], 0
        while k > 0 and same < dims and fanouts.codes[same, k] == fanouts.codes[same, k - 1]:
            same += 1
        for d in range(same, dims):
            _those_that_fit(some[d], codes[d], fanouts.fits[d, fanouts.codes[d, k]], some[d + 1])
        for i in range(some[dims, 0]):
            tile = tiles[some[dims, 1 + i]]
            here, there = inside[tile], outside[tile + way]
            for row in range(len(here)):
                here[row] = min(here[row], there[row])


@kernel
def _those_that_fit(some: Ints, codes: Ints, fits: Bools, left: Ints) -> None:
    """Of some tiles those that fit along a dimension, after their number."""
    count = 0
    for i in range(some[0]):
        tile = some[1 + i]
        left[1 + count] = tile
        count += fits[codes[tile]]
    left[0] = count


@kernel
def _repeat_along(here: Floats, stride: int, shape: int) -> None:
    """At every tile the least value along an axis from there on."""
    for last in range(len(here) - stride, 0, -stride * shape):
        for i in range(last - 1, last - 1 - stride * (shape - 1), -1):
            here[i] = min(here[i], here[i + stride])


@kernel
def _charged(here: Floats, source: Floats, costs: Floats, move: Ints) -> None:
    """Go on where that is better, and pay what is charged."""
    for i in range(len(here)):
        value = source[i]
        for c in range(_CHARGE, len(move)):
            if move[c] >= 0:
                value += costs[move[c], i]
        here[i] = min(here[i], value)


@kernel
def _step(here: Floats, source: Floats, costs: Floats, move: Ints, way: int, ends: Floats) -> None:
    """Take a step where that is better."""
    first, second = move[_CHARGE], move[_CHARGE + 1] if len(move) > _CHARGE + 1 else -1
    if first < 0:
        for i in range(len(here) - way):
            here[i] = min(here[i], source[i + way] + ends[i])
    elif second < 0:
        one = costs[first]
        for i in range(len(here) - way):
            here[i] = min(here[i], source[i + way] + one[i] + ends[i])
    else:
        one, other = costs[first], costs[second]
        third = move[_CHARGE + 2] if len(move) > _CHARGE + 2 else -1
        if third < 0:
            for i in range(len(here) - way):
                here[i] = min(here[i], source[i + way] + one[i] + other[i] + ends[i])
            return
        for i in range(len(here) - way):
            value = source[i + way] + one[i] + other[i] + ends[i]
            for c in range(_CHARGE + 2, len(move)):
                if move[c] >= 0:
                    value += costs[move[c], i]
            here[i] = min(here[i], value)


@kernel
def _within(here: Floats, limit: Floats) -> bool:
    """Leave out values above a limit; whether any are left."""
    some = 0
    for i in range(len(here)):
        within = here[i] <= limit[i]
        some += within
        here[i] = here[i] if within else inf
    return some > 0


@entry(F2, I1, I3, I2, I2, F2, F2, F2)
def forward(
    reached: Floats, tiles: Ints, loops: Ints, table: Ints,
    moves: Ints, costs: Floats, best: Floats, outside: Floats,
) -> None:  # fmt: skip
    """Work out the least costs outside of given loops, in the best of their orders, given those inside.

    Args:
        reached: [n, rows inside] the least cost of what lies inside, in each profile; infinite: it cannot be.
        tiles: [n] where the tiles inside stand.
        loops: [n, loops, 4] how far a loop leads (0: there is none), the axis of its largest prime, the axis of one
            more step (-1: none), and the loops, as bits, that must lie inside of it.
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
                        if whole >> j & 1 and not some >> j & 1 and loops[i, j, 3] & ~some == 0:
                            _loop(row, tile, best[some, row], loops[i, j], table, moves, costs, best[some | 1 << j])
        tile = tiles[i]
        for j in range(loops.shape[1]):
            tile += loops[i, j, 0]
        _leave(tile, best[whole], table, moves, costs, outside[i])


@kernel
def _loop(
    row: int, tile: int, cost: float, loop: Ints, table: Ints, moves: Ints, costs: Floats,
    best: Floats,
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
    tile: int, best: Floats, table: Ints, moves: Ints, costs: Floats, outside: Floats
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
