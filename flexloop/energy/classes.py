"""Classes of components that are made of others: Accelergy's ``compound_components``.

A class names its subcomponents, each with a class and attributes that may be expressions of the compound's own, and for
each of its actions those of its subcomponents. See https://accelergy.mit.edu and its format of versions 0.2 to 0.4.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from itertools import product
from math import prod
from typing import Any

import yaml

from flexloop.embedded.components import INHERITED
from flexloop.energy.components import Part
from flexloop.errors import SpecError
from flexloop.timeloop.v4front.expressions import Evaluator
from flexloop.timeloop.v4front.limits import ExpressionError
from flexloop.timeloop.v4front.tags import Quoted
from flexloop.validation import plain_number, short

MAX_COMBINATIONS = 4096
"""Combinations of the arguments of one action."""

_MUST = "must_specify"
_RANGE = re.compile(r"\[([^\[\]]*?)\.\.([^\[\]]*?)\]")
_INDEX = re.compile(r"\[[^\[\]]*\]")

Names = Mapping[str, Any]


@dataclass(frozen=True)
class Use:
    """An action of subcomponents that an action of the compound causes.

    Attributes:
        subcomponent: their name, with a range or an index where there are several.
        action: the action.
        arguments: its arguments, which may be expressions.
        scale: how often it happens, or an expression of that.
    """

    subcomponent: str
    action: str
    arguments: Names = field(default_factory=dict)
    scale: Any = 1


@dataclass(frozen=True)
class Subcomponent:
    """A part of a compound, or several of them where its name has a range."""

    name: str
    kind: str
    attributes: Names
    area_scale: Any = 1
    energy_scale: Any = 1


@dataclass(frozen=True)
class Action:
    """An action of a compound: ranges of its arguments, and what it causes."""

    name: str
    arguments: Names
    uses: tuple[Use, ...]


@dataclass(frozen=True)
class CompoundClass:
    """A class made of others.

    Attributes:
        name: its name.
        attributes: values that its components take where they give none, in the order in which they are evaluated.
        subcomponents: what it is made of.
        actions: what it does, by name.
        primitive: the class that figures are asked for instead, where it only renames one.
    """

    name: str
    attributes: Names
    subcomponents: tuple[Subcomponent, ...]
    actions: Mapping[str, Action]
    primitive: str | None = None

    def bind(self, part: Part, outer: Names | None = None) -> Part:
        """A part of this class with the values of all its attributes.

        Args:
            part: with the attributes that it gives.
            outer: names that its expressions may use beside its own attributes.

        Raises:
            SpecError: if an attribute is missing that the class wants.
        """
        given = dict(part.attributes)
        for name, default in self.attributes.items():
            if given.get(name) is None:
                if default == _MUST and name not in INHERITED:
                    raise SpecError(f"class {self.name} wants the attribute {name}; give it")
                if default != _MUST:
                    given[name] = default
        return Part(part.kind, evaluated(given, outer or {}))

    def part(self, subcomponent: Subcomponent, compound: Names) -> Part:
        """The part that a subcomponent is, its attributes evaluated with those of the compound."""
        attributes = evaluated(subcomponent.attributes, compound)
        inherited = {n: compound[n] for n in INHERITED if compound.get(n) is not None}
        return Part(subcomponent.kind, inherited | attributes)

    def subcomponent(self, name: str) -> Subcomponent:
        """The subcomponent of a name, whatever range or index it has (SpecError if there is none)."""
        base = _INDEX.sub("", name)
        for candidate in self.subcomponents:
            if _INDEX.sub("", candidate.name) == base:
                return candidate
        known = ", ".join(s.name for s in self.subcomponents) or "none"
        raise SpecError(f"class {self.name}: an action is of {name}; its subcomponents are: {known}")


def evaluated(attributes: Names, outer: Names) -> dict[str, Any]:
    """Attributes with their expressions evaluated one after the other; what is no expression stays a text."""
    found: dict[str, Any] = {}
    for name, value in attributes.items():
        found[name] = _evaluated(value, {**outer, **found})
    return found


def _evaluated(value: Any, names: Names) -> Any:
    if not isinstance(value, str) or isinstance(value, Quoted):
        return value
    try:
        number = plain_number(value)
        return int(number) if number.is_integer() and "e" not in value.lower() and "." not in value else number
    except ValueError:
        pass
    try:
        return Evaluator().evaluate(value, names)
    except ExpressionError:
        return value


def number_of(value: Any, names: Names, where: str) -> float:
    """A number, or the value of an expression of one (SpecError if it is none)."""
    try:
        return plain_number(_evaluated(value, names))
    except ValueError:
        pass
    reason = "no number"
    if isinstance(value, str):
        try:
            Evaluator().evaluate(value, names)
        except ExpressionError as error:
            reason = str(error)
    raise SpecError(f"{where}: {short(value)}: {reason}")


def count_of(name: str, names: Names, where: str) -> int:
    """How many there are of what a name with ranges stands for: ``cell[1..width*depth]``; 1 where it has none.

    Raises:
        SpecError: if a range cannot be evaluated or is empty.
    """
    counts = []
    for first, last in _RANGE.findall(name):
        low, high = (number_of(end, names, f"{where}: range of {name}") for end in (first, last))
        if not 0 <= high - low < 2**40:
            raise SpecError(f"{where}: {name} is a range from {low:g} to {high:g}")
        counts.append(int(high) - int(low) + 1)
    return prod(counts)


def combinations(action: Action, names: Names, where: str) -> Iterator[dict[str, int]]:
    """Every combination of the arguments of an action, the first argument fastest.

    Raises:
        SpecError: if a range is malformed, or there are more than `MAX_COMBINATIONS`.
    """
    ranges = []
    for argument, text in action.arguments.items():
        first, separator, last = str(text).partition("..")
        ends = [number_of(end, names, f"{where}.{argument}") for end in (first, last if separator else first)]
        ranges.append(range(int(ends[0]), int(ends[1]) + 1))
    if prod(len(r) for r in ranges) > MAX_COMBINATIONS:
        raise SpecError(f"{where}: more than {MAX_COMBINATIONS} combinations of its arguments")
    for values in product(*reversed(ranges)):
        yield dict(zip(action.arguments, reversed(values), strict=True))


class Classes(Mapping[str, CompoundClass]):
    """Classes by name, each read when it is looked at: one that nothing is made of may be malformed.

    Args:
        entries: the classes' contents, by name.
    """

    def __init__(self, entries: Mapping[str, Names]) -> None:
        self._entries = entries
        self._read: dict[str, CompoundClass] = {}

    def __getitem__(self, name: str) -> CompoundClass:
        """The class of a name (KeyError if there is none, SpecError if it is malformed)."""
        if name not in self._read:
            self._read[name] = _class(name, self._entries[name], f"compound_components (class {name})")
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries


def read_classes(content: Any) -> Classes:
    """Read what stands under ``compound_components``: the classes by name, the last of a name as in Accelergy.

    Raises:
        SpecError: if it is malformed.
    """
    where = "compound_components"
    classes = content.get("classes") if isinstance(content, Mapping) else content
    found = {}
    for position, one in enumerate(_list(classes, f"{where}.classes")):
        entry = _mapping(one, f"{where}.classes[{position}]")
        name = _name(entry, f"{where}.classes[{position}]")
        found[name] = entry
    return Classes(found)


@lru_cache(maxsize=1)
def shipped_classes() -> Classes:
    """The classes that are known without being defined in the input."""
    text = resources.files(__package__).joinpath("classes.yaml").read_text(encoding="utf-8")
    return read_classes(yaml.safe_load(text)["compound_components"])


def _class(name: str, entry: Names, where: str) -> CompoundClass:
    listed = _list(entry.get("actions"), f"{where}: actions")
    actions = [_action(one, f"{where}.actions[{i}]") for i, one in enumerate(listed)]
    return CompoundClass(
        name=name,
        attributes=_mapping(entry.get("attributes") or {}, f"{where}.attributes"),
        subcomponents=tuple(
            _subcomponent(one, f"{where}.subcomponents[{i}]")
            for i, one in enumerate(_list(entry.get("subcomponents"), f"{where}: subcomponents"))
        ),
        actions={action.name: action for action in actions},
        primitive=entry.get("primitive_type"),
    )


def _subcomponent(content: Any, where: str) -> Subcomponent:
    entry = _mapping(content, where)
    attributes = dict(_mapping(entry.get("attributes") or {}, f"{where}.attributes"))
    kind = entry.get("class")
    if not isinstance(kind, str):
        raise SpecError(f"{where}.class is {short(kind)}, not a name")
    scales = {key: entry.get(key, attributes.get(key, 1)) for key in ("area_scale", "energy_scale")}
    return Subcomponent(_name(entry, where), kind, attributes, **scales)


def _action(content: Any, where: str) -> Action:
    entry = _mapping(content, where)
    uses = []
    for i, one in enumerate(_list(entry.get("subcomponents"), f"{where}.subcomponents")):
        place = f"{where}.subcomponents[{i}]"
        subcomponent = _mapping(one, place)
        for j, done in enumerate(_list(subcomponent.get("actions"), f"{place}.actions")):
            use = _mapping(done, f"{place}.actions[{j}]")
            arguments = _mapping(use.get("arguments") or {}, f"{place}.actions[{j}].arguments")
            scale = next((use[key] for key in ("repeat", "energy_scale", "action_share") if key in use), 1)
            name = _name(use, f"{place}.actions[{j}]")
            uses.append(Use(_name(subcomponent, place), name, arguments, scale))
    return Action(_name(entry, where), _mapping(entry.get("arguments") or {}, f"{where}.arguments"), tuple(uses))


def _mapping(content: Any, where: str) -> Names:
    if not isinstance(content, Mapping):
        raise SpecError(f"{where} is {short(content)}, not a mapping of names to values")
    return content


def _list(content: Any, where: str) -> Sequence[Any]:
    if content and not isinstance(content, list):
        raise SpecError(f"{where} is {short(content)}, not a list")
    return content or []


def _name(entry: Names, where: str) -> str:
    name = entry.get("name")
    if not isinstance(name, str) or not name:
        raise SpecError(f"{where}.name is {short(name)}, not a name")
    return name
