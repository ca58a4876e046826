"""The records that the compiled search works on.

Records rather than classes or tuples of arrays: a compiled function takes a record as one pointer, which keeps the time
to compile it short. Sizes are therefore limits: 16 storage levels, 64 array shapes, 192 divisors of a bound.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numba as nb
import numpy as np

from flexloop.embedded.arrays import Floats, Ints
from flexloop.embedded.jit import F2, F3, I2, types
from flexloop.embedded.mapper.facts import SLACK

MOST_LEVELS, MOST_SHAPES, MOST_DIVISORS, MOST_ORDERS = 16, 64, 192, 1024
MOST_POINTS = 1 << 22
"""Tiles of a lattice that tables are made for."""
SLICE = 500_000
"""Units of work (see SCRATCH) between two looks at the clock."""

Record: TypeAlias = Any
"""One record of one of the types below (numpy.void)."""

MACHINE = np.dtype(
    [
        ("objective", "i8"),  # LATENCY, ENERGY or EDP
        ("pes", "i8"),  # PEs of the array
        # Whether inputs pass between PEs past the level below the array, to one further in: then only the reads of the
        # buffer change.
        ("scaled", "i8"),
        ("compute_pj", "f8"),  # energy of one MAC
        ("link_pj", "f8"),  # least energy of an input word that a PE takes from another,
        ("link_row_pj", "f8"),  # and what rounding to rows can add to it, for each PE;
        ("read_pj", "f8"),  # energy of reading it outside the array,
        ("read_row_pj", "f8"),  # and of a row there
        ("coef", "i8", (4,)),  # coefficients of R, P, S, Q in the input ranks
        ("lanes", "i8", (8,)),  # pinned spatial factors below the innermost level
        ("lane_groups", "i8", (3,)),  # distinct offsets of each tensor in the lanes,
        ("lane_groups_still", "i8", (3,)),  # and those left to fetch when a step does not move the tensor
        ("lane_order", "i8", (8,)),  # the pinned order of the innermost level's loops
        ("in_pe", "i8", (3,)),  # whether the PE group keeps each tensor
        ("in_buffer", "i8", (3,)),  # whether the buffer group does
        ("names", "i8", (3,)),  # tensors in the order in which the problem lists them
        ("n_limits", "i8"),
        ("limits", "i8", (MOST_LEVELS, 5)),  # capacities: group, words, whether each tensor counts
        ("n_levels", "i8"),
        ("levels_i", "i8", (MOST_LEVELS, 6)),  # the table of levels, see `cost`
        ("levels_f", "f8", (MOST_LEVELS, 9)),
        ("levels_b", "i8", (MOST_LEVELS, 6)),  # levels_i for bounds: DRAM without what the buffer group keeps
        ("one_buffer", "i8"),  # whether the buffer group has one level with costs
        ("n_shapes", "i8"),
        ("shapes", "i8", (MOST_SHAPES, 2)),  # extents of the array
        ("order", "i8", (8,)),  # pinned linear order of the spatial loops, or its first entry is -1
        ("split", "i8"),  # how many of the pinned order lie on X
        # Where the orders of each set of loops begin in the table of orders: the buffer's and DRAM's where no PE can
        # serve another, and the same where one can.
        ("starts", "i8", (4, 257)),
    ]
)
BUFFER_ORDERS, DRAM_ORDERS, ALL_BUFFER_ORDERS, ALL_DRAM_ORDERS = range(4)

LATTICE = np.dtype(
    [
        ("bounds", "i8", (8,)),
        ("counts", "i8", (8,)),  # number of divisors
        ("strides", "i8", (8,)),  # step in the point number for one divisor further along each dimension
        ("divisors", "i8", (8, MOST_DIVISORS)),  # ascending
        ("start", "i8", (8, MOST_DIVISORS + 1)),  # where a divisor's multiples begin, see `grid.Grid`
        # The same for those multiples that the tile, the factor that leads to it, and the pins allow: from a spatial
        # factor to the array's tile, and from there to the buffer's.
        ("pe_start", "i8", (8, MOST_DIVISORS + 1)),
        ("buffer_start", "i8", (8, MOST_DIVISORS + 1)),
        ("ok", "u1", (4, 8, MOST_DIVISORS)),  # whether a divisor may be what the constants below say
    ]
)
PE_TILE, SPATIAL, BUFFER_TILE, BUFFER_FACTOR = range(4)

CONFIG = np.dtype(
    [
        ("tile", "i8", (8,)),  # PE tile, lanes included
        ("x", "i8", (8,)),  # spatial factors
        ("array", "i8", (8,)),  # their product, the tile of the whole array
        ("left", "i8", (8,)),  # bound over that tile: what the loops above the array multiply to
        ("least", "i8", (8,)),  # least prime factor of left
        ("groups", "f8", (3,)),  # distinct offsets of each tensor in the array
        ("size", "f8", (3,)),  # words of a PE tile
        # For R, S, P, Q innermost: words of inputs that its step moves, whether a later loop may move nothing; least
        # reads of the buffer by a step of it, and by a step of a later loop; words that neighbours hand over for it;
        # whether a step along its partner may meet the tile before.
        ("overlap", "f8", (4, 6)),
        ("used", "i8"),  # PEs used
        ("steps", "f8"),  # temporal iterations
        ("above", "f8"),  # iterations of the loops above the array
        ("macs", "f8"),
        ("linked", "i8"),  # whether neighbours may help
        ("short", "i8"),  # 1 where rounding may hide a fill of inputs, see docs/search.md, "Overlap and neighbours"
        ("most_shared", "i8"),  # most PEs that share one offset of inputs
    ]
)

SCRATCH = np.dtype(
    [
        ("words", "f8", (6, 3)),  # see `cost`
        ("extra", "f8", (5,)),  # see `cost.totals`: for tiles,
        ("none", "f8", (5,)),  # and for nests, all of whose words are known
        ("nest", "i8", (16, 3)),  # loops: dimension, factor, stride
        ("dram", "f8", (MOST_ORDERS, 3)),  # words of each DRAM order
        ("runs", "f8", (3,)),  # iterations for which each tensor can stay in place
        ("buffer", "i8", (8,)),  # factors of the buffer's loops
        ("outer", "i8", (8,)),  # factors of DRAM's loops
        ("tile", "i8", (8,)),  # buffer tile
        ("first", "u1", (8,)),  # which dimensions may be innermost
        ("leaves", "i8"),  # how many leaves are collected,
        ("resume", "i8", (2,)),  # and where among the orders of a buffer tile to go on, see `nests`
        ("work", "i8"),  # what has been done since a kernel was called, in units of about 0.1 microseconds
    ]
)

BEST = np.dtype(
    [
        ("cost", "f8", (2,)),  # objective and tie-break
        ("counts", "i8", (4,)),  # mappings costed, configurations and buffer tiles looked at, buffer tiles expanded
    ]
)
MACHINE_TYPE, LATTICE_TYPE, CONFIG_TYPE, SCRATCH_TYPE, BEST_TYPE = map(
    nb.from_dtype, (MACHINE, LATTICE, CONFIG, SCRATCH, BEST)
)
"""Numba's types of the records."""


