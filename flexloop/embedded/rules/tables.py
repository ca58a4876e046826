"""What the compiled rules read: an architecture and a problem as arrays, and the names of their columns.

Levels are numbered from the innermost. L levels, D dimensions, T data spaces, R ranks at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, inf
from typing import Any, NamedTuple

import numpy as np

from flexloop.embedded.arrays import Floats, Ints
from flexloop.embedded.jit import F2, I2, I3, types
from flexloop.embedded.spec import Spec
from flexloop.timeloop.reuse import ReuseLimits

INSTANCES, MESH_X, MESH_Y, CAPACITY, BLOCK, CLUSTERS, LEAST, GATE = range(8)
"""Columns of `Tables.hardware`; its row L is the MACs."""

READ_BW, WRITE_BW, SHARED_BW, E_READ, E_FILL, E_UPDATE, LEAK, ROWS_A_WORD, E_ADDRESS = range(9)
"""Columns of `Tables.rates`; of its row L only `E_READ` counts, the energy of a MAC."""

KIND, RANK, COEF = range(3)
"""Last axis of `Tables.roles`."""

ABSENT, ALONE, COUPLED = range(3)
"""Kinds of dimensions: not in the data space; alone in its rank; in a rank with others."""

COUPLED_RANKS, LONE_RANKS, READ_WRITE, SPACED, UNITS = range(5)
"""Columns of `Tables.about`."""

NO_LINKS, NO_MULTICAST, NO_REUSE, READ_FIRST, NO_COALESCE = 1, 2, 4, 8, 16
"""Bits of `Tables.limits`: what a level may not do with a data space (rules 12 to 16), see
`flexloop.timeloop.reuse.ReuseLimits`."""

DIM, COUNT, STRIDE, OUTER = range(4)
"""Columns of a table of loops: dimension, iterations, stride, iterations of this loop and all temporal ones outside."""

READS, FILLS, UPDATES, REDUCTIONS, SIZE = range(5)
"""Last axis of a table of counts, all of one instance: accesses in words, and words of the tile."""

CYCLES, ENERGY, USED, LEAKED, SLOWDOWN, COMPUTES = range(6)
"""Columns of a table of figures; in its row L the cycles are the mapping's, `LEAKED` holds its energy, and `COMPUTES`
is that row's alone."""

(
    VALID,
    BYPASSED_EVERYWHERE,
    MAC_INSTANCES,
    MAC_X,
    MAC_Y,
    TILE_TOO_LARGE,
    TILE_TOO_SMALL,
    LEVEL_INSTANCES,
    LEVEL_X,
    LEVEL_Y,
    UNSHARED_RESIDUAL,
    BELOW_ZERO,
    KEPT_NOWHERE,
    BEYOND_TABLES,
) = range(14)
"""Outcomes of a mapping, in the order in which Timeloop looks for failures; then what it gives up at or answers with no
sensible figures, where loops have residuals or no level holds a data space; the last is a limit of this model."""


class Tables(NamedTuple):
    """An architecture and a problem as arrays.

    Attributes:
        hardware: int64[L+1, 8] instances, mesh X, mesh Y, capacity (-1: unlimited), words of a block, clusters, the
            fewest words that tiles must fill, the level that gates power.
        rates: float64[L+1, 9] read, write and shared bandwidth (inf: unlimited); energies of a block read, filled and
            updated; leakage; 1 / words of a block where that is exact, else 0; energy of an address.
        fanout: int64[L, 2] children of one instance along X and Y.
        roles: int64[T, D, 3] for each dimension its kind, its rank (coupled ranks first; -1 if absent), its
            coefficient; of no use for data spaces with a dimension in several ranks.
        about: int64[T, 5] numbers of coupled ranks and of lone ones; whether the data space is updated; number of
            lone ranks with another coefficient than 1, which come first; number of dimensions in `unit`.
        lone: int64[T, R, 2] dimension and coefficient of each lone rank.
        members: int64[T, R, 2*D+1] for each coupled rank the number of its dimensions, then each with its coefficient.
        unit: int64[T, R] the dimensions of the ranks that have one, with coefficient 1.
        shifts: int64[T, R, D] how far a dimension moves a tile along a rank, ranks as in `roles`; 0: not at all.
        present: int64[T, D] 1 for each dimension of the data space, else 0.
        scale: float64[L, T] what a word counts for in the bandwidths.
        limits: int64[L, T] what a level may not do with a data space, a sum of bits.
    """

    hardware: Ints
    rates: Floats
    fanout: Ints
    roles: Ints
    about: Ints
    lone: Ints
    members: Ints
    unit: Ints
    shifts: Ints
    present: Ints
    scale: Floats
    limits: Ints


