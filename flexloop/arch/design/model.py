"""A Timeloop design as an arch: hardware in Timeloop's own terms, and constraints labelled by the axis that frees them.

`flexloop arch import` writes such a file from any of Timeloop's, and ``--arch`` reads it; so it does Timeloop's files
themselves. Every field is described here.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from flexloop.arch.base import Arch, Arithmetic, Memory
from flexloop.arch.design import directives, words
from flexloop.arch.design.hardware import Hardware, assignments
from flexloop.arch.design.labelled import Alternatives, AxisLetter, Directives, Labelled, check_kind
from flexloop.arch.design.memories import memories, node
from flexloop.arch.design.scale import design_knobs, scaled_design
from flexloop.arch.design.text import design_text
from flexloop.arch.design.variants import DesignOnLayer
from flexloop.arch.extents import Extents
from flexloop.arch.fields import DepthwiseRule
from flexloop.classes import Axis, Degree, FlexClass
from flexloop.errors import FlexloopError
from flexloop.timeloop.constraints import Constraints, LoopConstraint
from flexloop.workloads.layers import Layer


class Design(Arch):
    """A Timeloop design.

    Attributes:
        name: how tables call it.
        description: one line for tables.
        sources: where it comes from.
        edge: ``clip``: a pinned factor shrinks to what a layer leaves of its dimension, and the layer is padded to a
            multiple of what is pinned (see `design.clip`); ``remainder``: or the last pass of a loop is a shorter one.
        depthwise: ``as_output_channels`` gives M's constraints to G where C = M = 1 and G > 1; ``off`` does not.
        architecture: what stands under Timeloop's native key of that name.
        components: what stands under ``compound_components``; or None.
        ERT, ART: energy and area reference tables that the design brings; or None.
        constraints: degree 0 of the axes, in the canonical layer's names.
        partial: what degree p adds to it.
        flexible: levels whose fanouts the shape axis is about; absent, all but vector lanes directly above the MAC.
        free: for an axis, the levels at which it may be freed; at all others its constraints hold in every class.
        where: the file and line of each constraint.
    """

    edge: Literal["clip", "remainder"] = "clip"
    depthwise: DepthwiseRule = "as_output_channels"
    architecture: dict[str, Any]
    components: Any = None
    ERT: dict[str, Any] | None = None
    ART: dict[str, Any] | None = None
    constraints: Labelled = Labelled()
    partial: Alternatives = Alternatives()
    flexible: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    free: dict[AxisLetter, tuple[str, ...]] = {}
    where: dict[str, str] = {}

    @cached_property
    def hardware(self) -> Hardware:
        """The chain of levels."""
        return Hardware.read(self.architecture)

    @cached_property
    def level_names(self) -> tuple[str, ...]:
        """Names of the storage levels, innermost first."""
        return self.hardware.names

    @cached_property
    def memories(self) -> tuple[Memory, ...]:
        """The storage levels, outermost first; the outermost keeps what no directive says that it bypasses."""
        return memories(self.hardware, self.always)

    @property
    def arithmetic(self) -> Arithmetic:
        """The arithmetic units."""
        mac = self.hardware.mac
        return Arithmetic(mac.name, mac.instances, mac.word_bits)

    @property
    def units(self) -> dict[str, int]:
        """The storage levels, and what stands below each fanout."""
        levels = {level.name: level.instances for level in self.hardware.levels}
        fanouts = zip(self.hardware.levels, self.hardware.fanouts, strict=True)
        return levels | {self.below(level.name): level.instances * x * y for level, (x, y) in fanouts}

    @staticmethod
    def below(level: str) -> str:
        """What `units` calls that which stands below a level's fanout."""
        return f"below {level}"

    @property
    def shared_buffers(self) -> int:
        """On-chip levels above the innermost flexible fanout."""
        first = min(self.flexible_levels, default=0)
        return sum(level.technology != "DRAM" for level in self.hardware.levels[first:])

    @property
    def node(self) -> str:
        """The node that attributes of components, or of what they stand in, name; 45nm where none does."""
        return node(self.hardware, self.architecture)

    @property
    def component_paths(self) -> dict[str, str]:
        """Paths in the one list that the architecture is rendered as; components are found by their names."""
        return {part.name: f"system.{part.name}" for part in reversed(self.hardware.parts)}

    @property
    def without_energy(self) -> frozenset[str]:
        """Levels that keep nothing, and networks."""
        return frozenset(directives.keeping_nothing(self.always)) | self.networks

    @property
    def networks(self) -> frozenset[str]:
        """Components between levels whose energies Timeloop infers."""
        return frozenset(part.name for part in self.hardware.parts if part.is_network)

    def chain(self, *, partitioned: bool) -> tuple[str, ...]:
        """Names of the storage levels, innermost first; a design has no levels that limit shares."""
        return self.level_names

    def template(self, extents: Extents, *, partitioned: bool) -> tuple[str, dict[str, Any]]:
        """One list of components, each with the instances that it has in all."""
        return "design.yaml.j2", {"architecture": self.hardware.tree(extents)}

    @property
    def knobs(self) -> list[str]:
        """The names of what can be scaled."""
        return design_knobs(self)

    def scaled(self, factors: Mapping[str, float]) -> Design:
        """The design at other sizes, its constraints as they stand."""
        return scaled_design(self, factors)

    def on(self, layer: Layer) -> DesignOnLayer:
        """The design's constraints on a layer."""
        return DesignOnLayer(self, layer)

    def array_in_words(self) -> str:
        """Arithmetic units and extents."""
        return f"Timeloop design of {self.pes} arithmetic units, {self.own_extents}"

    def axes_in_words(self) -> list[tuple[str, str, str, str]]:
        """For each axis: its letter, and what it may do at degrees 0, p and 1."""
        return words.described(self)

    def causes(self, axis: Axis) -> list[tuple[str, str]]:
        """The constraints that an axis's degree 0 rests on, in words, each with its file and line."""
        return words.causes(self, axis)

    def text(self) -> str:
        """The commented file, constraints by axis."""
        return design_text(self)

    def as_design(self, who: str) -> Design:
        """The design itself."""
        return self

    def freed(self) -> Design:
        """The design without what its axes pin; what holds in every class stays."""
        document = self.model_dump()
        document["constraints"] |= {"T": (), "O": (), "P": ()}
        return Design.model_validate(document | {"partial": {"S": document["partial"]["S"]}, "where": {}})

    @property
    def pes(self) -> int:
        """Arithmetic units; a design does not say which of them make up a PE."""
        return self.hardware.mac.instances

    @property
    def lanes(self) -> int:
        """Arithmetic units of one PE (see `pes`)."""
        return 1

    @cached_property
    def flexible_levels(self) -> tuple[int, ...]:
        """Indices of the levels whose fanouts the shape axis is about."""
        fanouts = self.hardware.fanout_levels()
        if self.flexible is not None:
            return tuple(i for i in fanouts if self.level_names[i] in self.flexible)
        return tuple(i for i in fanouts if i > 0) or fanouts

    @property
    def lane_levels(self) -> frozenset[str]:
        """Levels with a fanout that is not flexible."""
        return frozenset(self.level_names[i] for i in self.hardware.fanout_levels() if i not in self.flexible_levels)

    @property
    def own_extents(self) -> Extents:
        """The extents as they are."""
        return Extents(self.hardware.fanouts, self.flexible_levels)

    def extents(self, degree: Degree) -> list[Extents]:
        """The values of the shape axis at a degree, the design's own first."""
        own = self.own_extents
        if degree is Degree.FIXED:
            return [own]
        if degree is Degree.PART:
            found = [self._at(shape) for shape in self.partial.S]
        else:
            found = [Extents(f, own.flexible) for f in assignments(own.fanouts, own.flexible)]
            found = [self._at(shape) for shape in self.partial.S] + found
        return list(dict.fromkeys([own, *(e for e in found if self.hardware.is_possible(e))]))

    def _at(self, shape: dict[str, tuple[int, int]]) -> Extents:
        fanouts = tuple(shape.get(n, f) for n, f in zip(self.level_names, self.hardware.fanouts, strict=True))
        return Extents(fanouts, self.flexible_levels)

    @cached_property
    def always(self) -> Constraints:
        """What holds in every class: what the file says so of, and what ``free`` leaves out."""
        always = self._read(self.constraints.always)
        held = [loop for axis in (Axis.TILING, Axis.ORDERING, Axis.PARALLELIZATION) for loop in self._held(axis)]
        return Constraints(
            directives.merged([*always.loops, *held]), always.dataspaces, always.parallelism, always.limits
        )

    def pinned(self, axis: Axis) -> tuple[LoopConstraint, ...]:
        """Degree 0 of an axis, without what is held in every class."""
        return tuple(loop for loop in self._alternatives[axis][0] if self._is_free(axis, loop))

    def choices(self, axis: Axis, degree: Degree) -> list[tuple[LoopConstraint, ...]]:
        """What an axis may pin at a degree, degree 0's choice first; T, O and P alone."""
        if degree is Degree.FULL:
            return [()]
        given = self._alternatives[axis] if degree is Degree.PART else self._alternatives[axis][:1]
        found = [tuple(loop for loop in loops if self._is_free(axis, loop)) for loops in given]
        return list({repr(choice): choice for choice in found}.values())

    def least_equivalent(self, flexclass: FlexClass) -> FlexClass:
        """The least flexible class with the same mapspaces: p is 0 without alternatives, and so is 1 without pins."""
        for axis in Axis:
            part = len(self.extents(Degree.PART)) if axis is Axis.SHAPE else len(self.choices(axis, Degree.PART))
            is_open = len(self.extents(Degree.FULL)) == 1 if axis is Axis.SHAPE else not self.pinned(axis)
            if part == 1 and (is_open or flexclass.degree(axis) is Degree.PART):
                flexclass = flexclass.replace(axis, Degree.FIXED)
        return flexclass

    def _held(self, axis: Axis) -> tuple[LoopConstraint, ...]:
        return tuple(loop for loop in self._alternatives[axis][0] if not self._is_free(axis, loop))

    def _is_free(self, axis: Axis, loop: LoopConstraint) -> bool:
        return loop.target in self.free.get(axis.value, self.level_names)

    @cached_property
    def _alternatives(self) -> dict[Axis, list[tuple[LoopConstraint, ...]]]:
        """What each axis pins at degree 0, then what degree p adds; nothing for the shape."""
        found: dict[Axis, list[tuple[LoopConstraint, ...]]] = {Axis.SHAPE: [()]}
        for axis in (Axis.TILING, Axis.ORDERING, Axis.PARALLELIZATION):
            given = [getattr(self.constraints, axis.value), *getattr(self.partial, axis.value)]
            found[axis] = [self._read(each).loops for each in given]
        return found

    def _read(self, given: Directives) -> Constraints:
        names = self.level_names
        return directives.read(given, names, [names[i] for i in self.hardware.fanout_levels()])

    @model_validator(mode="after")
    def _check(self) -> Self:
        try:
            self._check_all()
        except FlexloopError as error:
            raise ValueError(str(error)) from error
        return self

    def _check_all(self) -> None:
        for axis in Axis:
            for loop in (loop for choice in self.choices(axis, Degree.PART) for loop in choice):
                check_kind(axis, loop)
        names = set(self.level_names)
        for what, given in [("flexible", self.flexible or ()), *((f"free.{a}", n) for a, n in self.free.items())]:
            if unknown := sorted(set(given) - names):
                raise ValueError(f"{what} names {unknown[0]!r}, which is no storage level ({', '.join(names)})")
        own = self.own_extents.pes
        for index, shape in enumerate(self.partial.S):
            if (found := self._at(shape)).pes != own or set(shape) - names or not self.hardware.is_possible(found):
                raise ValueError(f"partial.S[{index}]: {shape} does not make the {own} PEs of the design's own extents")
        _ = self.always
