"""Names that stand for values: Timeloop's top-level key ``variables``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flexloop.errors import SpecError
from flexloop.validation import short


def substituted(config: Mapping[str, Any]) -> dict[str, Any]:
    """A document with the values of its variables in their places, and without the key ``variables``.

    A variable counts where a text is the whole value of a key; in lists and inside texts Timeloop looks for none.

    Raises:
        SpecError: if ``variables`` is no mapping of names to single values, or variables refer to each other in a ring.
    """
    variables = config.get("variables")
    rest = {key: value for key, value in config.items() if key != "variables"}
    if not variables:
        return rest
    if not isinstance(variables, Mapping):
        raise SpecError(f"variables is {short(variables)}, not a mapping of names to values")
    values = {name: _value(name, variables) for name in variables}
    return {key: _replaced(value, values) for key, value in rest.items()}


def _value(name: Any, variables: Mapping[Any, Any]) -> Any:
    """What a variable, which may name another one, stands for."""
    value, seen = variables[name], {name}
    while isinstance(value, str) and value in variables:
        if value in seen:
            raise SpecError(f"variables.{short(name)} refers to itself")
        seen.add(value)
        value = variables[value]
    if isinstance(value, (dict, list)):
        raise SpecError(f"variables.{name} is {short(value)}; a variable is a single number, text or truth value")
    return value


def _replaced(content: Any, values: Mapping[Any, Any]) -> Any:
    if isinstance(content, Mapping):
        return {
            key: values[value] if isinstance(value, str) and value in values else _replaced(value, values)
            for key, value in content.items()
        }
    if isinstance(content, list):
        return [_replaced(entry, values) for entry in content]
    return content
