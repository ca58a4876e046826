"""A study's energies and areas, where they come from, and a digest that names them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from flexloop.arch.base import Arch
from flexloop.arch.spec import ArchSpec
from flexloop.digests import digest_of
from flexloop.energy.components import LEAK, STORAGE_ACTIONS, Model
from flexloop.energy.ert import estimates
from flexloop.energy.estimate import Estimate, art_of, ert_of
from flexloop.energy.table import load_table
from flexloop.errors import SpecError
from flexloop.timeloop import yamlio
from flexloop.timeloop.componentname import component_name
from flexloop.validation import MOST, amount, short


@dataclass(frozen=True)
class EnergyTables:
    """Energy and area reference tables of one arch spec, and their origin.

    Attributes:
        source: ``table`` (shipped), ``accelergy``, ``hwcomponents``, or the file they were read from.
        ert: the content of Timeloop's ``ERT`` key: energies in pJ an action.
        art: the content of Accelergy's ``ART`` key: areas in um^2 an instance; None where the source has none.
        origin: who estimated each component, by its name.
        tool: the program or package that made the tables, with its version; empty where it was none.
    """

    source: str
    ert: Mapping[str, Any]
    art: Mapping[str, Any] | None = None
    origin: Mapping[str, str] = field(default_factory=dict)
    tool: str = ""

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the energy reference table's content, in hexadecimal."""
        return digest_of(self.ert)


def shipped_tables(arch: ArchSpec) -> EnergyTables:
    """Return the energies and areas of the shipped table.

    Raises:
        UnknownNameError: if no table is shipped for the spec's technology.
    """
    return estimated(estimates(arch, model := load_table(arch.technology)), model)


def estimated(found: Sequence[Estimate], model: Model) -> EnergyTables:
    """Tables of what a model estimated."""
    origin = {component_name(estimate.path): estimate.origin for estimate in found if estimate.parts}
    return EnergyTables(model.source, ert_of(found), art_of(found), origin, model.tool)


def read_tables(path: Path, arch: Arch) -> EnergyTables:
    """Read a file with a top-level key ``ERT``, and ``ART`` if it has one, as Accelergy writes them.

    Components are found by their own names, so tables whose paths are of another tree (a v4 architecture) serve too.

    Raises:
        SpecError: if the file is no ERT, or lacks a component of the arch spec, or says something impossible.
    """
    content = yamlio.load(path)
    content = content if isinstance(content, dict) else {}
    art = content.get("ART")
    return EnergyTables(
        str(path),
        complete_ert(content.get("ERT"), arch, path),
        None if art is None else complete_art(art, arch, path),
    )


def complete_ert(ert: Any, arch: Arch, where: str | Path) -> dict[str, Any]:
    """An ERT under the paths of the spec's own tree, the levels that limit shares of a buffer at no cost.

    Args:
        ert: what stands under the key ``ERT``.
        arch: the arch spec.
        where: the file, for messages.

    Raises:
        SpecError: if it is no ERT, or lacks a component, or has an energy that is no number of at least 0.
    """
    found = _by_name(ert, "ERT", where)
    tables = []
    for component, path in arch.component_paths.items():
        if component in found:
            actions = [_action(action, component, where) for action in _list(found[component], "actions", where)]
        elif component not in arch.without_energy:
            raise SpecError(f"{where}: ERT has no table for {path}; add one with its energy an action in pJ")
        elif component in arch.networks:
            continue  # Timeloop infers its energies
        else:
            actions = [{"name": name, "arguments": {}, "energy": 0.0} for name in (*STORAGE_ACTIONS, LEAK)]
        tables.append({"name": path, "actions": actions})
    return {"version": 0.4, "tables": tables}


def complete_art(art: Any, arch: Arch, where: str | Path) -> dict[str, Any]:
    """An ART under the paths of the spec's own tree (see `complete_ert`).

    Raises:
        SpecError: if it is no ART, or lacks a component, or has an area that is no number of at least 0.
    """
    found = _by_name(art, "ART", where)
    tables = []
    for component, path in arch.component_paths.items():
        if component not in found and component not in arch.without_energy:
            raise SpecError(f"{where}: ART has no table for {path}; add one with its area in um^2")
        area = _number(found[component], "area", component, where) if component in found else 0.0
        tables.append({"name": path, "area": area})
    return {"version": 0.4, "tables": tables}


def _by_name(reference: Any, key: str, where: str | Path) -> dict[str, Mapping[str, Any]]:
    tables = reference.get("tables") if isinstance(reference, dict) else None
    if not isinstance(tables, list):
        raise SpecError(f"{where}: no {key} with tables; Accelergy's reference table has a top-level key {key}")
    return {
        component_name(str(table["name"])): table for table in tables if isinstance(table, dict) and "name" in table
    }


def _action(action: Any, component: str, where: str | Path) -> dict[str, Any]:
    if not isinstance(action, dict) or "name" not in action:
        raise SpecError(f"{where}: ERT of {component}: an action is {action!r}; give each a name and an energy in pJ")
    energy = _number(action, "energy", f"{component}.{action['name']}", where)
    return {"name": str(action["name"]), "arguments": {}, "energy": energy}


def _list(table: Mapping[str, Any], key: str, where: str | Path) -> Sequence[Any]:
    found = table.get(key)
    if not isinstance(found, list) or not found:
        raise SpecError(f"{where}: {table.get('name')}: {key} is {found!r}; give a list of actions")
    return found


def _number(entry: Mapping[str, Any], key: str, of: str, where: str | Path) -> float:
    value = entry.get(key)
    try:
        return amount(value)
    except ValueError:
        message = f"{where}: {key} of {of} is {short(value)}; it must be a number of at least 0, at most {MOST:g}"
        raise SpecError(message) from None