TABLES = types.NamedTuple([I2, F2, I2, I3, I2, I3, I3, I2, I3, I2, F2, I2], Tables)
"""Numba's type of Tables."""


def tables(spec: Spec, limits: Sequence[ReuseLimits]) -> Tables:
    """Return the arrays of a specification, given what its levels may not reuse, inner to outer."""
    roles, about, lone, members, unit, shifts = _projections(spec)
    return Tables(
        hardware=hardware_of(spec),
        rates=rates_of(spec),
        fanout=np.array(spec.fanout_xy, np.int64),
        roles=roles,
        about=about,
        lone=lone,
        members=members,
        unit=unit,
        shifts=shifts,
        present=(roles[:, :, KIND] != ABSENT).astype(np.int64),
        scale=np.array(
            [[dict(level.bandwidth_scale).get(t, 1.0) for t in spec.data_space_names] for level in spec.levels]
        ),
        limits=np.array([[_bits(level, t) for t in spec.data_space_names] for level in limits], np.int64),
    )


def _bits(limits: ReuseLimits, data_space: str) -> int:
    named = {
        NO_LINKS: limits.no_link_transfer,
        NO_MULTICAST: limits.no_multicast_no_reduction,
        NO_REUSE: limits.no_temporal_reuse,
        READ_FIRST: limits.rmw_first_update,
        NO_COALESCE: limits.no_coalesce,
    }
    return sum(bit for bit, names in named.items() if data_space in names)


def hardware_of(spec: Spec) -> Ints:
    """See `Tables.hardware`."""
    rows = []
    for level in spec.levels:
        capacity = -1 if level.tile_limit is None else level.tile_limit
        clusters = level.instances // level.cluster_size
        least = ceil((level.tile_limit or 0) * level.min_utilization)
        gate = spec.level_names.index(level.power_gated_at or level.name)
        rows.append([level.instances, level.mesh_x, level.mesh_y, capacity, level.block_size, clusters, least, gate])
    mac = spec.mac
    rows.append([mac.instances, mac.mesh_x, mac.mesh_y, -1, 1, mac.instances, 0, -1])
    return np.array(rows, np.int64)


def rates_of(spec: Spec) -> Floats:
    """See `Tables.rates`."""
    rows = []
    for level in spec.levels:
        energies = [level.read_energy, level.write_energy, level.update_energy, level.leakage]
        block = level.block_size
        exact = 1 / block if block & (block - 1) == 0 else 0.0
        bandwidths = [level.read_bandwidth, level.write_bandwidth, level.shared_bandwidth]
        rows.append([*bandwidths, *energies, exact, level.address_energy])
    rows.append([inf, inf, inf, spec.mac.compute_energy, 0.0, 0.0, 0.0, 1.0, 0.0])
    return np.array(rows, np.float64)


def _projections(spec: Spec) -> tuple[Ints, Ints, Ints, Ints, Ints, Ints]:
    problem = spec.problem
    spaces, dims = len(problem.data_spaces), len(problem.dimensions)
    ranks = max(1, *(len(space.projection) for space in problem.data_spaces))
    roles: Any = np.zeros((spaces, dims, 3), np.int64)
    roles[:, :, RANK] = -1
    about = np.zeros((spaces, 5), np.int64)
    lone = np.zeros((spaces, ranks, 2), np.int64)
    members = np.zeros((spaces, ranks, 2 * dims + 1), np.int64)
    unit = np.zeros((spaces, ranks), np.int64)
    shifts = np.zeros((spaces, ranks, dims), np.int64)
    for t, space in enumerate(problem.data_spaces):
        terms = [[(problem.dimensions.index(d), c) for d, c in rank] for rank in space.projection]
        coupled = [r for r in terms if len(r) > 1]
        single = sorted((r for r in terms if len(r) == 1), key=lambda r: r[0][1] == 1)
        for r, rank in enumerate([*coupled, *single]):
            for d, coefficient in rank:
                roles[t, d] = (COUPLED if len(rank) > 1 else ALONE, r, coefficient)
                shifts[t, r, d] = coefficient
        for r, rank in enumerate(coupled):
            members[t, r, : 2 * len(rank) + 1] = [len(rank), *(n for term in rank for n in term)]
        for r, rank in enumerate(single):
            lone[t, r] = rank[0]
        units = [d for ((d, coefficient),) in single if coefficient == 1]
        unit[t, : len(units)] = units
        about[t] = (len(coupled), len(single), space.read_write, len(single) - len(units), len(units))
    return roles, about, lone, members, unit, shifts
