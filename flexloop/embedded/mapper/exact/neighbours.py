"""Which steps neighbouring PEs may serve, wherever the spatial loops lie, and the placements that act differently.

What a neighbour may hand over are words of its own input tile. So a step counts only if in some placement the tile of
some PE, moved by that step, is the tile of a PE beside it.
"""

from __future__ import annotations

import numpy as np

from flexloop.embedded.arrays import Ints
from flexloop.embedded.jit import I1, allocating, entry, flag, kernel, noinline
from flexloop.embedded.mapper.exact.placing import first_order, next_order, on_x, split_of
from flexloop.embedded.mapper.exact.problem import MACHINE_TYPE, Record
from flexloop.embedded.mapper.exact.words import brought, displacement, spacing
from flexloop.embedded.rules.links import beside

_ENTRIES, _KEY, _MOST_STEPS = 4096, 12, 31
_TOO_MUCH = 5_000_000
"""Pairs of PEs that are looked at; of more, any step may be served."""
SIGNATURE, SHAPE, SPLIT, LINEAR = range(4)
"""Columns of `placements`; the last and those after it are the linear order."""


def new_steps() -> Ints:
    """An empty table of steps that neighbours may serve: a row's key, how many (-1: any), and each with PEs served."""
    return np.zeros((_ENTRIES, _KEY + 1 + 3 * _MOST_STEPS), dtype=np.int64)


@kernel
def most_spared(machine: Record, config: Record, scratch: Record, known: Ints, length: int) -> float:
    """The most words of inputs that the array need not read thanks to neighbours; 0 where these serve no step.

    Those of the loops in scratch.nest, of which a coupled one is innermost. Where a step of that one keeps part of the
    tile, neighbours serve it in the carries of outer loops alone that happen to move the tile by as much, and no other
    step (rule 5).
    """
    if scratch.served < 0:
        scratch.units[0], scratch.units[1] = _unit(machine, config, 0), _unit(machine, config, 1)
        scratch.served = _row_of(machine, config, scratch, known)
    row = known[scratch.served]
    nest = scratch.nest
    first1, first2, _ = displacement(nest[0, 0], nest[0, 2], machine.coef)
    full = config.size[1]
    sub = brought(config.tile, machine.coef, first1, first2)
    part = sub < full
    by_first = sub * _most_unread(config, scratch, row, first1, first2)
    follows = by_first * (nest[0, 1] - 1)
    spared = 0.0 if part else follows
    outer = config.above / nest[0, 1]
    before1, before2, away = first1, first2, 0
    for j in range(1, length):
        step1, step2, uncoupled = displacement(nest[j, 0], nest[j, 2], machine.coef)
        outer /= nest[j, 1]
        steps = (nest[j, 1] - 1) * outer
        move1, move2, away = step1 - before1, step2 - before2, away + uncoupled
        if away == 0 and move1 == first1 and move2 == first2:
            spared += steps * (by_first + follows)
        elif not part and (away != 0 or move1 != 0 or move2 != 0):
            spared += steps * follows
            if away == 0:
                spared += steps * full * _most_unread(config, scratch, row, move1, move2)
        before1, before2 = before1 + step1, before2 + step2
    return spared


