"""What no mapping of a layer costs less than, on some hardware: the roofline, and the energy that nothing saves."""

from __future__ import annotations

from math import ceil, prod

from flexloop.arch.spec import ArchSpec
from flexloop.energy.source import EnergyTables
from flexloop.engines.base import Objective
from flexloop.workloads.layers import Layer


def least_cost(arch: ArchSpec, energy: EnergyTables, layer: Layer, objective: Objective) -> float:
    """A cost that no mapping of the layer on this hardware undercuts, whatever its tiles and padding.

    Cycles: every MAC takes a PE a cycle, every weight and input used is read from DRAM once, every output written.
    Energy: the MACs, their operands' accesses in the PE, and that traffic. Where loops leave remainders, Timeloop cuts
    the average number of PEs in use off to a whole one, at least one (rule R3 of docs/counting.md), so that as little
    as half of what happens in PEs may be counted; what crosses DRAM's boundary is the whole tensor all the same.
    """
    dram, costs = arch.levels[0], _energies(arch, energy)
    read, written = _moved_once(layer)
    cycles = least_cycles(arch, layer)
    in_pes = layer.macs * (0.5 if arch.edge == "remainder" else 1.0)
    picojoules = in_pes * costs[arch.mac.name]["compute"]
    picojoules += read / dram.block_size * costs[dram.name]["read"]
    picojoules += written / dram.block_size * costs[dram.name]["update"]
    for level in arch.buffer_groups[0]:
        for tensor in level.keep:
            action = "update" if tensor == "Outputs" else "read"
            picojoules += in_pes / level.block_size * costs[level.name][action]
    return {"latency": cycles, "energy": picojoules, "edp": cycles * picojoules}[objective]


def least_cycles(arch: ArchSpec, layer: Layer) -> float:
    """The roofline: every MAC takes a PE a cycle, every weight and input used is read once, every output written."""
    dram, (read, written) = arch.levels[0], _moved_once(layer)
    return max(ceil(layer.macs / (arch.pes * arch.lanes)), read / dram.read_bandwidth, written / dram.write_bandwidth)


def _moved_once(layer: Layer) -> tuple[int, int]:
    """Words that are read from DRAM, and written to it, if each is moved once."""
    return layer.tensor_size("Weights") + _inputs_used(layer), layer.tensor_size("Outputs")


def _energies(arch: ArchSpec, energy: EnergyTables) -> dict[str, dict[str, float]]:
    by_path = {t["name"]: {a["name"]: float(a["energy"]) for a in t["actions"]} for t in energy.ert["tables"]}
    return {name: by_path.get(path, {}) for name, path in arch.component_paths.items()}


def _inputs_used(layer: Layer) -> int:
    """Input words that some output needs; strides above the filter's extent leave words between them unused."""
    width = {r * layer.Wdilation + p * layer.Wstride for r in range(layer.R) for p in range(layer.P)}
    height = {s * layer.Hdilation + q * layer.Hstride for s in range(layer.S) for q in range(layer.Q)}
    return prod((layer.N, layer.G, layer.C, len(width), len(height)))
