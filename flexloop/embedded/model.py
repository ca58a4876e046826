"""The embedded cost model: what `timeloop-model` says of a mapping of a dense workload, figure by figure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from flexloop.embedded.arrays import Bools, Floats, Ints
from flexloop.embedded.batch import Batch, batch_of
from flexloop.embedded.jit import interpreted
from flexloop.embedded.networks import LEGACY, READ_FILL, TREE
from flexloop.embedded.reasons import passed_on, reason, require_supported, wrong_product
from flexloop.embedded.rules import tables as rules
from flexloop.embedded.rules.cost import address_energy, energy_of_all, row_energy
from flexloop.embedded.rules.nest import X_ALL, Y_ALL
from flexloop.embedded.rules.residual_rows import evaluate_residual_rows
from flexloop.embedded.rules.route_tables import (
    ACCESSES,
    ENERGY,
    FANOUT,
    LINK_ENERGY,
    LINKED,
    MEAN_HOPS,
    OWNED,
    REDUCTION_ENERGY,
    REDUCTIONS,
    USED,
    Routes,
    make_routes,
)
from flexloop.embedded.rules.rows import evaluate_rows
from flexloop.embedded.rules.workspace import (
    Mappings,
    Outcomes,
    Workspace,
    make_residual_workspace,
    make_workspace,
    no_outcomes,
)
from flexloop.embedded.spec import Spec
from flexloop.errors import UnsupportedError
from flexloop.evaluation import Evaluation, LevelStats, NetworkStats, TensorStats, Traffic
from flexloop.timeloop.mapping import Mapping
from flexloop.timeloop.reuse import ReuseLimits

Limits = tuple[ReuseLimits, ...]
"""What each level of a mapping may not reuse, inner to outer."""


@dataclass(frozen=True)
class Costs:
    """Costs of n mappings.

    Attributes:
        valid: bool[n] whether the hardware can run a mapping; its costs are 0 where it cannot.
        cycles: int64[n].
        energy_pj: float64[n].
    """

    valid: Bools
    cycles: Ints
    energy_pj: Floats

    def __len__(self) -> int:
        return len(self.valid)


def evaluate(spec: Spec, mapping: Mapping) -> Evaluation:
    """Cost one mapping.

    Args:
        spec: architecture, problem and energies.
        mapping: loops and bypass of every level; factors must multiply to the problem's bounds.

    Returns:
        The figures, or for an invalid mapping the reason in Timeloop's words.

    Raises:
        UnknownNameError: a level, dimension or data space that does not exist.
        SpecError: spatial loops where there is no fanout.
        UnsupportedError: a mapping beyond what the model counts exactly.
    """
    batch = batch_of(spec, [mapping])
    if wrong := wrong_product(spec, mapping):
        return Evaluation.invalid(wrong)
    limits = limits_of(spec, mapping)
    run = _run(spec, batch, limits)
    outcome = int(run.outcomes.outcome[0])
    if outcome == rules.KEPT_NOWHERE:
        raise UnsupportedError(passed_on(spec, batch, run.held))
    if outcome != rules.VALID:
        require_supported(outcome)
        return Evaluation.invalid(reason(spec, outcome, run.workspace.failure))
    return _evaluation(spec, batch, prepared(spec, limits), run)


def evaluate_batch(spec: Spec, batch: Batch, limits: Limits | None = None) -> Costs:
    """Cost many mappings, with the same rules and to the same bits as `evaluate`.

    Args:
        spec: architecture, problem and energies.
        batch: the mappings.
        limits: what their levels may not reuse, inner to outer; absent, nothing is limited.

    Raises:
        UnsupportedError: if one of them is beyond what the model counts exactly.
    """
    outcome, cycles, energy = _run(spec, batch, limits or unlimited(spec)).outcomes
    if (outcome == rules.BEYOND_TABLES).any():
        require_supported(rules.BEYOND_TABLES)
    valid = outcome == rules.VALID
    return Costs(valid, cycles + valid * spec.network_latency, energy)


def unlimited(spec: Spec) -> Limits:
    """That no level has its reuse limited."""
    return (ReuseLimits(),) * len(spec.levels)


def limits_of(spec: Spec, mapping: Mapping) -> Limits:
    """What a mapping's levels may not reuse, inner to outer."""
    given = {level.target: level.limits for level in mapping.levels}
    return tuple(given.get(name, ReuseLimits()) for name in spec.level_names)


