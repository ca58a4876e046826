"""What no mapping of a layer costs less than, on some hardware: the roofline, and the energy that nothing saves."""

from __future__ import annotations

from collections.abc import Mapping as Map
from math import prod

from flexloop.arch.fields import StorageLevel
from flexloop.arch.spec import ArchSpec
from flexloop.embedded.mapper.facts import LevelFacts, TensorFacts
from flexloop.embedded.mapper.relaxed import Compulsory
from flexloop.energy.source import EnergyTables
from flexloop.engines.base import Objective
from flexloop.workloads.layers import TENSORS, Layer

_TENSORS = {t: TensorFacts((), t == "Outputs") for t in TENSORS}


def least_cost(arch: ArchSpec, energy: EnergyTables, layer: Layer, objective: Objective) -> float:
    """A cost that no mapping of the layer on this hardware undercuts, whatever its tiles and padding.

    Cycles: the roofline. Energy: the MACs, their operands' accesses in the PE, and each word moved once. Where loops
    leave remainders, Timeloop cuts the average number of PEs in use off to a whole one, at least one (rule R3 of
    docs/counting.md), so that as little as half of what happens in PEs may be counted; what crosses DRAM's boundary is
    the whole tensor all the same.
    """
    costs, cycles = _energies(arch, energy), least_cycles(arch, layer)
    least = Compulsory(costs[arch.mac.name]["compute"], list(_TENSORS.values()))
    for t, tensor in enumerate(_TENSORS):
        least.hands_out(_energy_of(arch.levels[0], costs), t)
        for level in arch.buffer_groups[0]:
            if tensor in level.keep:
                least.feeds(_energy_of(level, costs), t, 1.0)
    picojoules = least.energy(layer.macs * (0.5 if arch.edge == "remainder" else 1.0), _moved_once(layer))
    return {"latency": cycles, "energy": picojoules, "edp": cycles * picojoules}[objective]


def least_cycles(arch: ArchSpec, layer: Layer) -> float:
    """The roofline: every MAC takes a PE a cycle, every weight and input used is read once, every output written."""
    dram = arch.levels[0]
    top = LevelFacts(read_bandwidth=dram.read_bandwidth, write_bandwidth=dram.write_bandwidth)
    least = Compulsory(0.0, list(_TENSORS.values()))
    return least.cycles(layer.macs, arch.pes * arch.lanes, _moved_once(layer), top)


def _energy_of(level: StorageLevel, costs: Map[str, Map[str, float]]) -> LevelFacts:
    read, update = (costs[level.name].get(action, 0.0) / level.block_size for action in ("read", "update"))
    return LevelFacts(read_energy=read, update_energy=update)


def _moved_once(layer: Layer) -> list[int]:
    """Words of each tensor that cross DRAM's boundary if each that is used is moved once."""
    return [_inputs_used(layer) if tensor == "Inputs" else layer.tensor_size(tensor) for tensor in _TENSORS]


def _energies(arch: ArchSpec, energy: EnergyTables) -> dict[str, dict[str, float]]:
    by_path = {t["name"]: {a["name"]: float(a["energy"]) for a in t["actions"]} for t in energy.ert["tables"]}
    return {name: by_path.get(path, {}) for name, path in arch.component_paths.items()}


def _inputs_used(layer: Layer) -> int:
    """Input words that some output needs; strides above the filter's extent leave words between them unused."""
    width = {r * layer.Wdilation + p * layer.Wstride for r in range(layer.R) for p in range(layer.P)}
    height = {s * layer.Hdilation + q * layer.Hstride for s in range(layer.S) for q in range(layer.Q)}
    return prod((layer.N, layer.G, layer.C, len(width), len(height)))
