"""Timeloop's energy reference table (ERT) and Accelergy's area reference table (ART) of an arch spec.

Energies are in pJ of one *vector* access: Timeloop counts words, divides by the words of one row (``block_size``),
rounds up, and multiplies by these. A table belongs to the spec and serves every variant of it unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flexloop.arch.spec import ArchSpec
from flexloop.energy.components import LEAK, STORAGE_ACTIONS, Model, of_arch
from flexloop.energy.estimate import Estimate, Estimator, art_of, ert_of
from flexloop.energy.table import load_table
from flexloop.timeloop.componentname import component_name


def build_ert(arch: ArchSpec) -> dict[str, Any]:
    """Return the content of Timeloop's ``ERT`` key for an arch spec, from the shipped table.

    Leakage is 0: the sources of the table tell dynamic energy only. The levels that only limit a tensor's share of a
    buffer (tiling at degree p) cost nothing.

    Raises:
        UnknownNameError: if no table is shipped for the spec's technology.
    """
    return ert_of(estimates(arch, load_table(arch.technology)))


def build_art(arch: ArchSpec) -> dict[str, Any]:
    """Return the content of Accelergy's ``ART`` key for an arch spec: area in um^2 of one instance.

    Raises:
        UnknownNameError: if no table is shipped for the spec's technology.
    """
    return art_of(estimates(arch, load_table(arch.technology)))


def estimates(arch: ArchSpec, model: Model) -> list[Estimate]:
    """What a model knows of every component of an arch spec; levels that only limit shares cost nothing.

    Raises:
        UnsupportedError, SpecError, EngineError: as `Estimator.estimate`, or as the model.
    """
    estimator = Estimator(model)
    known = {component.name: component for component in of_arch(arch)}
    nothing: tuple[tuple[str, Mapping[str, Any], float], ...] = tuple(
        (action, {}, 0.0) for action in (*STORAGE_ACTIONS, LEAK)
    )
    return [
        estimator.estimate(known[name]) if name in known else Estimate(path, nothing, 0.0, {})
        for name, path in arch.component_paths.items()
    ]


def resize_art(art: Mapping[str, Any], made_for: ArchSpec, arch: ArchSpec) -> dict[str, Any]:
    """Return an ART that was made for one arch spec at the sizes of another with the same components.

    Each area is the given one times what the shipped table has for the new size over what it has for the old one, so
    the components that did not change keep theirs.

    Raises:
        UnknownNameError: if no table is shipped for the spec's technology.
    """
    old, new = (_shipped_areas(spec) for spec in (made_for, arch))
    given = {component_name(str(table["name"])): float(table["area"]) for table in art["tables"]}
    tables = [
        {"name": path, "area": given[name] * new[name] / old[name] if old[name] else given[name]}
        for name, path in arch.component_paths.items()
    ]
    return {"version": 0.4, "tables": tables}


def _shipped_areas(arch: ArchSpec) -> dict[str, float]:
    return {component_name(table["name"]): float(table["area"]) for table in build_art(arch)["tables"]}