def prepared(spec: Spec, limits: Limits) -> rules.Tables:
    """The specification as arrays, made once for all mappings of the same limits."""
    known: dict[Limits, rules.Tables] = spec.__dict__.setdefault("_tables", {})
    if limits not in known:
        known[limits] = rules.tables(spec, limits)
    return known[limits]


@dataclass(frozen=True)
class _Run:
    """Outcomes and costs of n mappings, without the cycles of networks; and the details of the last mapping.

    Which levels hold a data space, [n, L, T], is what they keep but for those of rule 16 that hand on all to none.
    """

    held: Bools
    outcomes: Outcomes
    workspace: Workspace
    routes: Routes | None


def _run(spec: Spec, batch: Batch, limits: Limits) -> _Run:
    tables, n = prepared(spec, limits), len(batch)
    expected = (*tables.fanout.shape[:1], tables.roles.shape[1])
    if batch.temporal.shape[1:] != expected or batch.keep.shape[2] != len(tables.about):
        raise ValueError(
            f"the batch has {batch.temporal.shape[1:]} levels and dimensions, the specification {expected}"
        )
    held = _held(batch.keep, tables.limits)
    outcomes, workspace = no_outcomes(n), make_workspace(tables, batch.spatial)
    mappings = Mappings(
        batch.temporal, batch.temporal_order, batch.residuals()[0], batch.spatial, batch.spatial_order,
        batch.residuals()[1], batch.split, held,
    )  # fmt: skip
    routes: Routes | None = None
    walked = any(space.is_diagonal for space in spec.problem.data_spaces) or bool(spec.costly_networks)
    perfect = batch.is_perfect & (not walked)
    if perfect.all():
        evaluate_rows(tables, mappings, 0, n, outcomes, workspace)
    elif perfect.any():
        for rows in (np.flatnonzero(perfect), np.flatnonzero(~perfect)):
            part = _run(spec, batch.take(rows), limits)
            for whole, some in zip(outcomes, part.outcomes, strict=True):
                whole[rows] = some
            workspace, routes = part.workspace, part.routes
    else:
        routes = make_routes(spec)
        _run_residual(tables, mappings, outcomes, workspace, routes)
    nowhere: Bools = ~np.all(np.any(batch.keep, axis=1), axis=1)
    outcomes.outcome[nowhere] = rules.BYPASSED_EVERYWHERE
    return _Run(held, outcomes, workspace, routes)


def _held(keep: Bools, limits: Ints) -> Bools:
    """What levels keep, without the outermost ones that hand on all accesses (rule 16)."""
    passing = limits & rules.NO_COALESCE != 0
    if not passing.any():
        return keep
    ends = keep & ~passing
    held: Bools = keep & np.logical_or.accumulate(ends[:, ::-1], axis=1)[:, ::-1]
    return held


_VISITS, _MAX_VISITS = 2**12, 2**18
"""Visits of loops that the workspace holds at first, and at most; 40 loops with residuals may make 20,000."""


def _run_residual(
    tables: rules.Tables, mappings: Mappings, outcomes: Outcomes, workspace: Workspace, routes: Routes
) -> None:
    """Cost mappings with residuals, with a larger workspace from the first on that needs it."""
    visits, first, n = _VISITS, 0, len(outcomes.outcome)
    own = make_residual_workspace(tables, visits, workspace)
    while first < n:
        first = evaluate_residual_rows(tables, mappings, first, n, outcomes, workspace, own, routes)
        if first < n and visits == _MAX_VISITS:
            first += 1
        elif first < n:
            visits *= 8
            own = make_residual_workspace(tables, visits, workspace)


