"""The embedded cost model: what `timeloop-model` says of a mapping of a dense workload, figure by figure."""

from __future__ import annotations

import numpy as np

from flexloop.engines.embedded import kernels
from flexloop.engines.embedded.nest import MappingArrays, SpecArrays, mapping_arrays, spec_arrays, wrong_product
from flexloop.engines.embedded.spec import Spec
from flexloop.errors import UnsupportedError
from flexloop.evaluation import Evaluation, LevelStats, TensorStats
from flexloop.timeloop.mapping import Mapping


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
        UnsupportedError: a mapping that reaches beyond the kernel's tables.
    """
    arrays = mapping_arrays(spec, mapping)
    if (wrong := wrong_product(spec, arrays)) is not None:
        return Evaluation.invalid(
            f"parsing mapping: product of all factors of dimension {wrong[0]} is {wrong[1]}, which is not equal to the "
            f"dimension size of the workload {wrong[2]}."
        )
    return _evaluate(spec, arrays)


def _evaluate(spec: Spec, arrays: MappingArrays) -> Evaluation:
    hardware = _spec_arrays(spec)
    levels, spaces = len(spec.levels), len(spec.data_space_names)
    counts = np.zeros((levels, spaces, 5), np.int64)
    figures = np.zeros((levels + 1, 4), np.float64)
    failure = np.zeros(3, np.int64)
    code = kernels.evaluate_one(
        hardware.hw, hardware.hwf, hardware.fan, hardware.coef, hardware.rw,
        arrays.tf, arrays.to, arrays.sf, arrays.so, arrays.split, arrays.keep,
        counts, figures, failure,
    )  # fmt: skip
    if code == kernels.OVERFLOW:
        raise UnsupportedError(
            "mapping: more kinds of multicast than the model tables; use a smaller spatial unrolling"
        )
    if code != kernels.VALID:
        return Evaluation.invalid(_reason(spec, code, failure))
    return _evaluation(spec, arrays, counts, figures)


def _spec_arrays(spec: Spec) -> SpecArrays:
    found = spec.__dict__.get("_arrays")
    if found is None:
        found = spec_arrays(spec)
        object.__setattr__(spec, "_arrays", found)
    arrays: SpecArrays = found
    return arrays


def _reason(spec: Spec, code: int, failure: np.ndarray) -> str:
    """The words of Timeloop's last line for an invalid mapping."""
    level, found, limit = (int(x) for x in failure)
    where = "MAC" if level < 0 else spec.level_names[level]
    if level < 0:
        where = spec.mac.name
    texts = {
        kernels.BYPASSED_EVERYWHERE: "one of the tensors is bypassed in all storage levels",
        kernels.MAC_INSTANCES: f"mapped max Arithmetic instances {found} exceeds hardware instances {limit}",
        kernels.MAC_X: f"mapped max Arithmetic X expansion {found} exceeds hardware instances {limit}",
        kernels.MAC_Y: f"mapped max Arithmetic Y expansion {found} exceeds hardware instances {limit}",
        kernels.CAPACITY: f"mapped tile size {found} exceeds buffer capacity {limit}",
        kernels.INSTANCES: f"mapped instances {found} exceeds available hardware instances {limit}",
        kernels.LEVEL_X: f"mapped X expansion {found} exceeds available hardware instances {limit}",
        kernels.LEVEL_Y: f"mapped Y expansion {found} exceeds available hardware instances {limit}",
    }
    return f"couldn't map level {where}: {texts[code]}"


def _evaluation(spec: Spec, arrays: MappingArrays, counts: np.ndarray, figures: np.ndarray) -> Evaluation:
    macs, cycles = int(figures[-1, 2]), int(figures[-1, 0])
    temporal = int(np.prod(arrays.tf, dtype=np.int64))
    levels = [LevelStats(spec.mac.name, temporal, float(figures[-1, 1]), macs)]
    for p, level in enumerate(spec.levels):
        tensors = {
            name: _tensor(spec, p, counts[p, t], int(figures[p, 2]))
            for t, name in enumerate(spec.data_space_names)
            if arrays.keep[p, t]
        }
        energy = float(figures[p, 1] + figures[p, 3])
        levels.append(LevelStats(level.name, int(figures[p, 0]), energy, int(figures[p, 2]), tensors))
    computes = temporal * macs
    return Evaluation(
        valid=True,
        reason="",
        cycles=cycles,
        energy_pj=float(figures[-1, 3]),
        utilization=computes / spec.mac.instances / cycles,
        computes=computes,
        levels=tuple(levels),
    )


def _tensor(spec: Spec, p: int, counts: np.ndarray, instances: int) -> TensorStats:
    level = spec.levels[p]
    reads, fills, updates, reductions, held = (int(x) for x in counts)
    block = level.block_size
    one = (
        -(-reads // block) * level.read_energy
        + -(-fills // block) * level.write_energy
        + -(-updates // block) * level.update_energy
    )
    total = one * min(float(instances), level.instances / level.cluster_size)
    return TensorStats(held, instances, reads, fills, updates, reductions, total)
