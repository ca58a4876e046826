"""Cost the mappings of a batch whose loops may have residuals, one after the other."""

from __future__ import annotations

from flexloop.embedded.arrays import Bools
from flexloop.embedded.jit import entry, i64, kernel
from flexloop.embedded.rules.cost import cost
from flexloop.embedded.rules.counts import finish_counts
from flexloop.embedded.rules.nest import X_ALL, fits_levels, fits_macs, use_array
from flexloop.embedded.rules.residual_flows import residual_flows, residual_partitions
from flexloop.embedded.rules.residual_nest import FIRST, lay_nest, measure
from flexloop.embedded.rules.route_tables import ROUTES, Routes
from flexloop.embedded.rules.routes import network_energy, own_words
from flexloop.embedded.rules.rows import outermost
from flexloop.embedded.rules.tables import (
    BEYOND_TABLES,
    KEPT_NOWHERE,
    LEAKED,
    OUTER,
    TABLES,
    UNSHARED_RESIDUAL,
    VALID,
    Tables,
)
from flexloop.embedded.rules.workspace import (
    MAPPINGS,
    OUTCOMES,
    RESIDUAL_WORKSPACE,
    WORKSPACE,
    Mappings,
    Outcomes,
    ResidualWorkspace,
    Workspace,
)


@kernel
def lay_residuals_out(
    tables: Tables, mappings: Mappings, m: int, work: Workspace, own: ResidualWorkspace
) -> tuple[int, float]:
    """Write the nest of mapping m with its tiles; an outcome, and computations."""
    use_array(tables, mappings, m, work.grid)
    lay_nest(mappings, m, own)
    steps, own.runs[0], macs = measure(own)
    if macs < 0:
        return UNSHARED_RESIDUAL, macs
    work.loops[0, OUTER] = steps
    state = fits_macs(tables.hardware, work)
    if state != VALID:
        return state, macs
    for p in range(len(tables.fanout)):
        own.average[p + 1, X_ALL] = own.used[p + 1]
        for d in range(own.extent.shape[2]):
            work.tile[p + 1, d] = own.extent[FIRST, p + 1, d]
    return fits_levels(tables, mappings.keep[m], own.average, work), macs


@kernel
def count_residual(tables: Tables, held: Bools, t: int, work: Workspace, own: ResidualWorkspace, routes: Routes) -> int:
    """Write the counts of data space t at all levels; an outcome."""
    top = outermost(held, t)
    if top < 0:
        return KEPT_NOWHERE
    state = residual_flows(tables, held, t, top, work, own, routes)
    if state == VALID:
        state = residual_partitions(tables, t, work, own)
    if state != VALID:
        return state
    if len(routes.entry) > 0:
        own_words(held, t, top, work.partition, routes)
    return finish_counts(tables, held, t, top, own.average, True, work)


@entry(TABLES, MAPPINGS, i64, i64, OUTCOMES, WORKSPACE, RESIDUAL_WORKSPACE, ROUTES)
def evaluate_residual_rows(
    tables: Tables, mappings: Mappings, start: int, stop: int, outcomes: Outcomes, work: Workspace,
    own: ResidualWorkspace, routes: Routes,
) -> int:  # fmt: skip
    """Cost mappings ``start`` to ``stop``, as in `rows`, up to the first that a workspace is too small for.

    Returns:
        That mapping; ``stop`` if there is none.
    """
    for m in range(start, stop):
        held = mappings.keep[m]
        state, computes = lay_residuals_out(tables, mappings, m, work, own)
        for t in range(len(tables.about)):
            if state == VALID:
                state = count_residual(tables, held, t, work, own, routes)
        outcomes.outcome[m] = state
        if state == BEYOND_TABLES:
            return m
        if state == VALID:
            outcomes.cycles[m], outcomes.energy[m] = cost(tables, held, own.average, computes, work)
            if len(routes.networks) > 0:
                used = network_energy(tables.about, own.used, routes)
                outcomes.energy[m] += used
                work.figures[len(tables.fanout), LEAKED] += used
    return stop
