"""The embedded cost model: what `timeloop-model` says of a mapping of a dense workload, figure by figure."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from flexloop.engines.embedded.batch import Batch, batch_of
from flexloop.engines.embedded.jit import interpreted
from flexloop.engines.embedded.rules import tables as rules
from flexloop.engines.embedded.rules.cost import access_energy
from flexloop.engines.embedded.rules.rows import Room, evaluate_rows, make_room
from flexloop.engines.embedded.spec import Spec
from flexloop.errors import UnsupportedError
from flexloop.evaluation import Evaluation, LevelStats, TensorStats
from flexloop.timeloop.mapping import Mapping


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
    if wrong := _wrong_product(spec, batch):
        return Evaluation.invalid(wrong)
    room, outcome, _ = _run(spec, batch)
    if outcome[0] != rules.VALID:
        return Evaluation.invalid(_reason(spec, int(outcome[0]), room))
    return _evaluation(spec, batch, room)


def evaluate_batch(spec: Spec, batch: Batch) -> Costs:
    """Cost many mappings, with the same rules and to the same bits as `evaluate`.

    Raises:
        UnsupportedError: if one of them is beyond what the model counts exactly.
    """
    _, outcome, costs = _run(spec, batch)
    if (outcome == rules.BEYOND_TABLES).any():
        _reason(spec, rules.BEYOND_TABLES, None)
    return costs


def prepared(spec: Spec) -> rules.Tables:
    """The specification as arrays, made once."""
    found: rules.Tables | None = spec.__dict__.get("_tables")
    if found is None:
        found = rules.tables(spec)
        spec.__dict__["_tables"] = found
    return found


def _run(spec: Spec, batch: Batch) -> tuple[Room, npt.NDArray[np.int64], Costs]:
    tables, n = prepared(spec), len(batch)
    expected = (*tables.fanout.shape[:1], tables.roles.shape[1])
    if batch.temporal.shape[1:] != expected or batch.keep.shape[2] != len(tables.about):
        raise ValueError(
            f"the batch has {batch.temporal.shape[1:]} levels and dimensions, the specification {expected}"
        )
    room = make_room(tables)
    outcome = np.zeros(n, np.int64)
    cycles, energy = np.zeros(n, np.int64), np.zeros(n, np.float64)
    evaluate_rows(
        tables, batch.temporal, batch.temporal_order, batch.spatial, batch.spatial_order, batch.split, batch.keep,
        0, n, outcome, cycles, energy, room,
    )  # fmt: skip
    return room, outcome, Costs(outcome == rules.VALID, cycles, energy)


def _wrong_product(spec: Spec, batch: Batch) -> str:
    """What Timeloop says of the first dimension whose factors do not multiply to its bound; empty if all do."""
    for d, name in enumerate(spec.problem.dimensions):
        product = prod(int(n) for n in (*batch.temporal[0, :, d], *batch.spatial[0, :, d]))
        if product != spec.problem.bounds[name]:
            return (
                f"parsing mapping: product of all factors of dimension {name} is {product}, which is not equal to the "
                f"dimension size of the workload {spec.problem.bounds[name]}."
            )
    return ""


def _reason(spec: Spec, outcome: int, room: Room | None) -> str:
    """The words of Timeloop's last line for an invalid mapping."""
    if outcome == rules.BEYOND_TABLES or room is None:
        raise UnsupportedError(
            "mapping: beyond the counts that the model keeps exact; use smaller bounds or unrollings"
        )
    level, asked, present = (int(n) for n in room.failure)
    texts = {
        rules.BYPASSED_EVERYWHERE: "one of the tensors is bypassed in all storage levels",
        rules.MAC_INSTANCES: f"mapped max Arithmetic instances {asked} exceeds hardware instances {present}",
        rules.MAC_X: f"mapped max Arithmetic X expansion {asked} exceeds hardware instances {present}",
        rules.MAC_Y: f"mapped max Arithmetic Y expansion {asked} exceeds hardware instances {present}",
        rules.TILE_TOO_LARGE: f"mapped tile size {asked} exceeds buffer capacity {present}",
        rules.LEVEL_INSTANCES: f"mapped instances {asked} exceeds available hardware instances {present}",
        rules.LEVEL_X: f"mapped X expansion {asked} exceeds available hardware instances {present}",
        rules.LEVEL_Y: f"mapped Y expansion {asked} exceeds available hardware instances {present}",
    }
    at_macs = outcome in (rules.BYPASSED_EVERYWHERE, rules.MAC_INSTANCES, rules.MAC_X, rules.MAC_Y)
    return f"couldn't map level {spec.mac.name if at_macs else spec.level_names[level]}: {texts[outcome]}"


def _evaluation(spec: Spec, batch: Batch, room: Room) -> Evaluation:
    total = room.figures[-1]
    macs, cycles = int(total[rules.USED]), int(total[rules.CYCLES])
    steps = int(room.loops[0, rules.OUTER])
    levels = [LevelStats(spec.mac.name, steps, float(total[rules.ENERGY]), macs)]
    for p, level in enumerate(spec.levels):
        figures = room.figures[p]
        tensors = {
            name: _tensor(spec, p, t, room) for t, name in enumerate(spec.data_space_names) if batch.keep[0, p, t]
        }
        energy = float(figures[rules.ENERGY] + figures[rules.LEAKED])
        levels.append(LevelStats(level.name, int(figures[rules.CYCLES]), energy, int(figures[rules.USED]), tensors))
    return Evaluation(
        valid=True,
        reason="",
        cycles=cycles,
        energy_pj=float(total[rules.LEAKED]),
        utilization=steps * macs / spec.mac.instances / cycles,
        computes=steps * macs,
        levels=tuple(levels),
    )


def _tensor(spec: Spec, p: int, t: int, room: Room) -> TensorStats:
    tables = prepared(spec)
    used = int(room.figures[p, rules.USED])
    reads, fills, updates, reductions, size = (int(n) for n in room.counts[p, t])
    one = interpreted(access_energy)(room.counts, p, t, int(tables.hardware[p, rules.BLOCK]), tables.rates)
    energy = one * min(used, int(tables.hardware[p, rules.CLUSTERS]))
    return TensorStats(size, used, reads, fills, updates, reductions, energy)