def new_best() -> Record:
    """No incumbent."""
    best = np.zeros(1, dtype=BEST)[0]
    best["cost"][:] = np.inf
    return best


def new_config() -> Record:
    """An empty configuration."""
    return np.zeros(1, dtype=CONFIG)[0]


def new_scratch() -> Record:
    """Working memory."""
    scratch = np.zeros(1, dtype=SCRATCH)[0]
    scratch["extra"][4] = SLACK
    scratch["none"][4] = 1.0
    return scratch


class Subproblem(NamedTuple):
    """What the search of one choice of padded bounds stands on.

    Attributes:
        machine: of type MACHINE.
        orders: [k, 8] loop orders, innermost first; `starts` of the machine says which are whose.
        lattice: of type LATTICE.
        multiples: see `grid.Grid`.
        table: see `grid.tables`.
    """

    machine: Record
    orders: Ints
    lattice: Record
    multiples: Ints
    table: Floats


class Workspace(NamedTuple):
    """What the compiled search works in.

    Attributes:
        config, scratch: of types CONFIG and SCRATCH.
        best: the incumbent, of type BEST.
        leaves: [k, 27] nests to be costed, `scratch.leaves` of them, see the columns below.
        costs: [k, 8] what they cost at least, see the columns below.
    """

    config: Record
    scratch: Record
    best: Record
    leaves: Ints
    costs: Floats


PE_FACTORS, SPATIAL_FACTORS, BUFFER_EXTENTS, BUFFER_ORDER, DRAM_ORDER, SERVED = 0, 8, 16, 24, 25, 26
"""Where a leaf has its PE tile, spatial factors, buffer tile, rows of its orders, and whether it may be served."""
LEAST_CYCLES, LEAST_PJ, PLAIN_PJ, FIRST_LOOP, FIRST_PJ, OTHERS_PJ = range(6)
"""Columns of what a leaf costs at least: cycles and energy in any placement; its energy where neighbours serve no tile,
but for rounding; which of R, S, P, Q is its first loop above the array; and of that energy, what it takes to read the
inputs of steps that neighbours may serve: those that move tiles as that loop does, and from the last one on all others,
by where they lead: along the width, the height, or both."""
COSTS = OTHERS_PJ + 3
SUBPROBLEM_TYPE = types.NamedTuple([MACHINE_TYPE, I2, LATTICE_TYPE, I2, F3], Subproblem)
WORKSPACE_TYPE = types.NamedTuple([CONFIG_TYPE, SCRATCH_TYPE, BEST_TYPE, I2, F2], Workspace)
