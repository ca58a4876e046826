"""Energies and areas from the hwcomponents packages, without Accelergy or a container.

The packages know components by name; see https://accelergy-project.github.io/hwcomponents. They work in joules, seconds
and square metres. DRAM is LPDDR4 where no attribute ``type`` says otherwise, and a register file is a CACTI memory.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from flexloop.energy.components import LEAK, Part, UnknownPartError, bits_of, has_node, is_idle, node_of, operand_bits
from flexloop.errors import EngineError, SpecError, UnsupportedError
from flexloop.validation import plain_number, short

PACKAGES = ("hwcomponents", "hwcomponents-cacti", "hwcomponents-library", "hwcomponents-neurosim")
"""What the extra installs; the library imports neurosim without naming it."""

CYCLE_S = 1e-9
"""Clock period that leakage is counted for where no attribute gives one, as Accelergy's input has it."""

PYTHON = (3, 12)
"""The oldest Python that the packages run on."""

_PJ, _UM2 = 1e12, 1e12
_DRAM_BUS, _WIDE_BUS = 64, 2048
_NAMES = {"regfile": "sram", "fifo": "sram"}
_INSTEAD = {"update": ("write",), "mac_random": ("compute",), "mult_random": ("multiply",)}
_UNITS = ("adder", "comparator", "counter", "register")
_REASON = re.compile(r"(?:\w+(?:Error|Exception): |(?=CACTI failed))(.+)")


def available() -> bool:
    """Whether the packages can be imported here."""
    return sys.version_info >= PYTHON and find_spec("hwcomponents") is not None


class HwModel:
    """The models of the packages that are installed (see `flexloop.energy.components.Model`).

    Raises:
        UnsupportedError: on a Python that the packages do not run on.
        EngineError: if they are missing.
    """

    source = "hwcomponents"
    digits = 6

    def __init__(self) -> None:
        self._package = _package()
        self._models: dict[tuple[str, str], Any] = {}
        self.tool = ", ".join(f"{package} {version(package)}" for package in PACKAGES[:3])

    def energy(self, part: Part, action: str, arguments: Mapping[str, Any]) -> float:
        """Energy in pJ of an action; of leakage, what it is in one clock period.

        Raises:
            UnknownPartError: if the packages have no such component or action, or it lacks an attribute.
            EngineError: if CACTI, a program of its own, does not run.
            SpecError: if the technology is no node in nanometres.
        """
        if is_idle(action):
            return 0.0
        if action == LEAK:
            return self._asked(part, lambda model: model.leak_power) * _cycle(part) * _PJ
        return self._asked(part, lambda model: _method(part, model, action)().energy) * _PJ

    def area(self, part: Part) -> float:
        """Area in um^2 of one instance (errors as `energy`)."""
        return self._asked(part, lambda model: model.area) * _UM2

    def origin(self, part: Part) -> str:
        """The model that is asked (`UnknownPartError` if there is none)."""
        return f"{type(self._model(part)[0]).__name__} of hwcomponents"

    def _asked(self, part: Part, ask: Callable[[Any], Any]) -> float:
        model, scale = self._model(part)
        try:
            return float(ask(model)) * scale
        except UnknownPartError:
            raise
        except Exception as error:
            raise _failure(part, error) from error

    def _model(self, part: Part) -> tuple[Any, float]:
        """A part's model, and a factor of its figures: DRAM has one, as its models want certain widths."""
        name, values, scale = _name(part), _values(part), 1.0
        if part.kind.lower() == "dram":
            bus = _WIDE_BUS if name.startswith("hbm") else _DRAM_BUS
            scale, values["width"] = bits_of(part, "width") / bus, bus
        key = (name, repr(values))
        if key not in self._models:
            try:
                self._models[key] = self._package.get_model(name, values, [])
            except Exception as error:
                raise _failure(part, error) from error
        return self._models[key], scale


def _package() -> Any:
    """The module that finds models by the names of components."""
    if sys.version_info < PYTHON:
        raise UnsupportedError(
            f"energy: hwcomponents needs Python {PYTHON[0]}.{PYTHON[1]} or newer, this is {sys.version.split()[0]}; "
            "install flexloop[hwcomponents] there and give its tables to any other with `flexloop energy make "
            "--energy hwcomponents -o DIR` and --energy DIR/tables.yaml; or use --energy table or accelergy"
        )
    try:
        for package in ("hwcomponents_cacti", "hwcomponents_library"):
            importlib.import_module(package)
        return importlib.import_module("hwcomponents")
    except ImportError as error:
        raise EngineError(
            f"energy: hwcomponents is not installed ({error}); pip install 'flexloop[hwcomponents]'"
        ) from error


def _method(part: Part, model: Any, action: str) -> Callable[[], Any]:
    for name in (action, *_INSTEAD.get(action, ())):
        if callable(method := getattr(model, name, None)):
            found: Callable[[], Any] = method
            return found
    raise UnknownPartError(f"{type(model).__name__} for class {part.kind} has no action {action}")


def _failure(part: Part, error: Exception) -> Exception:
    """What a model's failure is: an unknown part, but where CACTI did not run."""
    text = str(error)
    reasons = _REASON.findall(text)
    said = (reasons[-1] if reasons else text.strip().partition("\n")[0])[:200]
    if "CACTI failed" not in text:
        return UnknownPartError(f"class {part.kind} has no figures: {said}")
    return EngineError(
        f"energy: hwcomponents cannot estimate a {part.kind}: {said}; the CACTI program of the package may not run on "
        "this system: build it here with `pip install --force-reinstall --no-deps --no-binary hwcomponents-cacti "
        "hwcomponents-cacti` (needs make and g++)"
    )


def _cycle(part: Part) -> float:
    """Clock period in seconds; that of Accelergy's input where none is given, or merely the name of one."""
    try:
        return plain_number(part.attributes.get("global_cycle_seconds"))
    except ValueError:
        return CYCLE_S


def _name(part: Part) -> str:
    name = part.kind.lower().replace("_", "")
    if name == "dram":
        return str(part.attributes.get("type", "LPDDR4")).lower()
    return _NAMES.get(name, name)


def _values(part: Part) -> dict[str, Any]:
    """A part's attributes as the packages spell them."""
    values = {name: value for name, value in part.attributes.items() if name != "technology" and value is not None}
    technology = part.attributes.get("technology")
    node = node_of(technology)
    if node is not None:
        values["tech_node"] = node * 1e-9
    elif has_node(part):
        raise SpecError(f"technology: {short(technology)} is no node; hwcomponents needs one such as 45nm")
    if "width" in values and "depth" in values:
        values["size"] = values["width"] * values["depth"]
    elif "width" not in values and _name(part).removeprefix("aladdin").removeprefix("int") in _UNITS:
        values["width"] = operand_bits(part) if _name(part) != "aladdinregister" else 1
    return values
