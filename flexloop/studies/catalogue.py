"""The catalogue of accelerators measured: each as it is and freed, and beside the figures of its publication."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import isnan
from typing import Any

import pandas as pd

from flexloop.arch.base import Arch
from flexloop.arch.load import load_arch
from flexloop.arch.spec import ArchSpec
from flexloop.classes import FULLY_FLEXIBLE, FlexClass
from flexloop.errors import SpecError, UnknownNameError
from flexloop.flexibility import Sampling, flexion_table
from flexloop.flexibility.table import WHOLE
from flexloop.networks import load_network
from flexloop.published.accelerators import Accelerator, Published, load_taxonomy
from flexloop.results.table import Results
from flexloop.running.notebook import shown_in_notebooks
from flexloop.running.progress import Progress
from flexloop.studies.analysis import cost_column
from flexloop.study import StudyOptions, count_cells, run_study
from flexloop.subjects import Networks, load_networks
from flexloop.workloads.layers import Network

AS_IS = "as it is"
OPEN_FREE = "open axes free"
FREED = "freed"

STATES = {
    AS_IS: "the degrees of its catalogue entry, open axes fixed",
    OPEN_FREE: "the same, open axes full",
    FREED: "every axis full, T1O1P1S1",
}
"""What an accelerator is measured as."""


def arch_names_of(names: Sequence[str] = ()) -> list[tuple[Accelerator, str]]:
    """The accelerators with an arch spec, and its name, in the order of the catalogue.

    Args:
        names: accelerators or arch specs to keep, capitals apart; all where none is given.

    Raises:
        UnknownNameError: for a name that is neither; the nearest names are given.
        SpecError: for an accelerator without an arch spec.
    """
    every = [(a, arch) for a in load_taxonomy() for arch in a.arch_specs]
    chosen: list[tuple[Accelerator, str]] = []
    for name in names:
        found = [(a, arch) for a, arch in every if name.lower() in (a.name.lower(), arch.lower())]
        if not found:
            if name.lower() in [a.name.lower() for a in load_taxonomy()]:
                raise SpecError(f"{name}: the catalogue has no arch spec of it; `flexloop taxonomy` shows which it has")
            raise UnknownNameError("accelerator", name, [*(a.name for a, _ in every), *(arch for _, arch in every)])
        chosen += found
    return [pair for pair in every if pair in chosen] if names else every


def states(accelerator: Accelerator) -> dict[str, FlexClass]:
    """The classes that an accelerator is measured at."""
    points = {AS_IS: accelerator.lowest, OPEN_FREE: accelerator.highest, FREED: FULLY_FLEXIBLE}
    return points if accelerator.open_axes else {AS_IS: accelerator.lowest, FREED: FULLY_FLEXIBLE}


@shown_in_notebooks
def measure_catalogue(
    networks: Networks,
    accelerators: Sequence[str] = (),
    options: StudyOptions | None = None,
    progress: Progress | None = None,
    sampling: Sampling | None = None,
) -> pd.DataFrame:
    """What each accelerator of the catalogue costs on networks, as it is and with every axis freed.

    Args:
        networks: one or several of what `flexloop.load_network` takes.
        accelerators: names of accelerators or of their arch specs; every one that has an arch spec where none is given.
        options: as for `flexloop.run_study`.
        progress: told of finished cells.
        sampling: of the flexions that are estimated.

    Returns:
        One row for each arch spec, network and state (see `STATES`): columns accelerator, year, arch, network, state,
        class, cycles, energy_pj, edp, utilization, area_mm2 (on-chip memories, MACs and what the degrees add), h_f and
        w_f (flexion of the hardware and for the network), gain (in the objective, over ``as it is``), unmappable
        (layers without a mapping), optimal (every cell proved), parameters, objective.

    Raises:
        FlexloopError: for anything the caller can mend.
    """
    options = options or StudyOptions()
    nets = load_networks(networks, options.network_parameters)
    chosen = arch_names_of(accelerators)
    if progress:
        progress.plan(sum(count_cells(list(states(a).values()), nets) for a, _ in chosen), len(chosen))
    rows: list[dict[str, Any]] = []
    for accelerator, name in chosen:
        arch, points = load_arch(name), states(accelerator)
        results = run_study(list(points.values()), nets, arch, options, progress)
        flexion = {point: _flexion(arch, nets, point, sampling) for point in dict.fromkeys(points.values())}
        about = {"accelerator": accelerator.name, "year": accelerator.year, "arch": name}
        for net in nets:
            rows += [about | row for row in _of_network(results, net, points, flexion)]
    return pd.DataFrame.from_records(rows)


def _of_network(
    results: Results, net: Network, points: dict[str, FlexClass], flexion: dict[FlexClass, dict[str, dict[str, float]]]
) -> Iterator[dict[str, Any]]:
    totals = results.totals
    found = _by_class(totals[totals["network"] == net.name])
    column = cost_column(results)
    for state, point in points.items():
        total = found[str(point)]
        yield {
            "network": net.name,
            "state": state,
            "class": str(point),
            **{name: total[name] for name in ("cycles", "energy_pj", "edp", "utilization")},
            "area_mm2": total.get("area_mm2", float("nan")),
            **flexion[point][net.name],
            "gain": found[str(points[AS_IS])][column] / total[column],
            **{name: total[name] for name in ("unmappable", "optimal", "parameters", "objective")},
        }


def _flexion(
    arch: Arch, nets: Sequence[Network], point: FlexClass, sampling: Sampling | None
) -> dict[str, dict[str, float]]:
    """H-F and W-F of a class by network; by definition 1 where every axis is full."""
    if point == FULLY_FLEXIBLE:
        return {net.name: {"h_f": 1.0, "w_f": 1.0} for net in nets}
    table = flexion_table(arch, nets, point, sampling)
    whole = table[(table["scope"] == "network") & (table["axis"] == WHOLE)]
    return {row["network"]: {name: row[name] for name in ("h_f", "w_f")} for row in whole.to_dict("records")}


def _by_class(totals: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """A network's totals by class, column by column."""
    return {row["class"]: {str(name): value for name, value in row.items()} for row in totals.to_dict("records")}


