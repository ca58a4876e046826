"""Cost the mappings of a batch, one after the other; the one place where all rules come together."""

from __future__ import annotations

from flexloop.embedded.arrays import Bools
from flexloop.embedded.jit import entry, i64, kernel
from flexloop.embedded.rules.cost import cost
from flexloop.embedded.rules.counts import finish_counts, flows, partitions
from flexloop.embedded.rules.nest import (
    X_ALL,
    Y_ALL,
    build_nest,
    fits_levels,
    fits_macs,
    has_same_tiles,
    reorder_nest,
    use_array,
)
from flexloop.embedded.rules.tables import COUPLED_RANKS, KEPT_NOWHERE, OUTER, READ_WRITE, SPACED, TABLES, VALID, Tables
from flexloop.embedded.rules.workspace import MAPPINGS, OUTCOMES, WORKSPACE, Mappings, Outcomes, Workspace


@kernel
def outermost(held: Bools, t: int) -> int:
    """The outermost level that keeps data space t; -1 if none does."""
    for p in range(len(held) - 1, -1, -1):
        if held[p, t]:
            return p
    return -1


@kernel
def lay_out(tables: Tables, mappings: Mappings, m: int, work: Workspace) -> int:
    """Write the nest of mapping m with its tiles; an outcome."""
    use_array(tables, mappings, m, work.grid)
    state = fits_macs(tables.hardware, work)
    if state == VALID:
        build_nest(tables, mappings, m, work)
        state = fits_levels(tables, mappings.keep[m], work.grid, work)
    return state


@kernel
def count(tables: Tables, held: Bools, t: int, work: Workspace) -> int:
    """Write the counts of data space t at all levels; an outcome."""
    top = outermost(held, t)
    if top < 0:
        return KEPT_NOWHERE
    state = flows(tables, held, t, top, work)
    if state == VALID and tables.about[t, READ_WRITE]:
        state = partitions(tables, t, work)
    if state != VALID:
        return state
    uneven = tables.about[t, COUPLED_RANKS] + tables.about[t, SPACED] > 0
    return finish_counts(tables, held, t, top, work.grid, uneven, work)


@entry(TABLES, MAPPINGS, i64, i64, OUTCOMES, WORKSPACE)
def evaluate_rows(
    tables: Tables, mappings: Mappings, start: int, stop: int, outcomes: Outcomes, work: Workspace
) -> None:
    """Cost mappings ``start`` to ``stop``, none of which has residuals; ``work`` then details the last of them."""
    tiled = VALID
    for m in range(start, stop):
        if m > start and has_same_tiles(mappings, m):
            if tiled == VALID:
                reorder_nest(tables, mappings, m, work)
        else:
            tiled = lay_out(tables, mappings, m, work)
        held, state = mappings.keep[m], tiled
        for t in range(len(tables.about)):
            if state == VALID:
                state = count(tables, held, t, work)
        outcomes.outcome[m] = state
        if state == VALID:
            computes = float(work.loops[0, OUTER]) * (work.grid[0, X_ALL] * work.grid[0, Y_ALL])
            outcomes.cycles[m], outcomes.energy[m] = cost(tables, held, work.grid, computes, work)
