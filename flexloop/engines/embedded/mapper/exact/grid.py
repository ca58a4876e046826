"""The lattice of tiles of one padded problem, and what the outermost boundary costs at each of its points.

A tile's extent along a dimension divides the bound. A point of the lattice is a tile; points are numbered by the
divisors' indices. Going from a tile to a multiple of it is going up the lattice, so "the least over all buffer tiles
that a PE tile can grow into" is a minimum over everything above a point, formed for all points at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numba as nb
import numpy as np

from flexloop.engines.embedded.mapper.exact.cost import BLOCK, E_FILL, E_READ, E_UPDATE, GROUP, KEPT
from flexloop.engines.embedded.mapper.exact.orders import Table
from flexloop.engines.embedded.mapper.exact.types import F64, I64, BoolArray, FloatArray, IntArray
from flexloop.engines.embedded.mapper.exact.words import append_loops, input_words, repeats, tile_words


@dataclass(frozen=True)
class Grid:
    """Divisors of the eight bounds and how they multiply.

    Attributes:
        bounds: [8].
        counts: [8] number of divisors.
        divisors: [8, most] ascending, padded with 0.
        strides: [8] step in the point number for one divisor further along each dimension.
        start: [8, most + 1] where the multiples of a divisor begin in the next two.
        product, factor: indices of the multiple, and of what the divisor is multiplied by.
        points: number of points.
    """

    bounds: IntArray
    counts: IntArray
    divisors: IntArray
    strides: IntArray
    start: IntArray
    product: IntArray
    factor: IntArray
    points: int


@lru_cache(maxsize=4096)
def divisors(n: int) -> tuple[int, ...]:
    """All divisors of n, ascending."""
    small = [k for k in range(1, int(n**0.5) + 1) if n % k == 0]
    return tuple(small + [n // k for k in reversed(small) if k * k != n])


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
    lists = [divisors(b) for b in bounds]
    most = max(len(divs) for divs in lists)
    table = np.zeros((8, most), dtype=np.int64)
    start = np.zeros((8, most + 1), dtype=np.int64)
    product: list[int] = []
    factor: list[int] = []
    for d, divs in enumerate(lists):
        table[d, : len(divs)] = divs
        counts, above, by = _multiples(bounds[d])
        start[d, : len(counts) + 1] = len(product) + np.cumsum([0, *counts])
        product += above
        factor += by
    counts_array = np.array([len(divs) for divs in lists], dtype=np.int64)
    strides = np.ones(8, dtype=np.int64)
    for d in range(6, -1, -1):
        strides[d] = strides[d + 1] * counts_array[d + 1]
    return Grid(
        np.array(bounds, dtype=np.int64),
        counts_array,
        table,
        strides,
        start,
        np.array(product, dtype=np.int64),
        np.array(factor, dtype=np.int64),
        int(counts_array.prod()),
    )


E2, FILLS2, READS2, WRITES2 = range(4)
"""Rows of the table: pJ of DRAM and of filling the buffer, words into the buffer, words read from and written to DRAM."""


@nb.njit(cache=True)
def fits(tile: IntArray, coef: IntArray, group: I64, limits: IntArray) -> bool:
    """Whether a tile fits every capacity of a group; limits has rows (group, words, weights?, inputs?, outputs?)."""
    for i in range(limits.shape[0]):
        if limits[i, 0] == group:
            need = 0
            for t in range(3):
                if limits[i, 2 + t]:
                    need += tile_words(tile, coef, t)
            if need > limits[i, 1]:
                return False
    return True


@nb.njit(cache=True)
def outer_words(row: IntArray, tile: IntArray, factors: IntArray, coef: IntArray, nest: IntArray, out: FloatArray) -> None:
    """Words of each tensor that DRAM loops in a given order move into a buffer tile."""
    length = append_loops(row, factors, tile, nest, 0)
    out[0] = tile_words(tile, coef, 0) * repeats(nest, length, 0)
    out[1] = input_words(tile, coef, nest, length)
    out[2] = tile_words(tile, coef, 2) * repeats(nest, length, 2)


@nb.njit(cache=True)
def outer_energy(words: FloatArray, whole: F64, levels_i: IntArray, levels_f: FloatArray, in_buffer: IntArray) -> F64:
    """pJ of DRAM accesses and buffer fills for the tensors that the buffer group keeps."""
    energy = 0.0
    for level in range(levels_i.shape[0]):
        group, block = levels_i[level, GROUP], levels_i[level, BLOCK]
        for t in range(3):
            if group == 0 or not levels_i[level, KEPT + t] or not in_buffer[t]:
                continue
            less = whole if t == 2 else 0.0
            if group == 1:
                energy += np.ceil((words[t] - less) / block) * levels_f[level, E_FILL]
            else:
                energy += np.ceil((words[t] - less) / block) * levels_f[level, E_READ]
                if t == 2:
                    energy += np.ceil(words[t] / block) * levels_f[level, E_UPDATE]
    return energy


@nb.njit(cache=True)
def outer_tables(
    bounds: IntArray,
    counts: IntArray,
    divs: IntArray,
    allowed: BoolArray,
    coef: IntArray,
    limits: IntArray,
    starts: IntArray,
    rows: IntArray,
    levels_i: IntArray,
    levels_f: FloatArray,
    in_buffer: IntArray,
) -> FloatArray:
    """[4, points] least cost of the outermost boundary over DRAM's orders, at each buffer tile; inf where none fits."""
    points = 1
    for d in range(8):
        points *= counts[d]
    table = np.full((4, points), np.inf)
    index = np.zeros(8, dtype=np.int64)
    tile = np.ones(8, dtype=np.int64)
    outer = bounds.copy()
    nest = np.zeros((16, 3), dtype=np.int64)
    words = np.zeros(3)
    whole = np.float64(tile_words(bounds, coef, 2))
    for point in range(points):
        good = True
        for d in range(8):
            good = good and allowed[d, index[d]]
        if good and fits(tile, coef, 1, limits):
            mask = 0
            for d in range(8):
                outer[d] = bounds[d] // tile[d]
                if outer[d] > 1:
                    mask |= 1 << d
            for k in range(starts[mask], starts[mask + 1]):
                outer_words(rows[k], tile, outer, coef, nest, words)
                fills = reads = 0.0
                for t in range(3):
                    if in_buffer[t]:
                        reads += words[t]
                if in_buffer[2]:
                    reads -= whole
                fills = reads
                table[0, point] = min(table[0, point], outer_energy(words, whole, levels_i, levels_f, in_buffer))
                table[1, point] = min(table[1, point], fills)
                table[2, point] = min(table[2, point], reads)
                table[3, point] = min(table[3, point], words[2] if in_buffer[2] else 0.0)
        for d in range(7, -1, -1):
            index[d] += 1
            if index[d] < counts[d]:
                tile[d] = divs[d, index[d]]
                break
            index[d] = 0
            tile[d] = 1
    return table


