"""The fields of a file, one by one: name, what it holds, default and meaning, read off the model that checks the file.

Meanings are those of the ``Attributes`` in the models' docstrings, so that they are written once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from flexloop.workloads.layers import DIMENSIONS, TENSORS

_ATTRIBUTE = re.compile(r"(?P<names>\w+(?:, \w+)*): (?P<text>.*)")
_REF = "#/$defs/"


@dataclass(frozen=True)
class FieldDescription:
    """One field of a file.

    Attributes:
        path: its name with those of the fields around it; ``[]`` is each entry of a list, ``.*`` each of a mapping.
        holds: what values it takes, in words.
        default: the value where it is left out, as in YAML; None where it has to be given.
        meaning: what it is, with its unit.
    """

    path: str
    holds: str
    default: str | None
    meaning: str


def describe_fields(
    model: type[BaseModel], within: Mapping[str, type[BaseModel]] | None = None
) -> list[FieldDescription]:
    """Every field of a file, outer ones before those inside them.

    Args:
        model: what the file is checked against.
        within: models of what a field's type does not tell: what the entries of a list of mappings are, by path.

    Examples:
        >>> from flexloop.workloads.read import NetworkFile
        >>> describe_fields(NetworkFile)[0].meaning
        'what the network is called.'
    """
    schema = model.model_json_schema(by_alias=True)
    found = list(_fields(schema, schema.get("$defs", {}), _meanings(model), ""))
    inner = within or {}
    return [field for outer in found for field in (outer, *_inside(outer.path, inner))]


def _inside(path: str, within: Mapping[str, type[BaseModel]]) -> Iterator[FieldDescription]:
    if path in within:
        for field in describe_fields(within[path]):
            yield FieldDescription(f"{path}[].{field.path}", field.holds, field.default, field.meaning)


def _meanings(model: type[BaseModel]) -> dict[tuple[str, str], str]:
    """The meaning of each field by its model's name and its own, of a model and all that it is made of."""
    found: dict[tuple[str, str], str] = {}
    for kind in _models(model, {}).values():
        described: dict[str, str] = {}
        for base in reversed(kind.__mro__):
            described |= _attributes(base.__doc__ or "")
        for name, field in kind.model_fields.items():
            found[kind.__name__, field.alias or name] = field.description or described.get(name, "")
    return found


def _models(kind: Any, known: dict[str, type[BaseModel]]) -> dict[str, type[BaseModel]]:
    """The models that a type is made of, by name."""
    if isinstance(kind, type) and issubclass(kind, BaseModel) and kind.__name__ not in known:
        known[kind.__name__] = kind
        for field in kind.model_fields.values():
            _models(field.annotation, known)
    for argument in getattr(kind, "__args__", ()):
        _models(argument, known)
    return known


def _attributes(docstring: str) -> dict[str, str]:
    """The section ``Attributes`` of a docstring: the text of each name."""
    lines = docstring.partition("Attributes:\n")[2].splitlines()
    found: dict[str, str] = {}
    names: list[str] = []
    indent = len(lines[0]) - len(lines[0].lstrip()) if lines else 0
    for line in lines:
        if not line.strip():
            break
        match = _ATTRIBUTE.fullmatch(line.strip()) if len(line) - len(line.lstrip()) == indent else None
        if match:
            names = match["names"].split(", ")
            found |= dict.fromkeys(names, match["text"])
        else:
            found |= {name: f"{found[name]} {line.strip()}" for name in names}
    return found


def _fields(
    schema: Mapping[str, Any], definitions: Mapping[str, Any], meanings: Mapping[tuple[str, str], str], prefix: str
) -> Iterator[FieldDescription]:
    required = schema.get("required", ())
    for name, value in schema["properties"].items():
        default = None if name in required else _yaml(value.get("default"))
        path = f"{prefix}{name}"
        yield FieldDescription(path, _holds(value, definitions), default, meanings[schema["title"], name])
        for suffix, model in _inner(value, definitions):
            yield from _fields(model, definitions, meanings, f"{path}{suffix}.")


def _inner(value: Mapping[str, Any], definitions: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The models inside a field, each with what stands between the field's name and theirs."""
    if "$ref" in value:
        model = definitions[value["$ref"].removeprefix(_REF)]
        if "properties" in model:
            yield "", model
    for choice in (*value.get("anyOf", ()), *value.get("oneOf", ())):
        yield from _inner(choice, definitions)
    if "items" in value:
        yield from ((f"[]{suffix}", model) for suffix, model in _inner(value["items"], definitions))
    for entry in _entries(value):
        yield from ((f".*{suffix}", model) for suffix, model in _inner(entry, definitions))


def _entries(value: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What a mapping's values are."""
    entries = [*value.get("patternProperties", {}).values(), value.get("additionalProperties")]
    return [entry for entry in entries if isinstance(entry, dict)]


def _holds(value: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """What a field takes, in words."""
    if "$ref" in value:
        model = definitions[value["$ref"].removeprefix(_REF)]
        return "fields, see below" if "properties" in model else _holds(model, definitions)
    if choices := [c for key in ("anyOf", "oneOf") for c in value.get(key, ()) if c.get("type") != "null"]:
        return " or ".join(dict.fromkeys(_holds(choice, definitions) for choice in choices))
    if "enum" in value or "const" in value:
        return _one_of(value.get("enum", [value.get("const")]))
    return _of_type(value, definitions)


def _one_of(values: Sequence[Any]) -> str:
    """One of a few values; those that have a name of their own are called by it."""
    named = {DIMENSIONS: "a dimension", TENSORS: "a tensor"}.get(tuple(values))
    return named or " or ".join(map(str, values))


def _of_type(value: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    match value.get("type"):
        case "integer" | "number" as kind:
            return ("whole number" if kind == "integer" else "number") + _limits(value)
        case "boolean":
            return "true or false"
        case "array":
            items = value.get("items") or value.get("prefixItems", [{}])[0]
            return f"list of: {_holds(items, definitions)}"
        case "object":
            kinds = dict.fromkeys(_holds(entry, definitions) for entry in _entries(value)) or ["fields, see below"]
            names = value.get("propertyNames", {})
            key = _holds(names, definitions) if "enum" in names else "a name"
            return "fields, see below" if not _entries(value) else f"mapping of {key} to: {' or '.join(kinds)}"
        case "string":
            return "fraction, such as 1/3" if value.get("format") == "fraction" else "text"
        case _:
            return "any value"


def _limits(value: Mapping[str, Any]) -> str:
    least, most = value.get("minimum"), value.get("maximum")
    above = f" above {value['exclusiveMinimum']:g}" if "exclusiveMinimum" in value else ""
    if least is not None and most is not None:
        return f" from {least} to {_power(most)}"
    low = f", at least {least}" if least is not None else above
    return low + (f", at most {_power(most)}" if most is not None else "")


def _power(number: float) -> str:
    """A number, as a power of two where it is a large one."""
    whole = int(number)
    return f"2^{whole.bit_length() - 1}" if whole > 1000 and whole & (whole - 1) == 0 else f"{number}"


def _yaml(value: Any) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case str():
            return value or '""'
        case list():
            return f"[{', '.join(map(_yaml, value))}]"
        case dict():
            return "{" + ", ".join(f"{key}: {_yaml(entry)}" for key, entry in value.items()) + "}"
        case _:
            return f"{value:g}" if isinstance(value, float) else str(value)
