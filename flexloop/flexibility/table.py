"""Flexion of networks as a DataFrame, and as the cells of a table for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import singledispatch
from math import log10, prod
from typing import Any

import pandas as pd

from flexloop.arch.base import Arch
from flexloop.arch.design.model import Design
from flexloop.arch.spec import ArchSpec
from flexloop.classes import Axis, Degree, FlexClass, all_classes
from flexloop.flexibility.designs import REFERENCE, DesignFlexion
from flexloop.flexibility.intervals import Estimate
from flexloop.flexibility.measure import AxisFlexion, ClassFlexion, Flexion, LayerFlexion
from flexloop.flexibility.tilings import Sampling
from flexloop.validation import fitting
from flexloop.workloads.layers import Layer, Network

WHOLE = "all"
"""In column ``axis``: the four axes together."""

COLUMNS = (
    "arch",
    "network",
    "scope",
    "layer",
    "count",
    "axis",
    "degree",
    "h_f",
    "w_f",
    "w_f_low",
    "w_f_high",
    "direct",
    "direct_low",
    "direct_high",
    "log10_choices",
    "samples",
)


def flexion_table(
    arch: Arch,
    networks: Sequence[Network] = (),
    flexclass: FlexClass | None = None,
    sampling: Sampling | None = None,
) -> pd.DataFrame:
    """Flexion of an accelerator, and of networks on it.

    Args:
        arch: the arch spec, or a design.
        networks: networks whose layers W-F is taken over; without any, the table holds H-F alone.
        flexclass: a class or point of the lattice; None gives every axis at every degree, and the 16 classes.
        sampling: samples, seed and confidence of what is estimated.

    Returns:
        One row for each axis (``T``, ``O``, ``P``, ``S``) and for all together (``all``), of each layer (``scope``
        ``layer``), each network (``network``) and the hardware (``hardware``). ``degree`` is the axis's degree, or
        the class. ``h_f`` and ``w_f`` are the two flexions, ``w_f_low`` and ``w_f_high`` the interval of W-F;
        ``direct`` is a class's share of the fully flexible mapspace's mappings. ``samples`` is 0 in rows that are
        exact. ``log10_choices`` is the size of the axis's choices, or of the class's mapspace (of the hardware: of the
        product of its axes' choices). A network's W-F is the
        mean over its layers weighted by their counts, its ``log10_choices`` their sum: layers are mapped one by one.
    """
    sampling = Sampling() if sampling is None else fitting(Sampling, sampling, "sampling")
    rows = list(_hardware_rows(arch, flexclass))
    measured: dict[tuple[int, ...], list[dict[str, Any]]] = {}
    for network in networks:
        for layer in network.layers:
            if layer.shape_key not in measured:
                measured[layer.shape_key] = list(_layer_rows(flexion_on(arch, layer, sampling), flexclass))
            place = {"network": network.name, "scope": "layer", "layer": layer.name, "count": layer.count}
            rows += [{**row, **place} for row in measured[layer.shape_key]]
    frame = pd.DataFrame(rows, columns=list(COLUMNS)).assign(arch=arch.name)
    return pd.concat([frame, _network_rows(frame)], ignore_index=True) if networks else frame


def _points(flexclass: FlexClass | None) -> Iterator[tuple[Axis, Degree]]:
    for axis in Axis:
        for degree in [flexclass.degree(axis)] if flexclass else Degree:
            yield axis, degree


def _classes(flexclass: FlexClass | None) -> list[FlexClass]:
    return [flexclass] if flexclass else all_classes()


@singledispatch
def flexion_on(arch: Arch, layer: Layer, sampling: Sampling | None = None) -> Flexion:
    """The flexion of a layer on an arch, counted by what the arch's axes are choices of.

    Args:
        arch: the arch.
        layer: the layer.
        sampling: samples, seed and confidence of what is estimated.
    """
    raise TypeError(f"nothing counts the choices of {type(arch).__name__}")


flexion_on.register(ArchSpec, LayerFlexion)
flexion_on.register(Design, DesignFlexion)


def _hardware_rows(arch: Arch, flexclass: FlexClass | None) -> Iterator[dict[str, Any]]:
    place = {"network": "", "scope": "hardware", "layer": "", "count": 0, "samples": 0}
    measured = flexion_on(arch, REFERENCE)
    for axis, degree in _points(flexclass):
        h_f, choices = float(measured.hardware(axis, degree)), log10(measured.hardware_choices(axis, degree))
        yield {**place, "axis": axis.value, "degree": degree.value, "h_f": h_f, "log10_choices": choices}
    for c in _classes(flexclass):
        choices = sum(log10(measured.hardware_choices(axis, c.degree(axis))) for axis in Axis)
        h_f = float(prod(measured.hardware(axis, c.degree(axis)) for axis in Axis))
        yield {**place, "axis": WHOLE, "degree": str(c), "h_f": h_f, "log10_choices": choices}


def _layer_rows(measured: Flexion, flexclass: FlexClass | None) -> Iterator[dict[str, Any]]:
    for axis, degree in _points(flexclass):
        yield _axis_row(measured.axis(axis, degree))
    for c in _classes(flexclass):
        yield _class_row(measured.of(c))


def _axis_row(flexion: AxisFlexion) -> dict[str, Any]:
    return {
        "axis": flexion.axis.value,
        "degree": flexion.degree.value,
        "h_f": float(flexion.hardware),
        "log10_choices": flexion.choices.log10,
        **_interval("w_f", flexion.workload),
        "samples": flexion.workload.samples,
    }


def _class_row(flexion: ClassFlexion) -> dict[str, Any]:
    return {
        "axis": WHOLE,
        "degree": str(flexion.flexclass),
        "h_f": float(flexion.hardware),
        "log10_choices": flexion.mappings.log10,
        **_interval("w_f", flexion.workload),
        **_interval("direct", flexion.direct),
        "samples": max(flexion.workload.samples, flexion.direct.samples),
    }


def _interval(name: str, estimate: Estimate) -> dict[str, float]:
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


def _network_rows(frame: pd.DataFrame) -> pd.DataFrame:
    layers = frame[frame["scope"] == "layer"]
    means = ["w_f", "w_f_low", "w_f_high", "direct", "direct_low", "direct_high"]
    weighted = layers.assign(
        **{name: layers[name] * layers["count"] for name in [*means, "log10_choices"]},
    )
    keys = ["arch", "network", "axis", "degree"]
    grouped = weighted.groupby(keys, sort=False)
    sums = grouped[[*means, "log10_choices", "count"]].sum(min_count=1)
    sums[means] = sums[means].div(sums["count"], axis=0)
    sums["h_f"], sums["samples"] = grouped["h_f"].first(), grouped["samples"].max()
    return sums.reset_index().assign(scope="network", layer="")[list(COLUMNS)]


def flexion_cells(rows: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Headings and cells of a table for the terminal, from some rows of `flexion_table`."""
    columns = ["network", "layer", "axis", "degree", "H-F", "W-F", "direct estimate", "log10 choices"]
    return columns, [_cells(row) for row in rows.to_dict("records")]


def _cells(row: dict[Any, Any]) -> list[str]:
    return [
        row["network"] or "(hardware)",
        row["layer"],
        row["axis"],
        row["degree"],
        _number(row["h_f"]),
        _with_interval(row["w_f"], row["w_f_low"], row["w_f_high"]),
        _with_interval(row["direct"], row["direct_low"], row["direct_high"]),
        "-" if pd.isna(row["log10_choices"]) else f"{row['log10_choices']:.1f}",
    ]


def _number(value: float) -> str:
    return "-" if pd.isna(value) else f"{value:.3g}"


def _with_interval(value: float, low: float, high: float) -> str:
    if pd.isna(value) or low == high:
        return _number(value)
    return f"{_number(value)} ({_number(low)} to {_number(high)})"
