"""Energies of actions from Timeloop's ``ERT``, and areas from its ``ART``: what Accelergy writes.

A component is found by its own name, the last part of its path without a range of instances, as Timeloop finds it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from flexloop.embedded.fields import Fields, amount
from flexloop.errors import SpecError
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
    """
    tables: dict[str, Actions] = {}
    for component, action, entry in _entries(Fields(content, "ERT")):
        energies = tables.setdefault(component, {})
        if action is not None and entry is not None:
            energies[action] = max(energies.get(action, 0.0), entry.amount("energy") or 0.0)
    if not tables:
        raise SpecError("ERT: no tables; give a list of tables, each with the name and the actions of a component")
    return tables


def entries(content: Any, component: str) -> dict[str, list[Fields]]:
    """What an ``ERT`` says of one component: the entries of each of its actions, in their order."""
    found: dict[str, list[Fields]] = {}
    for name, action, entry in _entries(Fields(content, "ERT")):
        if name == component and action is not None and entry is not None:
            found.setdefault(action, []).append(entry)
    return found


def single(value: float) -> float:
    """A figure in single precision."""
    return float(np.float32(value))


def _entries(ert: Fields) -> Iterator[tuple[str, str | None, Fields | None]]:
    """Components with their actions, each entry apart; a component without any comes once, without an action."""
    if isinstance(ert.get("tables"), dict):  # version 0.2: tables by path, actions by name, with one entry or several
        for path, actions in ert.get("tables").items():
            component = component_name(str(path))
            yield component, None, None
            for action, found in Fields(actions, f"ERT.tables.{path}").content.items():
                for one in found if isinstance(found, list) else [found]:
                    yield component, str(action), Fields(one, f"ERT.tables.{path}.{action}")
        return
    for where, table in ert.items("tables"):  # versions 0.3 and 0.4: a list of tables with lists of actions
        fields = Fields(table, where)
        component = component_name(fields.text("name"))
        yield component, None, None
        for place, action in fields.items("actions"):
            entry = Fields(action, place)
            yield component, entry.text("name"), entry


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
        areas[component_name(fields.text("name"))] = single(area)
    return areas
