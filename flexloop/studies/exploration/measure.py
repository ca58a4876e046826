"""What a design costs: the arch at some sizes under a class, its area, and its latency and energy on the networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import singledispatch
from math import inf
from typing import Any

import pandas as pd
from pydantic import ValidationError

from flexloop.arch.base import Arch
from flexloop.arch.spec import ArchSpec
from flexloop.classes import FULLY_FLEXIBLE, FlexClass
from flexloop.energysources.choose import energy_tables
from flexloop.energysources.names import source_names
from flexloop.energysources.resize import check_energies, resize_art
from flexloop.errors import EngineError, SpecError, UnmappableError
from flexloop.overhead import base_area, class_area, dram_interface_area, load_overhead
from flexloop.results.table import Results
from flexloop.running.progress import Progress
from flexloop.studies.design import design
from flexloop.studies.exploration.options import ExploreOptions
from flexloop.study import count_cells, run_study
from flexloop.tables.totals import geomean
from flexloop.workloads.layers import Network

OBJECTIVES = ("cycles", "energy_pj", "area_mm2")
"""What is minimised: cycles and pJ (geometric means over the networks), and mm^2."""


@dataclass(frozen=True)
class Measured:
    """A design's arch and figures.

    Attributes:
        violation: above 0 how far it is over the budget, or that it fails.
        reason: why, in words.
        arch: the arch with its fixed values.
        row: figures by column.
    """

    violation: float
    reason: str = ""
    arch: Arch | None = None
    row: Mapping[str, Any] = field(default_factory=dict)

    @property
    def values(self) -> tuple[float, ...]:
        """The objectives, infinite where it was not run."""
        return tuple(float(self.row.get(objective, inf)) for objective in OBJECTIVES)


class Designer:
    """Makes the arch of a design, and measures it.

    Args:
        arch: the hardware that factors refer to.
        networks: what the designs run.
        options: how.

    Raises:
        UnsupportedError: for hardware that cannot be had at other sizes, or energies that are of one size alone.
    """

    def __init__(self, arch: Arch, networks: Sequence[Network], options: ExploreOptions) -> None:
        check_energies(arch, options.study.energy, "explore")
        self._arch = arch.scaled({})
        self._networks = list(networks)
        self._options = options
        self._model = options.model or load_overhead()
        self._with_values: dict[tuple[float, ...], Arch] = {}

    @property
    def cells(self) -> int:
        """Cells of one design."""
        return count_cells([FULLY_FLEXIBLE], self._networks)

    def measure(
        self, factors: dict[str, float], flexclass: FlexClass, budget: float, progress: Progress | None
    ) -> Measured:
        """Area first, which costs nothing, then the networks where it fits.

        Raises:
            EngineError: if a layer's search failed, which says nothing about the design.
        """
        try:
            plain = self._arch.scaled(factors)
        except SpecError as error:
            return Measured(1.0, str(error).splitlines()[0])
        try:
            least = base_area(plain, self._art(plain)) + dram_interface_area(plain, self._model)
            if least > budget:
                return Measured(least / budget - 1, "over the budget")
            arch = plain if flexclass == FULLY_FLEXIBLE else self._fixed(plain, factors)
            areas = self._areas(arch, flexclass)
            if areas["area_mm2"] > budget:
                return Measured(areas["area_mm2"] / budget - 1, "over the budget")
            results = run_study([flexclass], self._networks, arch, self._options.study, progress)
        except (UnmappableError, ValidationError) as error:
            return Measured(1.0, str(error).splitlines()[0])
        failed = results.rows[results.rows["status"] == "failed"]
        if len(failed):  # says nothing about the design, so nothing may be kept of it
            first = failed.iloc[0]
            raise EngineError(f"layer {first['layer']}: {first['reason']}; the same command goes on from this design")
        totals = results.totals.set_index("network")
        if totals["unmappable"].any():
            return Measured(1.0, "a layer has no mapping")
        return Measured(0.0, "", arch, _row(arch, areas, results, totals))

    def _fixed(self, arch: Arch, factors: dict[str, float]) -> Arch:
        """The hardware with the fixed values that suit it."""
        key = tuple(factors.values())
        if key not in self._with_values:
            self._with_values[key] = _with_values(arch, self._networks, self._options)
        return self._with_values[key]

    def _areas(self, arch: Arch, flexclass: FlexClass) -> dict[str, float]:
        art = self._art(arch)
        base, whole = base_area(arch, art), class_area(arch, flexclass, self._model, art)
        dram = dram_interface_area(arch, self._model)
        return {
            "area_mm2": whole + dram,
            "area_base_mm2": base,
            "area_flexibility_mm2": whole - base,
            "area_dram_mm2": dram,
        }

    def _art(self, arch: Arch) -> Mapping[str, Any] | None:
        """The areas of the energy source; a file's are of the given hardware, and are taken to the design's sizes."""
        study = self._options.study
        art = energy_tables(study.energy, arch, study.engines).art
        return art if art is None or study.energy in source_names() else resize_art(art, self._arch, arch)


@singledispatch
def _with_values(arch: Arch, networks: Sequence[Network], options: ExploreOptions) -> Arch:
    """An arch at its size with its fixed values: a design's constraints stand as they are."""
    return arch


@_with_values.register
def _spec_with_values(arch: ArchSpec, networks: Sequence[Network], options: ExploreOptions) -> Arch:
    if not options.designed:
        return arch
    study = options.study
    return design(
        networks[0],
        arch,
        must_map=networks[1:],
        objective=study.objective,
        energy=study.energy,
        engines=study.engines,
        starts=options.starts,
        seed=study.seed,
        name=arch.name,
    ).arch


def _row(arch: Arch, areas: dict[str, float], results: Results, totals: pd.DataFrame) -> dict[str, Any]:
    row: dict[str, Any] = {"pes": arch.pes, "array_x": arch.own_extents.X, "array_y": arch.own_extents.Y}
    row |= {column: _mean(totals[column]) for column in ("cycles", "energy_pj")}
    row |= areas
    for column in ("cycles", "energy_pj"):
        row |= {f"{column}_{network}": value for network, value in totals[column].items()}
    row["proved"] = bool(results.rows["optimal"].all())
    return row


def _mean(values: pd.Series) -> float:
    """The geometric mean, and a single value as it is."""
    return float(values.iloc[0]) if len(values) == 1 else geomean(values)
