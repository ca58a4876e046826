"""Read constraints from a list of Timeloop's directives, with the meaning that ``timeloop-mapper`` gives them.

What it accepts is accepted here; what is not modelled is refused by name.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flexloop.errors import SpecError, UnknownNameError, UnsupportedError
from flexloop.timeloop import order
from flexloop.timeloop.constraints import (
    Constraints,
    DataspaceConstraint,
    LoopConstraint,
    ParallelismConstraint,
    Subject,
)
from flexloop.timeloop.reuse import ReuseLimits, limit_keys, read_limits
from flexloop.validation import short, whole_number


def read_constraints(
    directives: Sequence[Mapping[str, Any]], subject: Subject, template: str = "perfect"
) -> Constraints:
    """Read the list that stands under ``targets`` (or is the whole of ``mapspace_constraints``).

    As in Timeloop, several directives may speak about one level as long as none repeats another; a factor above
    its dimension's bound is dropped with a warning, which leaves that factor free.

    Args:
        directives: the list.
        subject: the names that the directives may use.
        template: of the mapspace.

    Raises:
        SpecError: a directive that is malformed or repeats another.
        UnknownNameError: a level, dimension or data space that does not exist.
        UnsupportedError: a directive or an entry that is not modelled.
    """
    reader = _Reader(subject, template)
    for position, directive in enumerate(directives):
        if not isinstance(directive, Mapping):
            raise SpecError(f"constraint {position + 1} is {directive!r}, not a mapping with target and type")
        reader.read(directive)
    return reader.constraints()


_DATASPACE_TYPES = ("dataspace", "datatype", "bypass", "bypassing")
_PARALLELISM_TYPES = ("parallelism", "utilization")
_COMMON_KEYS = {"target", "name", "type", "attributes"}
_LOOP_KEYS = _COMMON_KEYS | {"factors", "permutation", "default_max_factor", "default_min_factor", "remainders"}
_KEYS = {
    "temporal": _LOOP_KEYS,
    "spatial": _LOOP_KEYS | {"split"},
    "dataspace": _COMMON_KEYS | {"keep", "bypass"},
    "parallelism": _COMMON_KEYS | {"min"},
}
"""What may stand in a directive or under its ``attributes``; limits of reuse are looked for in the directive alone."""
# Timeloop finds each kind of entry with a pattern of its own; an entry it does not recognise is skipped in silence,
# which is why whatever stands between the entries is refused here.
_FACTOR = re.compile(r"([A-Za-z]+)\s*(<=|>=|=*)\s*([0-9]+|(?<=[=\s])-1\b)")


@dataclass
class _Draft:
    """One level's loop constraint while directives are merged into it."""

    factors: dict[str, int] = field(default_factory=dict)
    min_factors: dict[str, int] = field(default_factory=dict)
    max_factors: dict[str, int] = field(default_factory=dict)
    permutation: tuple[str, ...] = ()
    suffix: tuple[str, ...] = ()
    split: int | None = None
    remainders: int | None = None


