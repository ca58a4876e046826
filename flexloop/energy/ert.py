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