@kernel
def _most_unread(config: Record, scratch: Record, row: Ints, move1: int, move2: int) -> float:
    """The most distinct tiles that the array need not read at a step, as neighbours serve all PEs that want them."""
    if row[_KEY] < 0:
        return config.groups[1]
    unit1, unit2 = scratch.units[0], scratch.units[1]
    if (move1 != 0 and (unit1 == 0 or move1 % unit1 != 0)) or (move2 != 0 and (unit2 == 0 or move2 % unit2 != 0)):
        return 0.0
    i = _find(row[_KEY + 1 :], row[_KEY], move1 // max(unit1, 1), move2 // max(unit2, 1))
    if i == row[_KEY]:
        return 0.0
    return min(config.groups[1], np.float64(row[_KEY + 3 + 3 * i] // config.x[3]))


@kernel
def _find(steps: Ints, count: int, move1: int, move2: int) -> int:
    """Where a step stands among those known; how many these are where it does not."""
    i = 0
    while i < count and (steps[3 * i] != move1 or steps[3 * i + 1] != move2):
        i += 1
    return i


@kernel
def _unit(machine: Record, config: Record, rank: int) -> int:
    """What all distances between PEs along a rank are multiples of; 0 where there are none."""
    a, b = _apart(machine, config, rank)
    while b:
        a, b = b, a % b
    return a


@kernel
def _apart(machine: Record, config: Record, rank: int) -> tuple[int, int]:
    """Distances of PEs that are one apart in the filter's or the image's loop on a rank; 0 without such a loop."""
    a, b = spacing(config.tile, machine.coef, rank)
    return a if config.x[4 + rank] > 1 else 0, b if config.x[6 + rank] > 1 else 0


@noinline
def _row_of(machine: Record, config: Record, scratch: Record, known: Ints) -> int:
    """The row for a configuration: steps in units follow from the spatial factors and the ratios of tiles alone."""
    code = 0
    for i in range(_KEY):
        code = (code * 1000003 + _key(machine, config, scratch, i)) & 0xFFFFFFFFFFFF
    entry = code % len(known)
    row = known[entry]
    same = row[0] != 0
    for i in range(_KEY):
        same = same and row[i] == _key(machine, config, scratch, i)
    if not same:
        for i in range(_KEY):
            row[i] = _key(machine, config, scratch, i)
        row[_KEY] = _list_steps(machine, config, scratch, row[_KEY + 1 :])
    return entry


@kernel
def _key(machine: Record, config: Record, scratch: Record, i: int) -> int:
    if i < 8:
        return config.x[i]
    rank = (i - 8) // 2
    a, b = _apart(machine, config, rank)
    return (a if i % 2 == 0 else b) // max(scratch.units[rank], 1)


@allocating
def _list_steps(machine: Record, config: Record, scratch: Record, steps: Ints) -> int:
    """Write the distinct steps from a PE's tile to that of a PE beside it, in any placement; how many, -1: too many.

    Each with the most PEs that it leads from in a placement.
    """
    order = np.empty(8, dtype=np.int64)
    first_order(machine, order)
    tiles = np.empty((config.used, 3), dtype=np.int64)
    now = np.zeros(_MOST_STEPS, dtype=np.int64)
    unit1, unit2 = max(scratch.units[0], 1), max(scratch.units[1], 1)
    count = looked = 0
    while True:
        place(order, config.x, config.tile, machine.coef, tiles)
        for shape in range(machine.n_shapes):
            if split_of(machine, config.x, order, shape) < 0:
                continue
            now[:] = 0
            count = _count_steps(tiles, machine.shapes[shape, 0], unit1, unit2, steps, now, count)
            looked += 4 * len(tiles)
            if count < 0 or looked > _TOO_MUCH:
                return -1
            for i in range(count):
                steps[3 * i + 2] = max(steps[3 * i + 2], now[i])
        scratch.work += len(tiles) // 2
        if machine.order[0] >= 0 or not next_order(order, config.x):
            return count


@kernel
def _count_steps(tiles: Ints, row: int, unit1: int, unit2: int, steps: Ints, now: Ints, count: int) -> int:
    """Count into ``now`` the PEs that each step leads from, new ones appended; how many there are, -1: too many."""
    for e in range(len(tiles)):
        for way in range(4):
            f = beside(e, e % row, way, row, len(tiles))
            if f < 0 or tiles[f, 2] != tiles[e, 2]:
                continue
            move1, move2 = (tiles[f, 0] - tiles[e, 0]) // unit1, (tiles[f, 1] - tiles[e, 1]) // unit2
            i = _find(steps, count, move1, move2)
            if i == count:
                if count == _MOST_STEPS:
                    return -1
                steps[3 * i], steps[3 * i + 1], steps[3 * i + 2] = move1, move2, 0
                count += 1
            now[i] += 1
    return count


@allocating
def place(order: Ints, x: Ints, tile: Ints, coef: Ints, tiles: Ints) -> None:
    """Fill tiles[e] = offsets of the input tile of PE e along width, height, and the uncoupled ranks as one number.

    Args:
        order: spatial loops, innermost first.
        x: spatial factor of each dimension.
        tile: the tile of one PE.
        coef: coefficients of the input ranks.
        tiles: [PEs in use, 3].
    """
    tiles[0, 0] = tiles[0, 1] = tiles[0, 2] = 0
    filled = 1
    for i in range(8):
        d = order[i]
        step1 = step2 = uncoupled = 0
        if d < 3:
            uncoupled = (x[1] * x[2], x[2], 1)[d]
        elif d > 3:
            step1, step2, _ = displacement(d, tile[d], coef)
        for k in range(1, x[d]):
            for e in range(filled):
                tiles[k * filled + e, 0] = tiles[e, 0] + k * step1
                tiles[k * filled + e, 1] = tiles[e, 1] + k * step2
                tiles[k * filled + e, 2] = tiles[e, 2] + k * uncoupled
        filled *= x[d]


@entry(MACHINE_TYPE, I1, I1, I1, I1, flag, allocates=True)
def placements(machine: Record, x: Ints, tile: Ints, steps: Ints, order: Ints, distinct: bool) -> Ints:
    """[k, 11] placements of the spatial loops with a number that is the same for those that act alike.

    All steps along width and height are multiples of ``steps`` [2], or none where that is 0.

    Those of some linear orders from ``order`` [8] on, which is moved to where the next call has to begin; its first
    entry is then negative where there is nothing more. Where not ``distinct``, one that fits the array is enough.
    """
    used = 1
    for d in range(8):
        used *= x[d]
    orders = max(1, _TOO_MUCH // (8 * used * machine.n_shapes)) if distinct else 1
    found = np.empty((orders * machine.n_shapes, LINEAR + 8), dtype=np.int64)
    tiles = np.empty((used, 3), dtype=np.int64)
    count = 0
    for _ in range(orders):
        if distinct:
            place(order, x, tile, machine.coef, tiles)
        for shape in range(machine.n_shapes):
            split = split_of(machine, x, order, shape)
            if not distinct:
                split = _lay_out(machine, x, order, shape)
            if split < 0:
                continue
            found[count, SIGNATURE] = _signature(tiles, machine.shapes[shape, 0], steps) if distinct else 0
            found[count, SHAPE], found[count, SPLIT] = shape, split
            for i in range(8):
                found[count, LINEAR + i] = order[i]
            count += 1
            if not distinct:
                return found[:count]
        if machine.order[0] >= 0 or not next_order(order, x):
            order[0] = -1
            break
    return found[:count]


@kernel
def _lay_out(machine: Record, x: Ints, order: Ints, shape: int) -> int:
    """Put an order of the spatial loops that fits a shape into ``order``; how many lie on X, -1 where none fits."""
    mask = on_x(machine, x, shape)
    if mask < 0 or machine.order[0] >= 0:
        return machine.split if mask >= 0 else -1
    k = split = 0
    for wanted in (1, 0):
        for d in range(8):
            if mask >> d & 1 == wanted:
                order[k] = d
                k += 1
        split = k if wanted else split
    return split


@kernel
def _signature(tiles: Ints, row: int, steps: Ints) -> int:
    """A hash of which tile each PE has and by which of the steps those beside it differ."""
    total = 0
    for e in range(len(tiles)):
        own = _mixed(_mixed(_mixed(1, tiles[e, 0]), tiles[e, 1]), tiles[e, 2])
        near = 0
        for way in range(4):
            f = beside(e, e % row, way, row, len(tiles))
            move1, move2 = (tiles[f, 0] - tiles[e, 0], tiles[f, 1] - tiles[e, 1]) if f >= 0 else (0, 0)
            possible = move1 % max(steps[0], 1) == 0 and move2 % max(steps[1], 1) == 0
            possible = possible and (steps[0] > 0 or move1 == 0) and (steps[1] > 0 or move2 == 0)
            if f >= 0 and tiles[f, 2] == tiles[e, 2] and possible and (move1 != 0 or move2 != 0):
                near += _mixed(_mixed(2, move1), move2)
        total += _mixed(own, near)
    return total


@kernel
def _mixed(code: int, value: int) -> int:
    code = (code ^ value) * 0x2545F4914F6CDD1D
    return code ^ (code >> 29)
