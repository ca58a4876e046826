"""Energies and areas from the hwcomponents packages, without Accelergy or a container.

The same choices as the template of Accelergy's input: DRAM is LPDDR4; SRAM and register files are CACTI memories; a MAC
is Aladdin's multiplier of its operand width and an adder of twice that. The packages work in joules, seconds and square
metres; see https://accelergy-project.github.io/hwcomponents.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from flexloop.arch.spec import ArchSpec, StorageLevel
from flexloop.energy.source import EnergyTables, complete_art, complete_ert
from flexloop.errors import EngineError, SpecError, UnsupportedError

PACKAGES = ("hwcomponents", "hwcomponents-cacti", "hwcomponents-library", "hwcomponents-neurosim")
"""What the extra installs; the library imports neurosim without naming it."""

CYCLE_S = 1e-9
"""Clock period that leakage is counted for, as in the template of Accelergy's input."""

PYTHON = (3, 12)
"""The oldest Python that the packages run on."""

_PJ, _UM2 = 1e12, 1e12
_NODE = re.compile(r"(\d+(?:\.\d+)?)\s*nm", re.IGNORECASE)


@dataclass(frozen=True)
class _Estimate:
    """Energies in pJ by action, area in um^2, and the model they come from."""

    energies: dict[str, float]
    area: float
    model: str


def hwcomponents_tables(arch: ArchSpec) -> EnergyTables:
    """Estimate every component of an arch spec.

    Raises:
        UnsupportedError: on a Python that the packages do not run on.
        EngineError: if they are missing, or a model fails (CACTI is a program of its own).
        SpecError: if the spec's technology is no node in nanometres.
    """
    node = _node(arch)
    cacti, aladdin = _models()
    estimates = {
        level.name: _estimated(level.name, lambda level=level: _storage(level, node, cacti))  # type: ignore[misc]
        for level in arch.levels
    }
    estimates[arch.mac.name] = _estimated(arch.mac.name, lambda: _mac(arch.mac.datawidth, node, aladdin))
    ert = {"tables": [{"name": name, "actions": _actions(e.energies)} for name, e in estimates.items()]}
    art = {"tables": [{"name": name, "area": e.area} for name, e in estimates.items()]}
    return EnergyTables(
        "hwcomponents",
        complete_ert(ert, arch, "hwcomponents"),
        complete_art(art, arch, "hwcomponents"),
        {name: e.model for name, e in estimates.items()},
        ", ".join(f"{package} {version(package)}" for package in PACKAGES[:3]),
    )


def _models() -> tuple[Any, Any]:
    """The modules with the models of memories and of arithmetic."""
    if sys.version_info < PYTHON:
        raise UnsupportedError(
            f"energy: hwcomponents needs Python {PYTHON[0]}.{PYTHON[1]} or newer, this is {sys.version.split()[0]}; "
            "install flexloop[hwcomponents] there and give its tables to any other with `flexloop energy make "
            "--energy hwcomponents -o DIR` and --energy DIR/tables.yaml; or use --energy table or accelergy"
        )
    try:
        return (
            importlib.import_module("hwcomponents_cacti"),
            importlib.import_module("hwcomponents_library.library.aladdin"),
        )
    except ImportError as error:
        raise EngineError(
            f"energy: hwcomponents is not installed ({error}); pip install 'flexloop[hwcomponents]'"
        ) from error


def _node(arch: ArchSpec) -> float:
    match = _NODE.fullmatch(arch.technology)
    if match is None:
        raise SpecError(f"technology: {arch.technology!r} is no node; hwcomponents needs one such as 45nm")
    return float(match[1]) * 1e-9


def _estimated(name: str, estimate: Callable[[], _Estimate]) -> _Estimate:
    try:
        return estimate()
    except Exception as error:
        said = str(error).strip().partition("\n")[0]
        hint = (
            "; the CACTI program of the package may not run on this system: build it here with `pip install "
            "--force-reinstall --no-deps --no-binary hwcomponents-cacti hwcomponents-cacti` (needs make and g++)"
            if "CACTI failed" in said
            else ""
        )
        raise EngineError(f"energy: hwcomponents cannot estimate {name}: {said[:200]}{hint}") from error


def _storage(level: StorageLevel, node: float, cacti: Any) -> _Estimate:
    """One row of a level is one access."""
    if level.depth is None:
        model = cacti.LPDDR4(width=min(level.width, 64))
        scale = level.width / min(level.width, 64)  # the model is linear in the width and refuses wider buses
    else:
        model, scale = (
            cacti.SRAM(tech_node=node, width=level.width, depth=level.depth, size=level.width * level.depth),
            1.0,
        )
    read, write = (float(access().energy) * _PJ * scale for access in (model.read, model.write))
    leak = float(model.leak_power) * CYCLE_S * _PJ
    energies = {"read": read, "write": write, "update": write, "leak": leak}
    return _Estimate(energies, float(model.area) * _UM2, type(model).__name__ + " of hwcomponents-cacti")


def _mac(datawidth: int, node: float, aladdin: Any) -> _Estimate:
    model = aladdin.AladdinIntMAC(tech_node=node, adder_width=2 * datawidth, multiplier_width=datawidth)
    energies = {"compute": float(model.compute().energy) * _PJ, "leak": float(model.leak_power) * CYCLE_S * _PJ}
    return _Estimate(energies, float(model.area) * _UM2, "AladdinIntMAC of hwcomponents-library")


def _actions(energies: dict[str, float]) -> list[dict[str, Any]]:
    """Actions with six significant digits, as many as Accelergy gives."""
    return [{"name": name, "energy": float(f"{energy:.6g}")} for name, energy in energies.items()]
