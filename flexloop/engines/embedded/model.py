"""The embedded cost model: what `timeloop-model` says of a mapping of a dense workload, figure by figure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flexloop.engines.embedded.batch import Batch, batch_of
from flexloop.engines.embedded.jit import interpreted
from flexloop.engines.embedded.reasons import passed_on, reason, require_supported, wrong_product
from flexloop.engines.embedded.rules import tables as rules
from flexloop.engines.embedded.rules.cost import access_energy, address_energy, energy_of_all
from flexloop.engines.embedded.rules.nest import X_ALL, Y_ALL
from flexloop.engines.embedded.rules.residual_rows import evaluate_residual_rows, make_residual_room
from flexloop.engines.embedded.rules.rows import Room, evaluate_limited_rows, evaluate_rows, make_room
from flexloop.engines.embedded.spec import Spec
from flexloop.errors import UnsupportedError
from flexloop.evaluation import Evaluation, LevelStats, TensorStats
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

    valid: npt.NDArray[np.bool_]
    cycles: npt.NDArray[np.int64]
    energy_pj: npt.NDArray[np.float64]


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
    room, outcome, _ = _run(spec, batch, limits)
    if outcome[0] == rules.PASSES_OUTERMOST:
        raise UnsupportedError(passed_on(spec, batch, limits))
    if outcome[0] != rules.VALID:
        require_supported(int(outcome[0]))
        return Evaluation.invalid(reason(spec, int(outcome[0]), room.failure))
    return _evaluation(spec, batch, prepared(spec, limits), room)


def evaluate_batch(spec: Spec, batch: Batch, limits: Limits | None = None) -> Costs:
    """Cost many mappings, with the same rules and to the same bits as `evaluate`.

    Args:
        spec: architecture, problem and energies.
        batch: the mappings.
        limits: what their levels may not reuse, inner to outer; absent, nothing is limited.

    Raises:
        UnsupportedError: if one of them is beyond what the model counts exactly.
    """
    _, outcome, costs = _run(spec, batch, limits or unlimited(spec))
    if (outcome == rules.BEYOND_TABLES).any():
        require_supported(rules.BEYOND_TABLES)
    return costs


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


def _run(spec: Spec, batch: Batch, limits: Limits) -> tuple[Room, npt.NDArray[np.int64], Costs]:
    tables, n = prepared(spec, limits), len(batch)
    expected = (*tables.fanout.shape[:1], tables.roles.shape[1])
    if batch.temporal.shape[1:] != expected or batch.keep.shape[2] != len(tables.about):
        raise ValueError(
            f"the batch has {batch.temporal.shape[1:]} levels and dimensions, the specification {expected}"
        )
    room = make_room(tables)
    outcome = np.zeros(n, np.int64)
    cycles, energy = np.zeros(n, np.int64), np.zeros(n, np.float64)
    perfect = batch.is_perfect & (not any(space.is_diagonal for space in spec.problem.data_spaces))
    if perfect.all():
        kernel = evaluate_limited_rows if tables.limits.any() else evaluate_rows
        kernel(
            tables, batch.temporal, batch.temporal_order, batch.spatial, batch.spatial_order, batch.split, batch.keep,
            0, n, outcome, cycles, energy, room,
        )  # fmt: skip
    elif perfect.any():
        for rows in (np.flatnonzero(perfect), np.flatnonzero(~perfect)):
            room, outcome[rows], costs = _run(spec, batch.take(rows), limits)
            cycles[rows], energy[rows] = costs.cycles, costs.energy_pj
    else:
        _run_residual(tables, batch, outcome, cycles, energy, room)
    return room, outcome, Costs(outcome == rules.VALID, cycles, energy)


_VISITS, _MOST_VISITS = 2**12, 2**18
"""Visits of loops that there is room for at first, and at most; 40 loops with residuals may make 20,000."""


def _run_residual(
    tables: rules.Tables,
    batch: Batch,
    outcome: npt.NDArray[np.int64],
    cycles: npt.NDArray[np.int64],
    energy: npt.NDArray[np.float64],
    room: Room,
) -> None:
    """Cost mappings with residuals, with more room from the first on that needs it."""
    temporal, spatial = batch.residuals()
    visits, first, n = _VISITS, 0, len(batch)
    own = make_residual_room(tables, visits)
    while first < n:
        first = evaluate_residual_rows(
            tables, batch.temporal, batch.temporal_order, temporal, batch.spatial, batch.spatial_order, spatial,
            batch.split, batch.keep, first, n, outcome, cycles, energy, room, own,
        )  # fmt: skip
        if first < n and visits == _MOST_VISITS:
            first += 1
        elif first < n:
            visits *= 8
            own = make_residual_room(tables, visits)


def _evaluation(spec: Spec, batch: Batch, tables: rules.Tables, room: Room) -> Evaluation:
    total = room.figures[-1]
    macs, cycles = int(total[rules.USED]), int(total[rules.CYCLES])
    steps, computes = int(room.loops[0, rules.OUTER]), int(total[rules.COMPUTES])
    levels = [LevelStats(spec.mac.name, steps, float(total[rules.ENERGY]), macs)]
    for p, level in enumerate(spec.levels):
        figures = room.figures[p]
        tensors = {
            name: _tensor(tables, p, t, room) for t, name in enumerate(spec.data_space_names) if batch.keep[0, p, t]
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
    )


def _tensor(tables: rules.Tables, p: int, t: int, room: Room) -> TensorStats:
    most, used = int(room.grid[p + 1, X_ALL] * room.grid[p + 1, Y_ALL]), int(room.figures[p, rules.USED])
    reads, fills, updates, reductions, size = (int(n) for n in room.counts[p, t])
    one = interpreted(access_energy)(room.counts, p, t, int(tables.hardware[p, rules.BLOCK]), tables.rates)
    clusters = int(tables.hardware[p, rules.CLUSTERS])
    energy = interpreted(energy_of_all)(one, most, used, clusters)
    read_write = int(tables.about[t, rules.READ_WRITE])
    energy += interpreted(address_energy)(room.counts, p, t, read_write, tables.rates) * min(most, clusters)
    return TensorStats(size, used, reads, fills, updates, reductions, energy)
