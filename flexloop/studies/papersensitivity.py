"""The paper's study with one assumption changed at a time: PEs, bandwidths, the edge rule, the reading of tiles."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from flexloop.arch.load import load_arch, load_arch_spec
from flexloop.arch.spec import ArchSpec
from flexloop.classes import FULLY_FLEXIBLE, Axis
from flexloop.errors import FlexloopError
from flexloop.running.progress import Progress
from flexloop.studies.futureproof import SENSITIVE, speedup_table
from flexloop.study import StudyOptions, count_cells, run_study
from flexloop.subjects import load_networks
from flexloop.validation import validated
from flexloop.workloads.layers import DIMENSIONS, Network

BANDWIDTHS = {"dram_bandwidth": 64, "buffer_bandwidth": 128, "spad_bandwidth": 4}
"""Words a cycle of the shipped arch spec cloud1024."""

Change = Callable[[str, Sequence[Network]], ArchSpec]
"""What makes of a base's name, and the networks that it is to run, the arch spec with an assumption changed."""


@dataclass(frozen=True)
class Assumption:
    """An assumption changed.

    Attributes:
        name: for tables.
        change: what it does to a base.
    """

    name: str
    change: Change


def _given(**parameters: int) -> Change:
    text = ",".join(f"{name}={value}" for name, value in parameters.items())
    return lambda base, _: load_arch_spec(f"{base}:{text}" if text else base, "paper")


def _with(**fields: Any) -> Change:
    return lambda base, _: _changed(load_arch_spec(base, "paper"), fields)


def _changed(arch: ArchSpec, fields: Mapping[str, Any]) -> ArchSpec:
    return validated(ArchSpec, arch.model_dump(by_alias=True) | dict(fields), arch.name)


def _freed(arch: ArchSpec, level: str) -> ArchSpec:
    axes = arch.axes.model_dump()
    return _changed(arch, {"axes": axes | {"tiling": axes["tiling"] | {"free": (level,)}}})


def _buffer_alone(base: str, _: Sequence[Network]) -> ArchSpec:
    arch = load_arch_spec(base, "paper")
    return _freed(arch, arch.array.below)


def _pe_alone(base: str, _: Sequence[Network]) -> ArchSpec:
    arch = load_arch_spec(base, "paper")
    return _freed(arch, arch.loop_levels[0].name)


def whole_tiles(base: str, networks: Sequence[Network]) -> ArchSpec:
    """A base whose fixed tiles are those of whole buffers, array included, as they are on its own array.

    Where a tile holds all that a layer has, it holds the most that any layer of the networks has: tiles shrink to what
    a layer needs.
    """
    arch = load_arch_spec(base, "paper")
    most = {d: max(layer.bounds[d] for net in networks for layer in net.layers) for d in DIMENSIONS}
    tiles: dict[str, dict[str, int]] = {level.name: {} for level in arch.loop_levels[:-1]}
    for d in DIMENSIONS:
        held = arch.inner_factors[d]
        for index, (name, size) in enumerate(zip(tiles, arch.tile_sizes(d, most), strict=True)):
            held *= size * (arch.unrolled(d) if index == arch.array_index else 1)
            if held > 1:
                tiles[name][d] = held
    axes = arch.axes.model_dump()
    return _changed(arch, {"pins": "buffer", "axes": axes | {"tiling": axes["tiling"] | {"fixed": tiles}}})


ASSUMPTIONS = (
    Assumption("as it is", _given()),
    Assumption("256 PEs", _given(pes=256)),
    Assumption("168 PEs", _given(pes=168)),
    Assumption("bandwidths of cloud1024", _given(**BANDWIDTHS)),
    Assumption("edge: pad", _with(edge="pad")),
    Assumption("edge: remainder", _with(edge="remainder")),
    Assumption("tiles of whole buffers", whole_tiles),
    Assumption("T frees the shared buffer", _buffer_alone),
    Assumption("T frees the PE's tile", _pe_alone),
)
"""What is changed, one at a time."""


def paper_sensitivity(
    archs: Sequence[str], networks: Sequence[str], options: StudyOptions, progress: Progress | None = None
) -> pd.DataFrame:
    """Speedups over the rigid class as the assumptions move, geometric means over the networks.

    Args:
        archs: names of the bases.
        networks: what they run.
        options: of the studies; the objective is latency.
        progress: hears of finished cells.

    Returns:
        One row for each assumption and base: columns assumption, arch, one for each axis that alone is free, all, how
        many cells there are, and how many are proved to be the best of their class;
        where a base has no such form the reason stands under ``why not``.
    """
    latency, nets = replace(options, objective="latency"), load_networks(networks, options.network_parameters)
    rows = []
    for done, assumption in enumerate(ASSUMPTIONS):
        if progress:
            progress.plan(*paper_sensitivity_plan(archs, networks, options, without=done))
        for base in archs:
            try:
                changed = assumption.change(base, nets)
            except FlexloopError as error:
                rows.append({"assumption": assumption.name, "arch": load_arch(base).name, "why not": str(error)})
                continue
            results = run_study(SENSITIVE, nets, changed, latency, progress)
            means, cells = speedup_table(results)["geomean"], results.rows["optimal"]
            alone = {axis.value: means[str(c)] for axis, c in zip(Axis, SENSITIVE[1:], strict=False)}
            row = {"assumption": assumption.name, "arch": load_arch(base).name, **alone}
            rows.append(row | {"all": means[str(FULLY_FLEXIBLE)], "cells": len(cells), "proved": int(cells.sum())})
    return pd.DataFrame.from_records(rows)


def paper_sensitivity_plan(
    archs: Sequence[str], networks: Sequence[str], options: StudyOptions, *, without: int = 0
) -> tuple[int, int]:
    """Cells and parts of `paper_sensitivity` but for its first assumptions."""
    parts = (len(ASSUMPTIONS) - without) * len(archs)
    return parts * count_cells(SENSITIVE, networks, options.network_parameters), parts
