"""Write a report as ``stats.txt``, as Timeloop's programs do, for scripts that read it.

What cannot be known without Timeloop's area model is written as Timeloop writes it where that is absent.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from flexloop.timeloop.network_writer import network_lines
from flexloop.timeloop.report import LevelReport, MacReport, Report, TensorReport


def stats_text(report: Report) -> str:
    """Return the content of ``stats.txt``."""
    lines = ["Buffer and Arithmetic Levels", "-" * 28]
    if report.mac.energy:  # a level without accesses and energy is left out, and MACs have no accesses
        lines += ["Level 0", "-" * 7, *_mac_lines(report.mac), ""]
    for index, level in enumerate(report.levels, start=1):
        if level.accesses or level.energy:
            lines += [f"Level {index}", "-" * 7, *_specs_lines(level), "", *_level_lines(level), ""]
    lines += ["Networks", "-" * 8]
    for index, network in enumerate(network for network in report.networks if network.stats.energy_pj):
        lines += [f"Network {index}", "-" * 9, *network_lines(network)]
    lines += ["", *_intensity_lines(report), "", ""]
    lines += [*_summary_lines(report), "", *_per_compute_lines(report), ""]
    return "".join(f"{line}\n" for line in lines)


def _mac_lines(mac: MacReport) -> list[str]:
    return [
        f"=== {mac.name} ===",
        "",
        "    SPECS",
        "    -----",
        f"    Word bits             : {mac.word_bits}",
        f"    Instances             : {mac.instances} ({mac.mesh_x}*{mac.mesh_y})",
        f"    Compute energy        : {mac.compute_energy:.2f} pJ",
        "",
        "    STATS",
        "    -----",
        f"    Utilized instances      : {mac.used}",
        f"    Computes (total)        : {mac.computes}",
        f"    Cycles                  : {mac.cycles}",
        f"    Energy (total)          : {mac.energy:.2f} pJ",
        f"    Area (total)            : {mac.area * mac.instances:.2f} um^2",
    ]


def _specs_lines(level: LevelReport) -> list[str]:
    figures = {
        "Technology": level.technology,
        "Size": _or_dash(level.size),
        "Word bits": level.word_bits,
        "Block size": level.block_size,
        "Cluster size": level.cluster_size,
        "Instances": f"{level.instances} ({level.mesh_x}*{level.mesh_y})",
        "Shared bandwidth": _or_dash(level.shared_bandwidth),
        "Read bandwidth": _or_dash(level.read_bandwidth),
        "Write bandwidth": _or_dash(level.write_bandwidth),
        "Multiple buffering": f"{level.multiple_buffering:.2f}",
        "Effective size": _or_dash(level.effective_size),
        "Min utilization": f"{level.min_utilization:.2f}",
        "Vector access energy": f"{level.highest_energy:.2f} pJ",
        "Vector access energy source": level.energy_source,
        "Per-instance-cycle leakage": f"{level.leakage:.2f} pJ",
        "Instances sharing power gating": f"{level.gated_together:.2f}",
        "Non-power-gated utilization": f"{level.working / level.powered * 100:.2f}%",
        "Leakage energy (total)": f"{level.leaked:.2f} pJ",
        "Area": f"{level.area:.2f} um^2",
    }
    return [
        f"=== {level.name} ===",
        "",
        "    SPECS",
        "    -----",
        *(f"        {k:<32}: {v}" for k, v in figures.items()),
    ]


def _or_dash(value: float | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.2f}"


def _level_lines(level: LevelReport) -> list[str]:
    lines = [
        "    STATS",
        "    -----",
        f"    Cycles               : {level.cycles}",
        f"    Bandwidth throttling : {level.slowdown:.2f}",
    ]
    for tensor in level.tensors:
        lines += [f"    {tensor.name}:", *(f"        {k:<41}: {v}" for k, v in _tensor_figures(tensor).items())]
    return lines


def _tensor_figures(tensor: TensorReport) -> dict[str, object]:
    accesses = tensor.reads + tensor.fills + tensor.updates
    each = f"{tensor.energy / accesses:.2f}" if accesses else "-nan"
    addresses = tensor.fills + (tensor.updates if tensor.read_write else tensor.reads)
    figures: dict[str, object] = {
        "Partition size": tensor.partition,
        "Utilized capacity": tensor.capacity,
        "Utilized instances (max)": tensor.used,
        "Utilized clusters (max)": tensor.clusters,
        "Scalar reads (per-instance)": tensor.reads,
        "Scalar fills (per-instance)": tensor.fills,
        "Scalar updates (per-instance)": tensor.updates,
        "Temporal reductions (per-instance)": tensor.reductions,
        "Address generations (per-cluster)": addresses,
        "Energy (per-scalar-access)": f"{each} pJ",
        "Energy (per-instance)": f"{tensor.energy:.2f} pJ",
        "Energy (total)": f"{tensor.energy * tensor.used:.2f} pJ",
    }
    for name in ("Temporal Reduction Energy (per-instance)", "Temporal Reduction Energy (total)"):
        figures[name] = "0.00 pJ"
    figures["Address Generation Energy (per-cluster)"] = f"{tensor.address_energy:.2f} pJ"
    figures["Address Generation Energy (total)"] = f"{tensor.address_energy * tensor.clusters:.2f} pJ"
    figures["Bandwidth Consumption Scale"] = f"{tensor.scale:.2f}"
    bandwidths = {"Shared": tensor.shared_bandwidth, "Read": tensor.read_bandwidth, "Write": tensor.write_bandwidth}
    for name, words in bandwidths.items():
        figures[f"{name} Bandwidth (per-instance)"] = f"{words:.2f} words/cycle"
        figures[f"{name} Bandwidth (total)"] = f"{words * tensor.used:.2f} words/cycle"
    return figures


_WRAP = 2**64
"""Timeloop counts operations without a sign, although tiles of outputs with gaps may be more than these, and loops
with residuals may compute less than there are outputs."""


def _operations(report: Report) -> tuple[int, int]:
    """Multiplications, and additions to partial sums: the first value of each output needs none."""
    outputs = sum(words for words, read_write in _outermost(report) if read_write)
    return report.mac.computes, (report.mac.computes - outputs) % _WRAP


def _outermost(report: Report) -> Iterator[tuple[int, bool]]:
    """Words of each data space at the outermost level that holds some of it, and whether it is updated."""
    seen: set[str] = set()
    for level in reversed(report.levels):
        for tensor in level.tensors:
            if tensor.capacity and tensor.name not in seen:
                seen.add(tensor.name)
                yield tensor.capacity, tensor.read_write


def _intensity_lines(report: Report) -> list[str]:
    multiplications, additions = _operations(report)
    operations = (multiplications + additions) % _WRAP
    words = sum(words for words, _ in _outermost(report))
    figures = {
        "Total elementwise ops": multiplications,
        "Total reduction ops": additions,
        "Total ops": operations,
        "Total memory accesses required": words,
        "Optimal Op per Byte": _per_byte(operations, report.levels[-1].word_bits * words),
    }
    lines = ["Operational Intensity Stats", "-" * 27, *(f"    {k:<40}: {v}" for k, v in figures.items()), ""]
    for level in report.levels:
        lines.append(f"=== {level.name} ===")
        if level.accesses:
            lines.append(f"    {'Total scalar accesses':<40}: {level.accesses}")
            lines.append(f"    {'Op per Byte':<40}: {_per_byte(operations, level.word_bits * level.accesses)}")
    return lines


def _per_byte(operations: int, bits: int) -> str:
    """In single precision over whole bytes, as Timeloop divides."""
    if bits < 8:
        return "inf"
    return f"{float(np.float32(operations) / np.float32(bits // 8)):.2f}"


def _summary_lines(report: Report) -> list[str]:
    operations = np.float32(sum(_operations(report)) % _WRAP)
    return [
        "Summary Stats",
        "-" * 13,
        f"GFLOPs (@1GHz): {float(operations / np.float32(report.cycles)):.2f}",
        f"Utilization: {100 * report.utilization:.2f}%",
        f"Cycles: {report.cycles}",
        f"Energy: {report.energy / 1e6:.2f} uJ",
        f"EDP(J*cycle): {float(np.float32(report.cycles)) * report.energy / 1e12:.2e}",
        "Area: 0.00 mm^2",  # whatever the levels say: Timeloop clears its sum before it writes the report
    ]


def _per_compute_lines(report: Report) -> list[str]:
    computes = report.mac.computes
    energies = [(report.mac.name, report.mac.energy), *((level.name, level.energy) for level in report.levels)]
    # Timeloop leaves room for the names of all networks, shown or not.
    width = max(map(len, [*(name for name, _ in energies), *report.network_names])) + 1
    energies += [(network.stats.name, network.stats.energy_pj) for network in report.networks]
    shown = [*((name, energy) for name, energy in energies if energy), ("Total", report.energy)]
    return [
        f"Computes = {computes}",
        "fJ/Compute",
        *(f"    {name:<{width}}= {energy * 1000 / computes:.2f}" for name, energy in shown),
    ]
