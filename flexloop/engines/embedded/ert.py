"""Energies of actions from Timeloop's ``ERT``, and areas from its ``ART``: what Accelergy writes.

A component is found by its own name, the last part of its path without a range of instances, as Timeloop finds it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from flexloop.engines.embedded.fields import Fields, amount
from flexloop.errors import SpecError, UnsupportedError
from flexloop.timeloop.componentname import component_name

Actions = dict[str, float]
"""Energy in pJ of each action of a component."""

READ = ("random_read", "read")
FILL = ("random_fill", "random_write", "fill", "write")
UPDATE = ("random_update", "random_write", "update", "write")
COMPUTE = ("mac_random", "mult_random", "mac", "mult", "compute")
"""Names that an action goes by; the first that a component has counts."""


def read_ert(content: Any) -> dict[str, Actions]:
    """Read what stands under the top-level key ``ERT``: for each component the highest energy of each action.

    Raises:
        SpecError: if it is malformed.
        UnsupportedError: if wires have an energy.
    """
    ert = Fields(content, "ERT")
    tables = _by_path(ert) if isinstance(ert.get("tables"), dict) else _by_table(ert)
    if not tables:
        raise SpecError("ERT: no tables; give a list of tables, each with the name and the actions of a component")
    for wire in ("wire", "Wire"):
        if tables.get(wire, {}).get("transfer_random"):
            raise UnsupportedError(f"ERT: an energy of {wire} is not modelled; remove that table")
    return tables


def _by_path(ert: Fields) -> dict[str, Actions]:
    """Version 0.2: tables by path, actions by name, each with one entry or several."""
    tables: dict[str, Actions] = {}
    for path, actions in ert.get("tables").items():
        entry = tables.setdefault(component_name(str(path)), {})
        for action, found in Fields(actions, f"ERT.tables.{path}").content.items():
            for one in found if isinstance(found, list) else [found]:
                _raise_to(entry, str(action), Fields(one, f"ERT.tables.{path}.{action}"))
    return tables


def _by_table(ert: Fields) -> dict[str, Actions]:
    """Versions 0.3 and 0.4: a list of tables with lists of actions."""
    tables: dict[str, Actions] = {}
    for where, table in ert.items("tables"):
        fields = Fields(table, where)
        entry = tables.setdefault(component_name(fields.text("name")), {})
        for place, action in fields.items("actions"):
            one = Fields(action, place)
            _raise_to(entry, one.text("name"), one)
    return tables


def _raise_to(entry: Actions, action: str, fields: Fields) -> None:
    energy = fields.amount("energy") or 0.0
    entry[action] = max(entry.get(action, 0.0), energy)


def energy_of(actions: Actions, names: tuple[str, ...], default: float) -> float:
    """Energy of an action under the first of its names that is there."""
    return next((actions[name] for name in names if name in actions), default)


def read_art(content: Any) -> dict[str, float]:
    """Read what stands under the top-level key ``ART``: area of one instance of each component, um^2.

    Areas are rounded to single precision, in which Timeloop keeps them.
    """
    if content is None:
        return {}
    areas = {}
    for where, table in Fields(content, "ART").items("tables"):
        fields = Fields(table, where)
        area = amount(fields.get("area"), f"{where}.area")
        if area > float(np.finfo(np.float32).max):
            raise SpecError(f"{where}.area is {area}; Timeloop keeps areas in single precision, which ends before")
        areas[component_name(fields.text("name"))] = float(np.float32(area))
    return areas