@shown_in_notebooks
def compare_published(
    accelerators: Sequence[str] = (), options: StudyOptions | None = None, progress: Progress | None = None
) -> pd.DataFrame:
    """Each figure of the catalogue's publications beside the same figure of the arch spec, as it is and freed.

    What is searched for is latency, and the network's parameters are the publication's, whatever ``options`` say.

    Args:
        accelerators: as for `measure_catalogue`.
        options: as for `flexloop.run_study`.
        progress: told of finished cells.

    Returns:
        One row a figure: columns accelerator, arch, network, layers, unit, clock_mhz, dram_bandwidth (NaN: the arch
        spec's), published, ours (as it is), freed, ratio (ours over published), class, unmappable, optimal, read
        (whether the figure was looked up in the source), source, remark.
    """
    figures = [(a, f) for a, arch in arch_names_of(accelerators) for f in a.published if f.arch_spec == arch]
    if progress:
        progress.plan(sum(count_cells([a.lowest, FULLY_FLEXIBLE], network_of(f)) for a, f in figures), len(figures))
    return pd.DataFrame.from_records([_beside(a, f, options or StudyOptions(), progress) for a, f in figures])


def _beside(
    accelerator: Accelerator, figure: Published, options: StudyOptions, progress: Progress | None
) -> dict[str, Any]:
    arch = _with_bandwidth(load_arch(figure.arch_spec), figure.dram_bandwidth)
    net = network_of(figure)
    points = states(accelerator)
    classes = [points[AS_IS], points[FREED]]
    results = run_study(classes, net, arch, replace(options, objective="latency", network_parameters={}), progress)
    totals = _by_class(results.totals)
    ours, freed = (_figure(figure, totals[str(point)]) for point in classes)
    return {
        "accelerator": accelerator.name,
        "arch": figure.arch_spec,
        "network": net.name,
        "parameters": " ".join(f"{name}={value}" for name, value in figure.parameters.items()),
        "layers": " ".join(figure.layers),
        "unit": figure.unit,
        "clock_mhz": figure.clock_mhz,
        "dram_bandwidth": figure.dram_bandwidth if figure.dram_bandwidth is not None else float("nan"),
        "published": figure.value,
        "ours": ours,
        "freed": freed,
        "ratio": ours / figure.value,
        "class": str(classes[0]),
        "unmappable": totals[str(classes[0])]["unmappable"],
        "optimal": all(total["optimal"] for total in totals.values()),
        "read": figure.read,
        "source": accelerator.sources[figure.source],
        "remark": figure.remark,
    }


