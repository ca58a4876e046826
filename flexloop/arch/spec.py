"""Arch specs: the hardware, what of it is fixed, and what the partial degree of each axis offers.

An arch spec is one YAML file. It lists the storage levels from DRAM inwards, says where the flexible PE array stands
among them, and gives for each of the four axes the fixed value (degree 0) and the few values of the partial degree
(degree p); the full degree needs no values. Every field is described here, and a wrong file is answered by field name.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from math import floor, prod
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from flexloop.arch import consistency, tree, words
from flexloop.arch.base import Arch, Arithmetic, Memory
from flexloop.arch.compact import SpecOnLayer
from flexloop.arch.extents import Extents
from flexloop.arch.fields import (
    MAX_WORDS,
    Array,
    Axes,
    DepthwiseRule,
    Mac,
    Shape,
    StorageLevel,
)
from flexloop.arch.scale import scaled_spec, spec_knobs
from flexloop.classes import Degree
from flexloop.integers import divisors
from flexloop.timeloop import yamlio
from flexloop.workloads.layers import DIMENSIONS, Layer


class ArchSpec(Arch):
    """An accelerator: storage levels, array, MAC, and the values of the four axes.

    Attributes:
        name: how commands refer to it.
        description: one line for tables.
        sources: where the sizes come from.
        technology: node of the energy table.
        levels: storage levels from the outermost (DRAM) to the innermost (in the PE).
        mac: the arithmetic unit.
        array: where the flexible array stands.
        axes: the values of the four axes.
        pins: what a fixed tile is. ``unit``: what one PE and one pass over each buffer repeat, so that a buffer's tile
            grows with the array's spatial factors. ``buffer``: the buffer's whole tile, so that a spatial factor only
            divides it.
        edge: ``clip`` shrinks a fixed tile at a layer that it exceeds and pads the layer to whole tiles, ``pad`` never
            shrinks one, ``remainder`` shrinks it and pads nothing: the last tile along a dimension is a smaller one.
        depthwise: ``as_output_channels`` gives the fixed values of M to G where C = M = 1 and G > 1;
            ``on_both_axes`` besides lets G lie along both mesh axes, as if the array were one row; ``off`` does
            neither.
    """

    technology: str = "45nm"
    levels: Annotated[tuple[StorageLevel, ...], Field(min_length=3, max_length=16)]
    mac: Mac = Mac()
    array: Array
    axes: Axes
    pins: Literal["unit", "buffer"] = "unit"
    edge: Literal["clip", "pad", "remainder"] = "clip"
    depthwise: DepthwiseRule = "as_output_channels"

    @property
    def pes(self) -> int:
        """Processing elements of the array."""
        return self.axes.shape.fixed.pes

    @property
    def lanes(self) -> int:
        """MACs in one PE."""
        return self.array.inner.X * self.array.inner.Y if self.array.inner else 1

    @property
    def inner_factors(self) -> dict[str, int]:
        """The pinned spatial factors below the innermost level, for every dimension."""
        named = self.array.inner.factors if self.array.inner else {}
        return {d: named.get(d, 1) for d in DIMENSIONS}

    @cached_property
    def inner_to_outer(self) -> tuple[StorageLevel, ...]:
        """The storage levels, innermost first."""
        return tuple(reversed(self.levels))

    @cached_property
    def loop_levels(self) -> tuple[StorageLevel, ...]:
        """The levels that temporal loops stand at, innermost first."""
        return tuple(level for level in self.inner_to_outer if level.loops)

    @cached_property
    def buffer_groups(self) -> tuple[tuple[StorageLevel, ...], ...]:
        """The on-chip levels that share a tile, one group for each of ``loop_levels`` but the outermost."""
        groups: list[list[StorageLevel]] = []
        for level in self.inner_to_outer[:-1]:
            if level.loops:
                groups.append([])
            groups[-1].append(level)
        return tuple(tuple(group) for group in groups)

    @cached_property
    def array_index(self) -> int:
        """Index in ``loop_levels`` of the level directly above the array."""
        return [level.name for level in self.loop_levels].index(self.array.below)

    @cached_property
    def ordered_levels(self) -> tuple[StorageLevel, ...]:
        """The levels whose order the O axis is about: those with loops, except the innermost."""
        return self.loop_levels[1:]

    # -- what every arch is asked -------------------------------------------------------------------------------------

    @cached_property
    def memories(self) -> tuple[Memory, ...]:
        """The storage levels, outermost first."""
        return tree.memories(self)

    @property
    def arithmetic(self) -> Arithmetic:
        """The MACs."""
        return Arithmetic(self.mac.name, self.pes * self.lanes, self.mac.datawidth)

    @property
    def node(self) -> str:
        """Technology node of energies and areas."""
        return self.technology

    @property
    def units(self) -> dict[str, int]:
        """The PEs."""
        return {self.array.pe: self.pes}

    @property
    def shared_buffers(self) -> int:
        """On-chip levels above the array."""
        return len(tree.levels_above_array(self))

    @property
    def component_paths(self) -> dict[str, str]:
        """Paths of the storage levels, of those that limit a tensor's share of a buffer, and of the MACs."""
        return tree.paths(self)

    @property
    def without_energy(self) -> frozenset[str]:
        """The levels that only limit a tensor's share of a buffer."""
        return frozenset(tree.partition_levels(self).values())

    def chain(self, *, partitioned: bool) -> tuple[str, ...]:
        """Names of the storage levels, innermost first, those that limit shares among them if ``partitioned``."""
        return tree.chain(self, partitioned=partitioned)

    def template(self, extents: Extents, *, partitioned: bool) -> tuple[str, dict[str, Any]]:
        """The component tree of `flexloop.arch.tree`."""
        return "arch.yaml.j2", {
            **tree.template_names(self, extents, partitioned=partitioned),
            "pe_name": tree.pe_name(self),
            "mac_name": tree.mac_name(self),
            "mac_mesh_x": extents.X * (self.array.inner.X if self.array.inner else 1),
        }

    def at(self, shape: Shape) -> Extents:
        """The extents of all fanouts with the array in some shape."""
        inner = (self.array.inner.X, self.array.inner.Y) if self.array.inner else (1, 1)
        own = {self.array.below: (shape.X, shape.Y), self.levels[-1].name: inner}
        return Extents(tuple(own.get(n, (1, 1)) for n in self.level_names), (self.level_names.index(self.array.below),))

    def extents(self, degree: Degree) -> list[Extents]:
        """The array's shapes at a degree."""
        return [self.at(shape) for shape in self.shapes(degree)]

    def shapes(self, degree: Degree) -> list[Shape]:
        """The fixed shape, those that are made of the building block, or every X*Y = PEs."""
        axis = self.axes.shape
        if degree is Degree.FIXED:
            return [axis.fixed]
        block = axis.block if degree is Degree.PART else Shape(X=1, Y=1)
        extents = [(x, self.pes // x) for x in divisors(self.pes)]
        return [Shape(X=x, Y=y) for x, y in extents if x % block.X == 0 and y % block.Y == 0]

    @property
    def knobs(self) -> list[str]:
        """The names of what can be scaled."""
        return spec_knobs(self)

    def scaled(self, factors: Mapping[str, float]) -> ArchSpec:
        """The hardware at other sizes, with the smallest fixed tile there is."""
        return scaled_spec(self, factors)

    def on(self, layer: Layer) -> SpecOnLayer:
        """What the tiles, orders, pairs and shapes are on a layer."""
        return SpecOnLayer(self, layer)

    def array_in_words(self) -> str:
        """Extents, place and lanes of the array."""
        shape = self.axes.shape.fixed
        return f"array {shape.X}x{shape.Y} below {self.array.below}, {self.lanes} MAC(s) a PE"

    def axes_in_words(self) -> list[tuple[str, str, str, str]]:
        """For each axis: its letter, its fixed value, its partial values, and what full means."""
        return words.axes(self)

    def text(self) -> str:
        """The arch spec file."""
        text: str = yamlio.dump(self.document())
        return text

    def document(self) -> dict[str, Any]:
        """The arch spec as plain data, orders as strings."""
        document = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        ordering = document["axes"]["ordering"]
        for order in [ordering["fixed"], *ordering["partial"]]:
            order.update({level: "".join(permutation) for level, permutation in order.items()})
        return document

    def as_spec(self, who: str) -> ArchSpec:
        """The arch spec itself."""
        return self

    # -- the spec's own -----------------------------------------------------------------------------------------------

    def level(self, name: str) -> StorageLevel:
        """Return the storage level of that name (KeyError if there is none)."""
        return {level.name: level for level in self.levels}[name]

    def unrolled(self, dimension: str) -> int:
        """The spec's own extent of the array along a dimension: its X or Y where the fixed pair unrolls it, else 1."""
        pair, shape = self.axes.parallelization.fixed, self.axes.shape.fixed
        return {pair.X: shape.X, pair.Y: shape.Y}.get(dimension, 1)  # type: ignore[call-overload, no-any-return]

    def tile_sizes(self, dimension: str, bounds: Mapping[str, int] | None = None) -> list[int]:
        """What the spec says of each on-chip level's tile along a dimension, innermost first.

        Args:
            dimension: the dimension.
            bounds: those of a layer, which ``bound`` and names of dimensions refer to; without a layer they count as 1.
        """
        named = self.axes.tiling.fixed
        said = [named[level.name].get(dimension, 1) for level in self.loop_levels[:-1]]  # type: ignore[call-overload]
        bounds = bounds or dict.fromkeys(DIMENSIONS, 1)
        sizes: list[int] = []
        parent = bounds[dimension]
        for size in reversed(said):
            if size == "parent":
                if sizes:
                    sizes[-1] = 1
            elif isinstance(size, int):
                parent = size
            else:
                parent = bounds[dimension if size == "bound" else size]
            sizes.append(parent)
        return sizes[::-1]

    def fixed_tile(self, level: str) -> dict[str, int]:
        """The extents of the spec's tile at a level with loops, for every dimension, on the spec's own array.

        Sizes that refer to a layer count as 1.
        """
        index = [each.name for each in self.loop_levels].index(level)
        if self.pins == "buffer":
            return {d: self.tile_sizes(d)[index] for d in DIMENSIONS}
        return {
            d: self.inner_factors[d]
            * prod(self.tile_sizes(d)[: index + 1])
            * (self.unrolled(d) if index >= self.array_index else 1)
            for d in DIMENSIONS
        }

    def partition(self) -> dict[str, int]:
        """Capacity limit in words of each tensor in the partitioned buffer (the T axis at degree p)."""
        limits: dict[str, int] = {}
        for tensor, share in self.axes.tiling.partial.items():
            buffer = self.buffer_of(tensor)
            limits[tensor] = MAX_WORDS if buffer.capacity is None else floor(buffer.capacity * share)
        return limits

    def buffer_of(self, tensor: str) -> StorageLevel:
        """The on-chip level above the array, in the group that shares the array's parent tile, that keeps a tensor."""
        for level in self.buffer_groups[self.array_index]:
            if tensor in level.keep:
                return level
        raise ValueError(f"axes.tiling.partial names {tensor}, which no buffer at {self.array.below} keeps")

    def __repr__(self) -> str:
        shape = self.axes.shape.fixed
        return f"ArchSpec {self.name}: {shape.X}x{shape.Y} PEs below {', '.join(level.name for level in self.levels)}"

    def _repr_html_(self) -> str:
        return words.html(self)

    @model_validator(mode="after")
    def _check(self) -> Self:
        consistency.check(self)
        return self
