"""Parameters of arch specs, such as a number of PEs: ``kao_dla:pes=256`` is the spec with that value in place.

A spec lists them under ``parameters`` with their defaults, each a positive integer or ``unlimited``; sizes, bandwidths
and extents may be expressions of them, as numbers of networks may.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flexloop.errors import SpecError, UnknownNameError
from flexloop.workloads.parameters import MAX_PARAMETER, checked_parameters, evaluate

UNLIMITED = "unlimited"
"""The value of a parameter that limits nothing."""

Value = int | str

_GIVEN = re.compile(r"(?P<source>[^\n]+?):(?P<values>[A-Za-z_]\w*=[^,=]*(?:,[A-Za-z_]\w*=[^,=]*)*)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,59}")


def split_parameters(source: str) -> tuple[str, dict[str, Value]]:
    """What names a spec, and the parameters given behind it.

    >>> split_parameters("kao_dla:pes=256,dram_bandwidth=64"), split_parameters("edge256")
    (('kao_dla', {'pes': 256, 'dram_bandwidth': 64}), ('edge256', {}))

    Raises:
        SpecError: for a value that is no number and not ``unlimited``, or a parameter given twice.
    """
    match = _GIVEN.fullmatch(source)
    if match is None:
        return source, {}
    values: dict[str, Value] = {}
    for pair in match["values"].split(","):
        name, _, text = pair.partition("=")
        if name in values:
            raise SpecError(f"arch {source!r}: parameter {name} is given twice; keep one")
        values[name] = _value(text.strip(), f"arch {source!r}: parameter {name}")
    return match["source"], values


def _value(text: str, where: str) -> Value:
    if text == UNLIMITED:
        return text
    if not (text.isascii() and text.isdigit()):
        raise SpecError(f"{where} is {text!r}; give an integer, or `{UNLIMITED}`")
    return int(text)


def with_parameters(content: dict[str, Any], given: Mapping[str, Value], where: object) -> dict[str, Any]:
    """The content of a spec's file with its parameters put in, and named after those that were given.

    Raises:
        UnknownNameError: for a parameter that the spec does not have.
        SpecError: for a value that is none, or an expression that cannot be read.
    """
    defaults = _defaults(content.get("parameters", {}), where)
    owner = f"arch spec {content.get('name')!r}"
    numbers = {name: value for name, value in given.items() if value != UNLIMITED}
    checked_parameters(numbers, defaults, owner)  # type: ignore[arg-type]
    for name in given:
        if name not in defaults:
            raise UnknownNameError("parameter", name, defaults, f"(of {owner})")
    if not defaults:
        return content
    values = {**defaults, **given}
    made = {key: value for key, value in content.items() if key != "parameters"}
    made["levels"] = _filled(made.get("levels"), values, f"{where}: levels")
    if isinstance(axes := made.get("axes"), dict) and "shape" in axes:
        made["axes"] = axes | {"shape": _filled(axes["shape"], values, f"{where}: axes.shape")}
    if changed := {name: value for name, value in given.items() if value != defaults[name]}:
        made["name"] = "_".join([str(content.get("name")), *(f"{name}{value}" for name, value in changed.items())])
    return made


def _defaults(parameters: Any, where: object) -> dict[str, Value]:
    if not isinstance(parameters, dict) or not all(_is_parameter(*pair) for pair in parameters.items()):
        raise SpecError(
            f"{where}: parameters: give names with an integer from 1 to {MAX_PARAMETER} each, or `{UNLIMITED}`"
        )
    return parameters


def _is_parameter(name: Any, value: Any) -> bool:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return False
    return value == UNLIMITED or (
        isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_PARAMETER
    )


_NAMES = ("name", "class", "keep")
"""Fields of a level that hold names."""


def _filled(content: Any, values: Mapping[str, Value], where: str) -> Any:
    """The content with a number for each expression."""
    if isinstance(content, dict):
        return {k: v if k in _NAMES else _filled(v, values, f"{where}.{k}") for k, v in content.items()}
    if isinstance(content, list):
        return [_filled(item, values, f"{where}[{index}]") for index, item in enumerate(content)]
    if not isinstance(content, str) or content == UNLIMITED:
        return content
    if isinstance(values.get(content), str):
        return values[content]
    numbers = {name: value for name, value in values.items() if isinstance(value, int)}
    try:
        return evaluate(content, numbers)
    except (SpecError, UnknownNameError) as error:
        raise SpecError(f"{where}: {error}") from error