def network_of(figure: Published) -> Network:
    """The network of a published figure, with the layers that the figure is about.

    Raises:
        SpecError: if the network has no such layer.
    """
    net = load_network(figure.network, **figure.parameters)
    layers = tuple(layer for layer in net.layers if not figure.layers or layer.name.startswith(figure.layers))
    if not layers:
        raise SpecError(f"{net.name}: no layer's name begins with {' or '.join(figure.layers)}")
    return net.model_copy(update={"layers": layers})


def _with_bandwidth(arch: Arch, words: float | None) -> Arch:
    if words is None:
        return arch
    spec = arch.as_spec("a published figure with a dram_bandwidth of its own")
    outermost = spec.levels[0].model_copy(update={"read_bandwidth": words, "write_bandwidth": words})
    fields = {name: getattr(spec, name) for name in ArchSpec.model_fields}
    return ArchSpec.model_validate(fields | {"levels": (outermost, *spec.levels[1:])})


def _figure(figure: Published, total: dict[str, Any]) -> float:
    if figure.unit == "utilization":
        return float(total["utilization"])
    seconds = total["cycles"] / (figure.clock_mhz * 1e6)
    work = 2e-12 * total["macs"] if figure.unit == "TOPS" else figure.parameters.get("batch", 1)
    return float(work / seconds)


def measured_cells(rows: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Headings and cells of a table of `measure_catalogue`'s rows; energies in mJ, areas in mm2."""
    columns = ["arch", "state", "class", "cycles", "mJ", "utilization", "area mm2", "H-F", "W-F", "gain"]
    cells = [
        [
            row["arch"],
            row["state"],
            row["class"],
            f"{row['cycles']:,.0f}" + ("" if row["optimal"] or isnan(row["cycles"]) else " *"),
            f"{row['energy_pj'] / 1e9:.4g}",
            f"{row['utilization']:.1%}",
            f"{row['area_mm2']:.3g}",
            f"{row['h_f']:.2g}",
            f"{row['w_f']:.2g}",
            f"{row['gain']:.2f}x",
        ]
        for _, row in rows.iterrows()
    ]
    return columns, [["-" if cell.startswith("nan") else cell for cell in row] for row in cells]


def published_cells(rows: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Headings and cells of a table of `compare_published`'s rows."""
    columns = ["accelerator", "network", "layers", "unit", "published", "ours", "ours/published", "freed"]
    cells = [
        [
            f"{row['accelerator']} ({row['arch']})",
            " ".join([row["network"], row["parameters"]]).strip(),
            row["layers"] or "all",
            row["unit"],
            f"{row['published']:g}" + ("" if row["read"] else " quoted"),
            f"{row['ours']:.3g}",
            f"{row['ratio']:.2f}",
            f"{row['freed']:.3g}",
        ]
        for _, row in rows.iterrows()
    ]
    return columns, [["-" if cell.startswith("nan") else cell for cell in row] for row in cells]
