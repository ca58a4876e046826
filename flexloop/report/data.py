"""What the HTML report draws, as plain JSON: cells, totals, gains, the lattice's drawing, roofs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from flexloop.arch.base import Arch
from flexloop.arch.load import load_arch
from flexloop.classes import FlexClass, all_classes
from flexloop.errors import FlexloopError
from flexloop.lattice import lines, positions
from flexloop.report.gains import rows_with_gains
from flexloop.report.page import plain_value
from flexloop.report.roofline import roofs, why_none
from flexloop.tables.study import StudyTables, classes_of, mean_gains
from flexloop.tables.totals import GAINS
from flexloop.workloads.layers import TENSORS

_CELL_COLUMNS = (
    "arch",
    "network",
    "layer",
    "class",
    "count",
    "status",
    "reason",
    "cycles",
    "energy_pj",
    "edp",
    "utilization",
    "macs",
    "padded_macs",
    "array_x",
    "array_y",
    "padding",
    "mapping",
    "optimal",
    "gap",
    "notes",
)
_TOTAL_COLUMNS = (
    "arch",
    "network",
    "parameters",
    "class",
    "layers",
    "unmappable",
    "cycles",
    "energy_pj",
    "edp",
    "utilization",
    "macs",
    "area_mm2",
    "optimal",
    *GAINS,
)


def report_data(results: StudyTables) -> dict[str, Any]:
    """Everything that the report's scripts need, each arch by itself; tables as lists by column (see `plain_value`)."""
    return {"studies": [_study(part) for part in results.by_arch()]}


def _study(results: StudyTables) -> dict[str, Any]:
    """What the scripts show of one arch."""
    points = list(dict.fromkeys([*all_classes(), *classes_of(results)]))
    levels = energy_levels(results)
    arch = arch_of(results)
    cells = rows_with_gains(results)
    traffic = [roof.level for roof in roofs(arch) if f"accesses_{roof.level}" in cells] if arch else []
    by_level = [f"energy_pj_{level}" for level in levels]
    accesses = [f"accesses_{level}" for level in traffic]
    return {
        "networks": list(dict.fromkeys(results.rows["network"])),
        "classes": [str(c) for c in classes_of(results)],
        "baseline": str(results.baseline),
        "arch": str(results.rows["arch"].iloc[0]),
        "objective": str(results.rows["objective"].iloc[0]),
        "tensors": list(TENSORS),
        "levels": levels,
        "roofs": [
            {
                "level": r.level,
                "read": r.read_bandwidth,
                "write": r.write_bandwidth,
                "bytes": r.word_bytes,
                "peak": r.peak,
            }
            for r in (roofs(arch) if arch else [])
            if r.level in traffic
        ],
        "noRoofs": "" if traffic else why_none(arch),
        "lattice": _lattice(points),
        "cells": _by_column(cells, [*_CELL_COLUMNS, *GAINS, *by_level, *accesses]),
        "totals": _by_column(results.speedups(), [*_TOTAL_COLUMNS, *by_level]),
        "means": _by_column(mean_gains(results), ["class", "networks", *GAINS]),
        "files": bool(results.mappings),
    }


def energy_levels(results: StudyTables) -> list[str]:
    """Components that use energy, storage levels from the outermost inwards, then the arithmetic."""
    prefix = "energy_pj_"
    used = [c.removeprefix(prefix) for c in results.rows.columns if c.startswith(prefix) and results.rows[c].max() > 0]
    arch = arch_of(results)
    if arch is None:
        return used[::-1]
    order = [memory.name for memory in arch.memories]
    return sorted(used, key=lambda name: order.index(name) if name in order else len(order))


def arch_of(results: StudyTables) -> Arch | None:
    """The arch that results of one arch are of, or None where they do not say or another version wrote it."""
    try:
        spec: Mapping[str, Any] = results.meta["archs"][results.rows["arch"].iloc[0]]["spec"]
        return load_arch(spec)
    except (KeyError, FlexloopError):
        return None


def _lattice(points: list[FlexClass]) -> dict[str, Any]:
    places = positions(points)
    return {
        "nodes": [{"class": str(c), "x": x, "row": row} for c, (x, row) in places.items()],
        "lines": [[str(lower), str(upper)] for lower, upper in lines(points)],
    }


def _by_column(table: pd.DataFrame, columns: Iterable[str]) -> dict[str, list[Any]]:
    return {column: [plain_value(v) for v in table[column].tolist()] for column in columns if column in table.columns}