def _evaluation(spec: Spec, batch: Batch, tables: rules.Tables, run: _Run) -> Evaluation:
    workspace = run.workspace
    total = workspace.figures[-1]
    macs, cycles = int(total[rules.USED]), int(total[rules.CYCLES]) + spec.network_latency
    steps, computes = int(workspace.loops[0, rules.OUTER]), int(total[rules.COMPUTES])
    levels = [LevelStats(spec.mac.name, steps, float(total[rules.ENERGY]), macs)]
    for p, level in enumerate(spec.levels):
        figures = workspace.figures[p]
        nothing = TensorStats(0, int(figures[rules.USED]), 0, 0, 0, 0, 0.0)
        tensors = {
            name: _tensor(tables, p, t, workspace) if run.held[-1, p, t] else nothing
            for t, name in enumerate(spec.data_space_names)
            if batch.keep[0, p, t]
        }
        energy = float(figures[rules.ENERGY] + figures[rules.LEAKED])
        levels.append(LevelStats(level.name, int(figures[rules.CYCLES]), energy, int(figures[rules.USED]), tensors))
    return Evaluation(
        valid=True,
        reason="",
        cycles=cycles,
        energy_pj=float(total[rules.LEAKED]),
        utilization=computes / spec.mac.instances / cycles,
        computes=computes,
        levels=tuple(levels),
        networks=() if run.routes is None else tuple(_networks(spec, run.routes, workspace)),
    )


def _networks(spec: Spec, routes: Routes, workspace: Workspace) -> Iterator[NetworkStats]:
    for n, network in enumerate(spec.costly_networks):
        assert network.level is not None
        used = int(workspace.figures[network.level, rules.USED])
        tensors = {}
        for t, space in enumerate(spec.problem.data_spaces):
            figures, about = routes.figures[n, t], routes.about[network.level, t]
            count, own = int(about[USED]), int(about[OWNED])
            words = [float(w) for w in routes.carried[network.level, t, :count, ACCESSES]]
            if network.kind == LEGACY and network.returns and network.carries != READ_FILL and space.read_write:
                words = [2 * w - own for w in words]
            keys = routes.keys[network.level, t, :count].tolist()
            tensors[space.name] = Traffic(
                fanout=int(about[FANOUT]),
                ingresses=tuple((m, s, w) for (m, s), w in zip(keys, words, strict=True)),
                link_transfers=int(about[LINKED]),
                spatial_reductions=int(figures[REDUCTIONS]),
                hops=float(figures[MEAN_HOPS]),
                energy_pj=float(figures[ENERGY]),
                link_energy_pj=float(figures[LINK_ENERGY]),
                reduction_energy_pj=float(figures[REDUCTION_ENERGY]),
            )
        yield NetworkStats(network.name, used, tensors, once=network.kind == TREE)


def _tensor(tables: rules.Tables, p: int, t: int, workspace: Workspace) -> TensorStats:
    most, used = int(workspace.grid[p + 1, X_ALL] * workspace.grid[p + 1, Y_ALL]), int(workspace.figures[p, rules.USED])
    reads, fills, updates, reductions, size = (int(n) for n in workspace.counts[p, t])
    one = interpreted(row_energy)(reads, fills, updates, p, int(tables.hardware[p, rules.BLOCK]), tables.rates)
    clusters = int(tables.hardware[p, rules.CLUSTERS])
    energy = interpreted(energy_of_all)(one, most, used, clusters)
    read_write = int(tables.about[t, rules.READ_WRITE])
    energy += interpreted(address_energy)(workspace.counts, p, t, read_write, tables.rates) * min(most, clusters)
    return TensorStats(size, used, reads, fills, updates, reductions, energy)
