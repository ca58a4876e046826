"""The lattice of tiles of one padded problem, and what the outermost boundary costs at each of its points.

A tile's extent along a dimension divides the bound. A point of the lattice is a tile; points are numbered by the
divisors' indices. Going from a tile to a multiple of it is going up the lattice, so "the least over all buffer tiles
that a PE tile can grow into" is a minimum over everything above a point, formed for all points at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from flexloop.deadline import Deadline
from flexloop.embedded.arrays import Floats, Ints
from flexloop.embedded.jit import F2, I2, entry, i64, kernel
from flexloop.embedded.mapper.exact.cost import BLOCK, GROUP, KEPT
from flexloop.embedded.mapper.exact.problem import (
    BUFFER_TILE,
    DRAM_ORDERS,
    LATTICE,
    LATTICE_TYPE,
    MACHINE_TYPE,
    Record,
)
from flexloop.embedded.mapper.exact.words import append_loops, input_words, repeats, tile_words
from flexloop.embedded.rules.cost import row_energy
from flexloop.integers import divisors


@dataclass(frozen=True)
class Grid:
    """Divisors of the eight bounds and how they multiply.

    Attributes:
        record: of type LATTICE, without the flags of what is allowed.
        multiples: [2, k] for each divisor of each bound, from ``start`` on: the indices of its multiples among the
            divisors, and of the factors that lead to them.
        points: number of points.
    """

    record: Record
    multiples: Ints
    points: int


@lru_cache(maxsize=4096)
def _multiples(n: int) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """For each divisor of n: how many divisors are its multiples; then all their indices and those of the factors."""
    of = divisors(n)
    index = {k: i for i, k in enumerate(of)}
    counts, product, factor = [], [], []
    for k in of:
        above = [m for m in of if m % k == 0]
        counts.append(len(above))
        product += [index[m] for m in above]
        factor += [index[m // k] for m in above]
    return tuple(counts), tuple(product), tuple(factor)


@lru_cache(maxsize=64)
def grid(bounds: tuple[int, ...]) -> Grid:
    """The lattice of tiles for the eight bounds."""
    record = np.zeros(1, dtype=LATTICE)[0]
    multiples: list[tuple[int, ...]] = [(), ()]
    record["bounds"][:] = bounds
    for d, bound in enumerate(bounds):
        divs = divisors(bound)
        counts, product, factor = _multiples(bound)
        record["counts"][d] = len(divs)
        record["divisors"][d, : len(divs)] = divs
        record["start"][d, : len(counts) + 1] = len(multiples[0]) + np.cumsum([0, *counts])
        multiples = [multiples[0] + product, multiples[1] + factor]
    strides = record["strides"]
    strides[7] = 1
    for d in range(6, -1, -1):
        strides[d] = strides[d + 1] * record["counts"][d + 1]
    return Grid(record, np.array(multiples, dtype=np.int64), int(record["counts"].prod()))


_POINTS = 20_000
"""Points that a table is filled at between two looks at the clock."""


@kernel
def fits(machine: Record, tile: Ints, group: int) -> bool:
    """Whether a tile fits every capacity of a group."""
    for i in range(machine.n_limits):
        if machine.limits[i, 0] == group:
            need = 0
            for t in range(3):
                if machine.limits[i, 2 + t]:
                    need += tile_words(tile, machine.coef, t)
            if need > machine.limits[i, 1]:
                return False
    return True


@kernel
def outer_words(row: Ints, tile: Ints, factors: Ints, coef: Ints, nest: Ints, out: Floats) -> None:
    """Words of each tensor that DRAM loops in a given order move into a buffer tile."""
    length = append_loops(row, factors, tile, nest, 0)
    out[0] = tile_words(tile, coef, 0) * repeats(nest, length, 0)
    out[1] = input_words(tile, coef, nest, length)
    out[2] = tile_words(tile, coef, 2) * repeats(nest, length, 2)


@kernel
def outer_energy(machine: Record, words: Floats, whole: float) -> float:
    """pJ of DRAM accesses and buffer fills for the tensors that the buffer group keeps."""
    energy = 0.0
    for level in range(machine.n_levels):
        group, block = machine.levels_i[level, GROUP], machine.levels_i[level, BLOCK]
        for t in range(3):
            if group == 0 or not machine.levels_i[level, KEPT + t] or not machine.in_buffer[t]:
                continue
            moved = words[t] - (whole if t == 2 else 0.0)
            if group == 1:
                energy += row_energy(0.0, moved, 0.0, level, block, machine.levels_f)
            else:
                energy += row_energy(moved, 0.0, words[t] if t == 2 else 0.0, level, block, machine.levels_f)
    return energy


@entry(MACHINE_TYPE, I2, LATTICE_TYPE, i64, i64, F2, allocates=True)
def outer_tables(machine: Record, rows: Ints, lattice: Record, begin: int, end: int, table: Floats) -> None:
    """Fill [4, begin:end] with the outermost boundary's least cost over DRAM's orders at each buffer tile that fits."""
    index = np.zeros(8, dtype=np.int64)
    tile = np.ones(8, dtype=np.int64)
    for d in range(8):
        index[d] = begin // lattice.strides[d] % lattice.counts[d]
        tile[d] = lattice.divisors[d, index[d]]
    outer = np.empty(8, dtype=np.int64)
    nest = np.zeros((16, 3), dtype=np.int64)
    words = np.zeros(3)
    whole = np.float64(tile_words(lattice.bounds, machine.coef, 2))
    for point in range(begin, end):
        good = True
        mask = 0
        for d in range(8):
            good = good and lattice.ok[BUFFER_TILE, d, index[d]] != 0
            outer[d] = lattice.bounds[d] // tile[d]
            if outer[d] > 1:
                mask |= 1 << d
        if good and fits(machine, tile, 1):
            for k in range(machine.starts[DRAM_ORDERS, mask], machine.starts[DRAM_ORDERS, mask + 1]):
                outer_words(rows[k], tile, outer, machine.coef, nest, words)
                moved = 0.0
                for t in range(3):
                    if machine.in_buffer[t]:
                        moved += words[t]
                if machine.in_buffer[2]:
                    moved -= whole
                table[0, point] = min(table[0, point], outer_energy(machine, words, whole))
                table[1, point] = min(table[1, point], moved)
                table[2, point] = min(table[2, point], moved)
                table[3, point] = min(table[3, point], words[2] if machine.in_buffer[2] else 0.0)
        for d in range(7, -1, -1):
            index[d] += 1
            if index[d] < lattice.counts[d]:
                tile[d] = lattice.divisors[d, index[d]]
                break
            index[d] = 0
            tile[d] = 1


def _least_above(lattice: Record, on: Grid, d: int, least: Floats) -> None:
    """Lower entries of [4, points] to the least over all points whose tile is a multiple of theirs along d alone."""
    count, stride = int(lattice["counts"][d]), int(lattice["strides"][d])
    along = least.reshape(4, -1, count, stride)
    for i in range(count):
        above = on.multiples[0, lattice["start"][d, i] : lattice["start"][d, i + 1]]
        along[:, :, i] = along[:, :, above].min(axis=2)


def tables(machine: Record, rows: Ints, lattice: Record, on: Grid, deadline: Deadline) -> Floats:
    """[2, 4, points]: the outermost boundary's least cost at each buffer tile, and at it or any multiple of it.

    Rows: pJ of DRAM and of filling the buffer, words into the buffer, words read from DRAM, written to it.

    Raises:
        TimeUp: at the deadline.
    """
    both = np.full((2, 4, on.points), np.inf)
    for begin in range(0, on.points, _POINTS):
        deadline.check()
        outer_tables(machine, rows, lattice, begin, min(begin + _POINTS, on.points), both[0])
    both[1] = both[0]
    for d in np.flatnonzero(lattice["counts"] > 1).tolist():
        deadline.check()
        _least_above(lattice, on, d, both[1])
    return both


@kernel
def look_up(machine: Record, table: Floats, point: int, scratch: Record) -> bool:
    """Write the outermost boundary's least cost at a point, given its [4, points], for `cost.totals`.

    Returns whether any buffer tile is allowed there.
    """
    for row in range(4):
        scratch.extra[row] = table[row, point]
    if not machine.one_buffer:
        scratch.extra[1] = 0.0
    possible: bool = scratch.extra[0] != np.inf
    return possible


@kernel
def advance(index: Ints, counts: Ints, over: bool) -> bool:
    """Go to the next point, last dimension fastest; where ``over``, past every point above the present one."""
    d = 7
    if over:
        while d >= 0 and index[d] == 0:
            d -= 1
        if d < 0:
            return False
        index[d] = 0
        d -= 1
    while d >= 0:
        index[d] += 1
        if index[d] < counts[d]:
            return True
        index[d] = 0
        d -= 1
    return False
