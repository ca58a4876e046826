"""Constraints of v4 files: at a component, or in a list with targets; and how two on one subject are joined."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Self

from flexloop.errors import SpecError
from flexloop.timeloop.v4front.document_version import VERSION
from flexloop.timeloop.v4front.factors import Factor, Factors
from flexloop.timeloop.v4front.section import Field, Items, Section, combined, items, says_nothing, section


class Permutation(Items):
    """Dimensions in their order, innermost first. ``permutation: CMR`` and ``C,M,R`` are lists too."""

    accepts: ClassVar[tuple[type | str, ...]] = (str,)

    def __init__(self, content: Any = (), where: str = "") -> None:
        if isinstance(content, str):
            content = [each.strip() for each in (content.split(",") if "," in content else content) if each.strip()]
        super().__init__(content, where)

    @classmethod
    def factory(cls, content: Any) -> Self:
        """An order from a text or a list."""
        return cls(content)


class DataspaceNames(Items):
    """Names of data spaces; ``*`` is all of them."""

    accepts: ClassVar[tuple[type | str, ...]] = (str,)

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or super().__contains__("*")


_MACRO = Field((DataspaceNames,), None, DataspaceNames)


class Constraint(Section):
    """A constraint of some type on a target."""

    type_name: ClassVar[str] = ""
    fields = {"type": Field((str,), ""), "target": Field((str,), "")}
    disjoint: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """Lists of names that are joined name by name; within one tuple a name can stand in one list only."""

    def __init__(self, content: Any = None, where: str = "", **more: Any) -> None:
        super().__init__(content, where, **more)
        self["type"] = self.type_name

    def is_empty(self) -> bool:
        """Whether it constrains nothing."""
        return all(says_nothing(value) for key, value in self.items() if key not in ("type", "target"))

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


__all__ = [
    "ConstraintGroup", "ConstraintList", "Constraints", "Dataspace", "DataspaceNames", "Factor", "Factors", "Iteration",
    "MaxOverbookedProportion", "Permutation", "Spatial", "Temporal",
]  # fmt: skip
