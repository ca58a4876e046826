"""Mapspace constraints in Timeloop's terms: temporal, spatial, dataspace and parallelism directives.

See Timeloop's documentation, "Constraints": https://timeloop.csail.mit.edu/v4/input-formats/constraints. What
``timeloop-mapper`` accepts is accepted here with the same meaning; what is not modelled is refused by name.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flexloop.errors import SpecError, UnknownNameError, UnsupportedError
from flexloop.timeloop import order
from flexloop.timeloop.reuse import ReuseLimits, limit_entries, limit_keys, read_limits
from flexloop.validation import short, whole_number


@dataclass(frozen=True)
class LoopConstraint:
    """What a temporal or a spatial directive pins at one target level.

    Attributes:
        target: the storage level; for a spatial directive the fanout below it.
        spatial: whether this is a spatial directive.
        factors: dimensions whose factor is pinned, and to what.
        min_factors, max_factors: bounds on the factors of dimensions that are not pinned.
        permutation: the pinned innermost loops, leftmost innermost (all dimensions: the whole order is pinned).
        suffix: the pinned outermost loops, in the same direction.
        split: spatial only: how many dimensions of the order lie on X; None leaves it free.
        remainders: in an imperfect mapspace, the greatest factor of loops here, which may have residuals; None: they
            have none.
    """

    target: str
    spatial: bool = False
    factors: Mapping[str, int] = field(default_factory=dict)
    min_factors: Mapping[str, int] = field(default_factory=dict)
    max_factors: Mapping[str, int] = field(default_factory=dict)
    permutation: tuple[str, ...] = ()
    suffix: tuple[str, ...] = ()
    split: int | None = None
    remainders: int | None = None


@dataclass(frozen=True)
class DataspaceConstraint:
    """Which data spaces a level must keep and which must bypass it; those named in neither are free.

    At the outermost level the unnamed ones are kept.
    """

    target: str
    keep: tuple[str, ...] = ()
    bypass: tuple[str, ...] = ()


@dataclass(frozen=True)
class ParallelismConstraint:
    """The least share of the array that a mapping must use: the product over fanouts of used over present.

    Timeloop wants it at the innermost level.
    """

    target: str
    minimum: float


@dataclass(frozen=True)
class Subject:
    """What directives are about: the names that they may use.

    Attributes:
        levels: storage levels, inner to outer.
        fanouts: those with more than one instance of the next inner level below them.
        bounds: problem dimensions and their bounds.
        data_spaces: the data spaces of the problem.
    """

    levels: tuple[str, ...]
    fanouts: Collection[str]
    bounds: Mapping[str, int]
    data_spaces: tuple[str, ...]


@dataclass(frozen=True)
class Constraints:
    """All directives of one mapspace; what no directive names is free.

    Attributes:
        loops, dataspaces, parallelism: what mappings may do.
        limits: by level, reuse that all mappings go without.
        template: which factors there are: ``perfect``, those that multiply to a bound; or, as in Timeloop, ``uber``,
            where they multiply to the next multiple of pinned ones that do not divide the bound, and ``ruby``.
    """

    loops: tuple[LoopConstraint, ...] = ()
    dataspaces: tuple[DataspaceConstraint, ...] = ()
    parallelism: ParallelismConstraint | None = None
    limits: Mapping[str, ReuseLimits] = field(default_factory=dict)
    template: str = "perfect"

    def loop(self, target: str, *, spatial: bool) -> LoopConstraint:
        """Return the directive for a level's temporal loops or the fanout below it; an empty one if there is none."""
        for constraint in self.loops:
            if constraint.target == target and constraint.spatial == spatial:
                return constraint
        return LoopConstraint(target, spatial)

    def dataspace(self, target: str) -> DataspaceConstraint:
        """Return the bypass directive for a level; an empty one if there is none."""
        for constraint in self.dataspaces:
            if constraint.target == target:
                return constraint
        return DataspaceConstraint(target)

    def to_directives(self) -> list[dict[str, Any]]:
        """Return the list that stands under ``targets`` of Timeloop's ``architecture_constraints``."""
        directives: list[dict[str, Any]] = []
        for dataspace in self.dataspaces:
            directives.append(
                {
                    "target": dataspace.target,
                    "type": "dataspace",
                    "keep": list(dataspace.keep),
                    "bypass": list(dataspace.bypass),
                }
            )
        directives.extend(_loop_directive(loop) for loop in self.loops)
        for target, limits in self.limits.items():
            for kind in ("spatial", "temporal", "dataspace"):
                if entries := limit_entries(kind, limits):
                    directives.append({"target": target, "type": kind, **entries})
        if self.parallelism is not None:
            directives.append(
                {"target": self.parallelism.target, "type": "parallelism", "min": self.parallelism.minimum}
            )
        return directives

    @classmethod
    def from_directives(
        cls, directives: Sequence[Mapping[str, Any]], subject: Subject, template: str = "perfect"
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


def from_config(config: Mapping[str, Any], subject: Subject) -> Constraints:
    """Read the constraints of a whole Timeloop configuration, wherever ``timeloop-mapper`` looks for them.

    Architecture constraints stand in the architecture, in ``arch_constraints`` or in ``architecture_constraints``,
    mapspace constraints in ``mapspace`` or ``mapspace_constraints``; each is a list, or a mapping with a list under
    ``targets`` or ``constraints``. Mapspace constraints may name a template.

    Raises:
        SpecError, UnknownNameError, UnsupportedError: as `Constraints.from_directives`.
    """
    if "mapspace" in config and "mapspace_constraints" in config:
        raise SpecError("found both mapspace and mapspace_constraints: give one of them")
    nodes = [("mapspace", config.get("mapspace")), ("mapspace_constraints", config.get("mapspace_constraints"))]
    for key, node in (
        _in_architecture(config.get("arch", config.get("architecture"))),
        ("arch_constraints", config.get("arch_constraints")),
        ("architecture_constraints", config.get("architecture_constraints")),
    ):
        if node is not None and len(nodes) == 3:
            warnings.warn(f"{key} has no effect beside {nodes[-1][0]}, which Timeloop looks for first", stacklevel=2)
        elif node is not None:
            nodes.append((key, node))
    directives = [d for key, node in nodes for d in _directive_list(key, node)]
    return Constraints.from_directives(directives, subject, _template(nodes))


_TEMPLATES = ("uber", "ruby")


def _template(nodes: Sequence[tuple[str, Any]]) -> str:
    """The template of the mapspace; architecture constraints, the last of the nodes, have none."""
    found = "uber"
    for key, node in nodes:
        if not isinstance(node, Mapping) or "template" not in node:
            continue
        if not key.startswith("mapspace"):
            warnings.warn(f"{key}.template has no effect: it stands under mapspace", stacklevel=3)
        elif node["template"] not in _TEMPLATES:
            raise UnsupportedError(f"{key}.template is {short(node['template'])}: there are {' and '.join(_TEMPLATES)}")
        else:
            found = node["template"]
    return found


def _in_architecture(architecture: Any) -> tuple[str, Any]:
    """The constraints in an architecture and where they stand: in a tree, Timeloop finds them in the first subtree."""
    where = "architecture.constraints"
    if not isinstance(architecture, Mapping):
        return where, None
    subtrees = architecture.get("subtree")
    if not isinstance(subtrees, list) or not subtrees or not isinstance(subtrees[0], Mapping):
        return where, architecture.get("constraints")
    if architecture.get("constraints") is not None:
        warnings.warn(
            f"{where} has no effect beside a subtree: Timeloop does not look there; write architecture_constraints",
            stacklevel=3,
        )
    return "architecture.subtree[0].constraints", subtrees[0].get("constraints")


def _directive_list(key: str, node: Any) -> list[Any]:
    if node is None:
        return []
    if isinstance(node, list):
        return node
    if not isinstance(node, Mapping):
        raise SpecError(f"{key} is {node!r}: write a list of directives, or targets: with that list")
    for name in ("constraints", "targets"):
        found = node.get(name)
        if name == "constraints" and isinstance(found, str):  # the name of a list beside it
            found = node.get(f"constraints_{found}")
            if found is None:
                raise SpecError(f"{key}.constraints is {node[name]!r}, but there is no list constraints_{node[name]}")
        if isinstance(found, list):
            return found
        if found is not None:
            raise UnsupportedError(f"{key}.{name} is {found!r}: only a list of directives is read")
    if unknown := sorted(map(str, set(node) - {"template", "version", "constraints", "targets"})):
        raise UnsupportedError(f"{key}.{unknown[0]} is not a list of directives: put them under targets:")
    return []


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


def _loop_directive(loop: LoopConstraint) -> dict[str, Any]:
    directive: dict[str, Any] = {"target": loop.target, "type": "spatial" if loop.spatial else "temporal"}
    factors = [f"{d}={n}" for d, n in loop.factors.items()]
    factors += [f"{d}>={n}" for d, n in loop.min_factors.items()]
    factors += [f"{d}<={n}" for d, n in loop.max_factors.items()]
    if factors:
        directive["factors"] = " ".join(factors)
    if loop.permutation or loop.suffix:
        names = (*loop.permutation, *(("_", *loop.suffix) if loop.suffix else ()))
        directive["permutation"] = order.text_of(names)
    for name, value in (("split", loop.split), ("remainders", loop.remainders)):
        if value is not None:
            directive[name] = value
    return directive
