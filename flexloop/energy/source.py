"""Where a study's energies come from, and a digest that names them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from flexloop.archspec import ArchSpec
from flexloop.energy.ert import build_ert
from flexloop.errors import SpecError
from flexloop.timeloop import yamlio
from flexloop.timeloop.tree import component_paths


@dataclass(frozen=True)
class EnergyTables:
    """An energy reference table and its origin.

    Attributes:
        source: ``table`` (shipped), or the file it was read from.
        ert: the content of Timeloop's ``ERT`` key: energies in pJ an action.
    """

    source: str
    ert: Mapping[str, Any]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the table's content, in hexadecimal."""
        text = json.dumps(self.ert, sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()


def energy_tables(source: str, arch: ArchSpec) -> EnergyTables:
    """Return the energies of an arch spec's components.

    Args:
        source: ``table`` for the shipped 45 nm table, or the path of a YAML file with Timeloop's ``ERT`` key.
        arch: the arch spec.

    Raises:
        SpecError: if the file is no ERT or lacks a component of the arch spec.
    """
    if source == "table":
        return EnergyTables("table", build_ert(arch))
    path = Path(source)
    if not path.is_file():
        raise SpecError(f"energy: {source!r} is neither 'table' nor a file; give a YAML file with a top-level key ERT")
    return EnergyTables(str(path), _checked(yamlio.load(path), arch, path))


def _checked(content: Any, arch: ArchSpec, path: Path) -> Mapping[str, Any]:
    ert = content.get("ERT") if isinstance(content, dict) else None
    tables = ert.get("tables") if isinstance(ert, dict) else None
    if not isinstance(ert, dict) or not isinstance(tables, list):
        raise SpecError(f"{path}: no ERT with tables; Timeloop's energy reference table has a top-level key ERT")
    named = {table.get("name") for table in tables if isinstance(table, dict)}
    for component, where in component_paths(arch).items():
        if where not in named and component in {level.name for level in arch.levels} | {arch.mac.name}:
            raise SpecError(f"{path}: ERT has no table for {where}; add one with its energy an action in pJ")
    return ert
