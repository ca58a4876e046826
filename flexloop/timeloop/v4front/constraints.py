"""Constraints of v4 files: at a component, or in a list with targets; and how two on one subject are joined."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Self

from flexloop.errors import SpecError
from flexloop.timeloop.v4front.document_version import VERSION
from flexloop.timeloop.v4front.section import Field, Items, Section, combined, items, section

_OPERATORS = ("<=", ">=", "=")


class Factor(str):
    """A factor such as ``C=4``, ``C<=4`` or ``C>=4``; 0 is the whole bound."""

    __slots__ = ()

    @property
    def parts(self) -> tuple[str, str, int]:
        """Dimension, operator and number (ValueError if the text is no factor)."""
        for operator in _OPERATORS:
            if operator in self:
                name, number = self.split(operator)
                return name, operator, int(number)
        raise ValueError(self)


class Factors(Items):
    """Factors of loops. ``factors: C=4,M=2`` and ``factors: C=4 M=2`` are lists too."""

    joins = True
    accepts: ClassVar[tuple[type | str, ...]] = (Factor,)

    def __init__(self, content: Any = (), where: str = "") -> None:
        if isinstance(content, str):
            content = content.split("," if "," in content else None)
        super().__init__([each for each in content if each] if isinstance(content, list) else content, where)
        self._settle()

    def item(self, value: Any, where: str) -> Any:
        """A factor; a text that is none is an expression for one."""
        if isinstance(value, list):
            value = "".join(map(str, value))
        if not isinstance(value, str):
            return value
        try:
            return Factor(Factor(value).parts and value)
        except ValueError:
            return value

    def split(self) -> list[tuple[str, str, int]]:
        """Dimension, operator and number of each (SpecError if one is no factor)."""
        return [self._parts(factor) for factor in self]

    def names(self) -> list[str]:
        """The dimensions that have factors."""
        return [name for name, _, _ in self.split()]

    def set_equal(self, name: str, value: int) -> None:
        """Give a dimension a factor (SpecError if it has another)."""
        self.append(Factor(f"{name}={value}"))
        self._settle()

    def combine(self, other: Self) -> Self:
        """Append factors (SpecError if they contradict those that are there)."""
        self.extend(other)
        self._settle()
        return self

    def _parts(self, factor: Any) -> tuple[str, str, int]:
        try:
            return Factor(factor).parts
        except ValueError:
            raise SpecError(
                f"{self.where}: {str(factor)[:60]!r} is no factor; write C=4, C<=4 or C>=4 with a whole number"
            ) from None

    def _settle(self) -> None:
        """Keep the last of equal factors, and refuse two that contradict each other."""
        self[:] = [factor for index, factor in enumerate(self) if factor not in self[index + 1 :]]
        first: dict[str, tuple[str, int]] = {}
        for name, operator, value in (Factor(f).parts for f in self if isinstance(f, Factor)):
            known_operator, known = first.setdefault(name, (operator, value))
            if value != known and {operator, known_operator} != {"<=", ">="}:
                raise SpecError(f"{self.where} has two factors of {name}, {known} and {value}; keep one")


class Permutation(Items):
    """Dimensions in their order, innermost first. ``permutation: CMR`` and ``C,M,R`` are lists too."""

    def __init__(self, content: Any = (), where: str = "") -> None:
        if isinstance(content, str):
            content = [each.strip() for each in (content.split(",") if "," in content else content) if each.strip()]
        super().__init__(content, where)


class DataspaceNames(Items):
    """Names of data spaces; ``*`` is all of them."""

    accepts: ClassVar[tuple[type | str, ...]] = (str,)


_MACRO = Field((DataspaceNames,), None, DataspaceNames)


class Constraint(Section):
    """A constraint of some type on a target."""

    type_name: ClassVar[str] = ""
    fields = {"type": Field((str,), ""), "target": Field((str,), "")}
    disjoint: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """Lists of names that are joined name by name; within one tuple a name can stand in one list only."""

    def __init__(self, content: Any = None, where: str = "") -> None:
        super().__init__(content, where)
        self["type"] = self.type_name

    def is_empty(self) -> bool:
        """Whether it constrains nothing."""
        return all(_is_empty(value) for key, value in self.items() if key not in ("type", "target"))

    def combine(self, other: Self) -> Self:
        """Take in another constraint on the same subject (SpecError if they contradict each other)."""
        for names in self.disjoint:
            self._join(other, names)
        for key, value in other.items():
            if not any(key in names for names in self.disjoint):
                self[key] = combined(self[key], value, self._at(key)) if key in self else value
        return self

    def _join(self, other: Self, names: tuple[str, ...]) -> None:
        found: dict[Any, str] = {}
        for each in (self, other):
            for name, member in each._members(names):
                if found.setdefault(member, name) != name:
                    raise SpecError(f"{self.where}: {member} stands both in {found[member]} and in {name}")
        for name in names:
            self[name] = DataspaceNames([m for m, owner in found.items() if owner == name], self._at(name))

    def _members(self, names: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
        for name in names:
            yield from ((name, member) for member in self.get(name) or ())


class Iteration(Constraint):
    """A constraint on loops."""

    fields = {
        "factors": items(Factors),
        "permutation": items(Permutation),
        "default_max_factor": Field((int,), None),
        "default_min_factor": Field((int,), None),
        "remainders": Field((int,), None),
        "factors_only": Field((), None, Factors),
        "no_iteration_over_dataspaces": _MACRO,
        "must_iterate_over_dataspaces": _MACRO,
        "maximize_dims": Field((list,), None),
        "maximize_dims_capacity": Field((int,), None),
    }


class Spatial(Iteration):
    """A constraint on spatial loops."""

    type_name = "spatial"
    fields = {
        "no_reuse": items(DataspaceNames),
        "no_link_transfer": items(DataspaceNames),
        "split": Field((int,), None),
    }
    disjoint = (("no_reuse",), ("no_link_transfer",))


class Temporal(Iteration):
    """A constraint on temporal loops."""

    type_name = "temporal"
    fields = {"no_reuse": items(DataspaceNames), "rmw_first_update": items(DataspaceNames)}
    disjoint = (("no_reuse",),)


class Dataspace(Constraint):
    """A constraint on what is kept."""

    type_name = "dataspace"
    fields = {
        "bypass": items(DataspaceNames),
        "keep": items(DataspaceNames),
        "no_coalesce": items(DataspaceNames),
        "keep_only": _MACRO,
        "bypass_only": _MACRO,
    }
    disjoint = (("bypass", "keep"),)


class MaxOverbookedProportion(Constraint):
    """How much a buffer may be overbooked."""

    type_name = "max_overbooked_proportion"
    fields = {"proportion": Field((float,), None)}


KINDS: dict[str, type[Constraint]] = {
    kind.type_name: kind for kind in (Spatial, Temporal, Dataspace, MaxOverbookedProportion)
}
"""Constraints by the name of their type."""


class ConstraintGroup(Section):
    """The constraints at one component."""

    fields = {name: section(kind) for name, kind in KINDS.items()}


class ConstraintList(Items):
    """Constraints with types and targets."""

    joins = True

    def item(self, value: Any, where: str) -> Any:
        """The constraint of the type that is named (SpecError if none is)."""
        kind = value.get("type") if isinstance(value, dict) else None
        if not isinstance(kind, str) or kind not in KINDS:
            raise SpecError(f"{where}: type is {str(kind)[:60]!r}; a constraint of v4 has one of: {', '.join(KINDS)}")
        return KINDS[kind](value, where)


class Constraints(Section):
    """Constraints that stand beside the architecture."""

    fields = {"version": VERSION, "targets": items(ConstraintList)}


def _is_empty(value: Any) -> bool:
    if isinstance(value, Section):
        return value.is_empty()
    return value is None or (isinstance(value, (str, list, dict)) and not value)
