"""The arrays that the compiled search works on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from flexloop.engines.embedded.mapper.exact.types import BoolArray, FloatArray, IntArray

LATENCY, ENERGY, EDP = range(3)
NO_LINKS, DIRECT, SCALED = range(3)


class Machine(NamedTuple):
    """What does not depend on padded bounds: hardware, layer coefficients, pins and orders.

    Attributes:
        objective: LATENCY, ENERGY or EDP.
        pes: PEs of the array.
        links: whether inputs can pass between PEs: not at all, into the level below the array (DIRECT), or past it to a
            level that is not the first below the array (SCALED: then only the buffer's reads change).
        compute_pj: energy of one MAC.
        coef: coefficients of R, P, S, Q in the input ranks.
        lanes: [8] pinned spatial factors below the innermost level.
        lane_groups, lane_groups_still: [3] distinct offsets of each tensor in the lanes, and those left to fetch when
            a step does not move the tensor.
        lane_order: [8] the pinned order of the innermost level's loops.
        in_pe, in_buffer: [3] whether each tensor is kept by the PE group and by the buffer group.
        names: [3] tensors in the order in which the problem lists them.
        limits: [k, 5] capacities, see `grid.fits`.
        levels_i, levels_f: the table of levels, see `cost`.
        levels_b: levels_i for bounds: DRAM without the tensors that the buffer group keeps.
        one_buffer: whether the buffer group has one level with costs.
        shapes: [k, 2] extents of the array.
        order: pinned linear order of the spatial loops, or its first entry is -1.
        split: how many of the pinned order lie on X.
        buffer_start, buffer_rows: orders of the buffer's loops where no PE can serve another.
        dram_start, dram_rows: the same for DRAM's loops.
        all_buffer_start, all_buffer_rows, all_dram_start, all_dram_rows: orders where PEs may serve each other.
    """

    objective: int
    pes: int
    links: int
    compute_pj: float
    coef: IntArray
    lanes: IntArray
    lane_groups: IntArray
    lane_groups_still: IntArray
    lane_order: IntArray
    in_pe: IntArray
    in_buffer: IntArray
    names: IntArray
    limits: IntArray
    levels_i: IntArray
    levels_f: FloatArray
    levels_b: IntArray
    one_buffer: bool
    shapes: IntArray
    order: IntArray
    split: int
    buffer_start: IntArray
    buffer_rows: IntArray
    dram_start: IntArray
    dram_rows: IntArray
    all_buffer_start: IntArray
    all_buffer_rows: IntArray
    all_dram_start: IntArray
    all_dram_rows: IntArray


class Lattice(NamedTuple):
    """One padded problem: its grid (see `grid.Grid`), what is pinned on it, and the outermost boundary's least costs.

    Attributes:
        pe_ok, array_ok, outer_ok: [8, most] whether a divisor may be a PE tile, a spatial factor, a DRAM factor's tile.
        buffer_ok: [8, most] whether a divisor may be a factor of the buffer's loops.
        at, above: tables of `grid.tables`.
    """

    bounds: IntArray
    counts: IntArray
    divisors: IntArray
    strides: IntArray
    start: IntArray
    product: IntArray
    factor: IntArray
    pe_ok: BoolArray
    array_ok: BoolArray
    outer_ok: BoolArray
    buffer_ok: BoolArray
    at: FloatArray
    above: FloatArray


class Best(NamedTuple):
    """The incumbent and counters, updated in place.

    Attributes:
        cost: [2] objective and tie-break.
        nest: [7, 8] PE tile, spatial factors, buffer tile, buffer order, DRAM order, spatial order (linear), and
            [shape, PEs on X loops, ...].
        counts: [4] mappings costed, configurations and buffer tiles looked at, and buffer tiles expanded.
    """

    cost: FloatArray
    nest: IntArray
    counts: IntArray


def new_best() -> Best:
    """No incumbent."""
    return Best(np.full(2, np.inf), np.zeros((7, 8), dtype=np.int64), np.zeros(4, dtype=np.int64))
