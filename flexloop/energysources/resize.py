"""Energies and areas of an arch at other sizes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatch
from typing import Any

from flexloop.arch.base import Arch
from flexloop.arch.design.model import Design
from flexloop.energysources.choose import energy_tables
from flexloop.errors import UnsupportedError
from flexloop.timeloop.componentname import component_name


@singledispatch
def check_energies(arch: Arch, source: str, who: str) -> None:
    """Refuse energies that are of the arch's own sizes alone.

    Args:
        arch: the arch that is to be scaled.
        source: as `energy_tables` takes it.
        who: what scales it, for the message.

    Raises:
        UnsupportedError: for a design whose own energies the source takes.
    """


@check_energies.register
def _check_energies_of_design(arch: Design, source: str, who: str) -> None:
    if source == "table" and arch.ERT is not None:
        raise UnsupportedError(
            f"{who}: {arch.name} brings an ERT, which is of its own sizes alone; choose --energy accelergy or "
            "hwcomponents, or leave the ERT out of its files"
        )


def resize_art(art: Mapping[str, Any], made_for: Arch, arch: Arch) -> dict[str, Any]:
    """Return an ART that was made for one arch at the sizes of another with the same components.

    Each area is the given one times what the shipped table has for the new size over what it has for the old one, so
    the components that did not change keep theirs.

    Raises:
        UnknownNameError: if no table is shipped for the arch's technology.
        UnsupportedError: for a design with a component that the shipped table has no figures for.
    """
    old, new = (_areas(energy_tables("table", each).art) for each in (made_for, arch))
    given = _areas(art)
    tables = [
        {"name": path, "area": given[name] * new[name] / old[name] if old[name] else given[name]}
        for name, path in arch.component_paths.items()
    ]
    return {"version": 0.4, "tables": tables}


def _areas(art: Mapping[str, Any] | None) -> dict[str, float]:
    tables = (art or {"tables": []})["tables"]
    return {component_name(str(table["name"])): float(table["area"]) for table in tables}