@nb.njit(cache=True)
def least_above(
    table: FloatArray, counts: IntArray, strides: IntArray, start: IntArray, product: IntArray
) -> FloatArray:
    """For every point the least over all points whose tile is a multiple of its own (superset minimum)."""
    least = table.copy()
    points = table.shape[1]
    for d in range(8):
        if counts[d] == 1:
            continue
        stride, count = strides[d], counts[d]
        for base in range(points):
            i = base // stride % count
            for p in range(start[d, i] + 1, start[d, i + 1]):
                other = base + (product[p] - i) * stride
                for row in range(4):
                    if least[row, other] < least[row, base]:
                        least[row, base] = least[row, other]
    return least


def tables(
    on: Grid,
    allowed: BoolArray,
    coef: IntArray,
    limits: IntArray,
    orders: Table,
    levels_i: IntArray,
    levels_f: FloatArray,
    in_buffer: IntArray,
) -> tuple[FloatArray, FloatArray]:
    """[4, points] the outermost boundary's least cost at each buffer tile, and the least at it or any multiple of it."""
    at = outer_tables(
        on.bounds, on.counts, on.divisors, allowed, coef, limits, orders[0], orders[1], levels_i, levels_f, in_buffer
    )
    return at, least_above(at, on.counts, on.strides, on.start, on.product)