class _Reader:
    def __init__(self, subject: Subject, template: str) -> None:
        self.subject, self.template = subject, template
        self.drafts: dict[tuple[str, bool], _Draft] = {}
        self.bypass: dict[str, dict[str, bool]] = {}
        self.parallelism: ParallelismConstraint | None = None
        self.limits: dict[str, dict[str, tuple[str, ...]]] = {}

    def read(self, directive: Mapping[str, Any]) -> None:
        """Merge one directive, which may hold several under ``constraints``."""
        if "constraints" in directive:
            nested = directive["constraints"]
            if not isinstance(nested, list):
                raise SpecError(f"constraints of {directive.get('target')!r} is {nested!r}, not a list")
            for inner in nested:
                if not isinstance(inner, Mapping):
                    raise SpecError(f"a constraint of {directive.get('target')!r} is {short(inner)}, not a mapping")
                self.read({"target": directive.get("target", directive.get("name")), **inner})
            return
        target = self._target(directive)
        kind = _kind(directive, target)
        attributes = directive.get("attributes", directive)
        if not isinstance(attributes, Mapping):
            raise SpecError(f"attributes of the constraint at {target} is {short(attributes)}, not a mapping")
        nested = set(attributes) if "attributes" in directive else set()
        for key in sorted((set(directive) - limit_keys(kind) | nested) - _KEYS[kind], key=str):
            warnings.warn(f"constraint {short(key)} at {target} ({kind}) has no effect", stacklevel=4)
        self._limits(target, kind, directive)
        if kind == "dataspace":
            self._dataspace(target, attributes)
        elif kind == "parallelism":
            self._parallelism(target, attributes)
        else:
            self._loops(target, attributes, directive.get("split"), spatial=kind == "spatial")
            self._remainders(target, directive.get("remainders"), spatial=kind == "spatial")

    def constraints(self) -> Constraints:
        """Return what was read, levels inner to outer."""
        loops = []
        for (target, spatial), draft in self._in_order():
            loops.append(LoopConstraint(target, spatial, **vars(draft)))
        dataspaces = tuple(
            DataspaceConstraint(
                level,
                tuple(t for t in self.subject.data_spaces if self.bypass[level].get(t) is True),
                tuple(t for t in self.subject.data_spaces if self.bypass[level].get(t) is False),
            )
            for level in self.subject.levels
            if level in self.bypass
        )
        limits = {level: ReuseLimits(**self.limits[level]) for level in self.subject.levels if level in self.limits}
        return Constraints(tuple(loops), dataspaces, self.parallelism, limits, self.template)

    def _in_order(self) -> Iterator[tuple[tuple[str, bool], _Draft]]:
        for level in self.subject.levels:
            for spatial in (True, False):
                if (level, spatial) in self.drafts:
                    yield (level, spatial), self.drafts[level, spatial]

    def _target(self, directive: Mapping[str, Any]) -> str:
        target = directive.get("target", directive.get("name"))
        if isinstance(target, int) and not isinstance(target, bool) and 0 <= target < len(self.subject.levels):
            return self.subject.levels[target]
        if target not in self.subject.levels:
            raise UnknownNameError("constraint target", str(target), self.subject.levels)
        return str(target)

    def _dataspace(self, target: str, attributes: Mapping[str, Any]) -> None:
        settings = self.bypass.setdefault(target, {})
        for key, kept in (("keep", True), ("bypass", False)):
            names = attributes.get(key) or []
            if not isinstance(names, list):
                raise SpecError(f"{key} at {target} is {names!r}: write a list of data spaces")
            for name in names:
                if name not in self.subject.data_spaces:
                    raise UnknownNameError(f"data space in {key} at {target}", str(name), self.subject.data_spaces)
                if name in settings and target != self.subject.levels[-1]:
                    raise SpecError(f"{name} at {target} is set twice in keep/bypass: name it once")
                settings[name] = kept

    def _limits(self, target: str, kind: str, directive: Mapping[str, Any]) -> None:
        found = read_limits(kind, directive, f"at {target} ({kind})", self.subject.data_spaces)
        known = self.limits.setdefault(target, {}) if found else {}
        if twice := sorted(set(found) & set(known)):
            raise SpecError(f"{twice[0]} at {target} ({kind}) is set twice: set it once")
        known.update(found)

    def _parallelism(self, target: str, attributes: Mapping[str, Any]) -> None:
        if target != self.subject.levels[0]:
            raise SpecError(
                f"min parallelism stands at {target}: put it at the innermost level {self.subject.levels[0]}"
            )
        if self.parallelism is not None:
            raise SpecError(f"min parallelism is set twice, at {target}: set it once")
        minimum = attributes.get("min")
        if isinstance(minimum, bool) or not isinstance(minimum, (int, float)):
            raise SpecError(f"min of the parallelism constraint at {target} is {minimum!r}, not a number")
        self.parallelism = ParallelismConstraint(target, float(minimum))

    def _loops(self, target: str, attributes: Mapping[str, Any], split: Any, *, spatial: bool) -> None:
        if spatial and target not in self.subject.fanouts:
            raise SpecError(
                f"spatial constraint at {target}: the next inner level has as many instances, so there is no fanout "
                "below it; remove the constraint"
            )
        where = f"{target} ({'spatial' if spatial else 'temporal'})"
        draft = self.drafts.setdefault((target, spatial), _Draft())
        for name, found in self._factors(attributes, where).items():
            known: dict[str, int] = getattr(draft, name)
            for dimension, value in found.items():
                if dimension in known:
                    raise SpecError(f"{name} of {dimension} at {where} is set twice: set it once")
                known[dimension] = value
        prefix, suffix = self._permutation(attributes.get("permutation"), where)
        if prefix or suffix:
            if draft.permutation or draft.suffix:
                raise SpecError(f"permutation at {where} is set twice: set it once")
            if suffix and self.template == "ruby":
                raise SpecError(f"permutation at {where}: mapspace.template ruby takes no outermost loops after '_'")
            draft.permutation, draft.suffix = prefix, suffix
        if split is not None:
            if draft.split is not None:
                raise SpecError(f"split at {where} is set twice: set it once")
            if isinstance(split, bool) or not isinstance(split, int) or split < 0:
                raise SpecError(f"split at {where} is {split!r}, not a number of dimensions")
            draft.split = split

    def _remainders(self, target: str, value: Any, *, spatial: bool) -> None:
        if value is None:
            return
        where = f"{target} ({'spatial' if spatial else 'temporal'})"
        if self.template != "ruby":
            warnings.warn(f"remainders at {where} has no effect outside of mapspace.template: ruby", stacklevel=5)
        elif isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise SpecError(f"remainders at {where} is {short(value)}, not a number of iterations")
        else:
            self.drafts[target, spatial].remainders = value

    def _factors(self, attributes: Mapping[str, Any], where: str) -> dict[str, dict[str, int]]:
        text = _text(attributes.get("factors"), f"factors at {where}")
        if rest := _FACTOR.sub(" ", text).replace(",", " ").split():
            raise SpecError(
                f"factors at {where}: cannot read {rest[0]!r} in {text!r}; write for example 'C=4 M<=8 P=0'"
            )
        found: dict[str, dict[str, int]] = {"factors": {}, "min_factors": {}, "max_factors": {}}
        for dimension, operator, digits in _FACTOR.findall(text):
            if dimension not in self.subject.bounds:
                raise UnknownNameError(f"dimension in factors at {where}", dimension, self.subject.bounds)
            if digits == "-1":  # what Timeloop does not read as a factor, which leaves it free
                continue
            value = whole_number(digits)
            if operator in ("<=", ">="):
                if value == 0:
                    raise SpecError(f"factors at {where}: {dimension}{operator}0; the limit must be positive")
                found["max_factors" if operator == "<=" else "min_factors"][dimension] = value
            elif value > self.subject.bounds[dimension]:
                warnings.warn(
                    f"constraint {dimension}={value} at {where} exceeds the bound "
                    f"{dimension}={self.subject.bounds[dimension]} and is ignored, as Timeloop does",
                    stacklevel=2,
                )
            else:
                found["factors"][dimension] = value or self.subject.bounds[dimension]
        for key, name in (("default_max_factor", "max_factors"), ("default_min_factor", "min_factors")):
            if attributes.get(key) is not None:
                limit = _positive(attributes[key], f"{key} at {where}")
                found[name] = {d: found[name].get(d, limit) for d in self.subject.bounds}
        return found

    def _permutation(self, value: Any, where: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        parts: tuple[list[str], list[str]] = ([], [])
        text = _text(value, f"permutation at {where}")
        seen_separator = False
        for name in order.names_of(text, self.subject.bounds):
            if name == "_":
                seen_separator = True
                continue
            if name not in self.subject.bounds:
                raise UnknownNameError(f"dimension in permutation {text!r} at {where}", name, self.subject.bounds)
            if name in parts[0] or name in parts[1]:
                raise SpecError(f"permutation {text!r} at {where} names {name} twice")
            parts[seen_separator].append(name)
        return tuple(parts[0]), tuple(parts[1])


def _kind(directive: Mapping[str, Any], target: str) -> str:
    kind = directive.get("type")
    if kind in ("temporal", "spatial"):
        return str(kind)
    if kind in _DATASPACE_TYPES:
        return "dataspace"
    if kind in _PARALLELISM_TYPES:
        return "parallelism"
    known = ("temporal", "spatial", *_DATASPACE_TYPES, *_PARALLELISM_TYPES)
    raise UnsupportedError(f"constraint type {kind!r} at {target} is not modelled; known: {', '.join(known)}")


def _text(value: Any, what: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise SpecError(f"{what} is {value!r}: write one string")
    return value.partition("#")[0].strip()


def _positive(value: Any, what: str) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = 0
    if number <= 0 or isinstance(value, (bool, float)):
        raise SpecError(f"{what} is {value!r}, not a positive whole number")
    return number
