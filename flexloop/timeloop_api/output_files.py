"""Results of a run from the cost model's figures, and from the files of a run of flexloop or of Timeloop."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from flexloop.errors import SpecError
from flexloop.evaluation import Evaluation
from flexloop.timeloop import yamlio
from flexloop.timeloop.componentname import component_name
from flexloop.timeloop.stats import read_stats
from flexloop.timeloop_api.output_parsing import ACCESSES, OutputStats


def read_output(
    output_dir: str | Path,
    prefix: str = "timeloop-mapper",
    *,
    cycle_seconds: float = 1e-9,
    variables: Mapping[str, Any] = MappingProxyType({}),
) -> OutputStats:
    """Read the files that a run left in a folder, of flexloop or of Timeloop.

    Args:
        output_dir: the folder.
        prefix: ``timeloop-mapper`` or ``timeloop-model``.
        cycle_seconds: seconds of a cycle, which the files do not tell.
        variables: of the specification, evaluated; likewise.

    Raises:
        EngineError: if ``stats.txt`` is missing or no report.
        SpecError: if ``ART.yaml`` is there and is none.
    """
    folder = Path(output_dir)
    tables = [folder / f"{prefix}.{name}.yaml" for name in ("ART", "energy")]
    areas = next((areas_of(path) for path in tables if path.exists()), {})
    mapping = folder / f"{prefix}.map.txt"
    text = mapping.read_text(encoding="utf-8") if mapping.exists() else None
    evaluation = read_stats(folder / f"{prefix}.stats.txt")
    return from_evaluation(evaluation, areas, variables, cycle_seconds=cycle_seconds, mapping=text)


def from_evaluation(
    evaluation: Evaluation,
    areas: Mapping[str, float],
    variables: Mapping[str, Any],
    *,
    cycle_seconds: float = 1e-9,
    mapping: str | None = None,
    optimal: bool | None = None,
    gap: float | None = None,
) -> OutputStats:
    """The results of a valid mapping.

    Args:
        evaluation: its figures.
        areas: of all instances of each component, m^2.
        variables: of the specification, evaluated.
        cycle_seconds: seconds of a cycle.
        mapping: the loop nest, as ``map.txt`` has it.
        optimal: whether it is proved the best.
        gap: share by which it may lie above the best.
    """
    accesses: dict[str, dict[str, float]] = {
        level.name: {kind: sum(getattr(tensor, kind) for tensor in level.tensors.values()) for kind in ACCESSES}
        for level in evaluation.levels
        if level.tensors
    }
    energies = {level.name: level.energy_pj * 1e-12 for level in evaluation.levels}
    energies |= {network.name: network.energy_pj * 1e-12 for network in evaluation.networks}
    between_levels = evaluation.energy_pj * 1e-12 - sum(energies.values())
    if between_levels > 1e-9 * evaluation.energy_pj * 1e-12:
        energies["networks"] = between_levels
    return OutputStats(
        percent_utilization=100 * evaluation.utilization,
        computes=evaluation.computes,
        cycles=evaluation.cycles,
        cycle_seconds=cycle_seconds,
        per_component_energy=energies,
        per_component_area=areas,
        variables=variables,
        accesses=accesses,
        mapping=mapping,
        optimal=optimal,
        gap=gap,
    )


def component_areas(art: Any) -> dict[str, float]:
    """Area of all instances of each component of an ``ART``, m^2 (SpecError if it is none).

    Examples:
        >>> component_areas({"tables": [{"name": "system.chip.PE[1..8].mac[1..2]", "area": 1000}]})
        {'mac': 1.6e-08}
    """
    tables = art.get("tables") if isinstance(art, Mapping) else None
    if not isinstance(tables, list):
        raise SpecError("ART: no list of tables, each with the name and the area of a component")
    areas: dict[str, float] = {}
    for table in tables:
        try:
            name, area = str(table["name"]), float(table["area"])
        except (KeyError, TypeError, ValueError) as error:
            raise SpecError(f"ART.tables: {table!r} has no name or no area in um^2") from error
        areas[component_name(name)] = instances(name) * area * 1e-12
    return areas


def instances(path: str) -> int:
    """How many components a path with ranges of instances names.

    Examples:
        >>> instances("system_top_level.mac[1..168]"), instances("chip.PE[0..3].buffer"), instances("DRAM")
        (168, 4, 1)
    """
    count = 1
    for part in path.split("[")[1:]:
        first, dots, last = part.partition("]")[0].partition("..")
        if dots and first.strip().isdigit() and last.strip().isdigit():
            count *= int(last) - int(first) + 1
    return count


def areas_of(path: Path) -> dict[str, float]:
    """As `component_areas`, of a file with the top-level key ``ART``; none where it has no such key."""
    content = yamlio.load(path)
    art = content.get("ART") if isinstance(content, Mapping) else None
    return {} if art is None else component_areas(art)
