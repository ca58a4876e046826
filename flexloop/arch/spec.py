"""Arch specs: the hardware, what of it is fixed, and what the partial degree of each axis offers.

An arch spec is one YAML file. It lists the storage levels from DRAM inwards, says where the flexible PE array stands
among them, and gives for each of the four axes the fixed value (degree 0) and the few values of the partial degree
(degree p); the full degree needs no values. Every field is described here, and a wrong file is answered by field name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from functools import cached_property
from math import floor, inf, isfinite, prod
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from flexloop.htmltable import html_table
from flexloop.validation import FileModel, no_boolean, plain_number
from flexloop.workloads.layers import DIMENSIONS, TENSORS, tile_size

Name = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[A-Za-z][A-Za-z0-9_\-]*$")]
LevelName = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
Tensor = Literal["Weights", "Inputs", "Outputs"]
Dimension = Literal["N", "G", "C", "M", "R", "S", "P", "Q"]
Size = Annotated[int, Field(ge=1, le=2**40), BeforeValidator(no_boolean)]
UNLIMITED = "unlimited"
"""What a depth or a bandwidth is called that limits nothing."""


def _bandwidth(value: Any) -> Any:
    if isinstance(value, float) and not isfinite(value):
        raise ValueError(f"{value} is no finite number; write `{UNLIMITED}` where nothing limits it")
    return inf if value == UNLIMITED else no_boolean(value)


def _depth(value: Any) -> Any:
    return None if value == UNLIMITED else no_boolean(value)


def _bandwidth_text(value: float) -> float | str:
    return UNLIMITED if value == inf else value


Bandwidth = Annotated[float, Field(gt=0), BeforeValidator(_bandwidth), PlainSerializer(_bandwidth_text)]
"""Words a cycle, or ``unlimited``."""

TileSize = Annotated[int, Field(ge=1, le=2**40), BeforeValidator(no_boolean)] | Literal["bound", "parent"] | Dimension
"""How many of the tiles inside it a level's tile holds along a dimension: a number; ``bound``: as many as the layer
has; ``parent``: as many as the next level out says, which then holds one; or the bound of a dimension, such as
``R``."""


def _permutation(value: Any) -> Any:
    return tuple(value) if isinstance(value, str) else value


Permutation = Annotated[tuple[Dimension, ...], BeforeValidator(_permutation)]
"""An order of all eight dimensions, leftmost innermost, as Timeloop reads it; in YAML a string such as ``PQNRSCMG``."""


def _share(value: Any) -> Any:
    if isinstance(value, Fraction):
        return value
    if isinstance(value, str) and _FRACTION.fullmatch(value):
        return Fraction(value)
    try:
        return Fraction(plain_number(value))
    except ValueError as error:
        raise ValueError(f"{error} and no fraction such as 1/3") from None


_FRACTION = re.compile(r"[0-9]{1,15}(/[1-9][0-9]{0,14}|\.[0-9]{1,15})?", re.ASCII)

MOST_WORDS = 2**60
"""Words that a buffer without a limit holds."""

Share = Annotated[Fraction, BeforeValidator(_share), Field(gt=0, le=1)]


def _switch(value: Any) -> Any:
    return "off" if value is False else value  # an unquoted ``off`` is a boolean in YAML


DepthwiseRule = Annotated[Literal["as_output_channels", "on_both_axes", "off"], BeforeValidator(_switch)]


class StorageLevel(FileModel):
    """One storage level of the chain.

    Attributes:
        name: the component's name in Timeloop's YAML.
        component: what it is made of, which picks its energy: ``DRAM``, ``SRAM`` or ``regfile``.
        datawidth: bits of one word.
        width: bits of one row; ``width / datawidth`` words are read or written by one access.
        depth: rows; absent or ``unlimited`` means unbounded (DRAM).
        energy_depth: rows that energies and areas are estimated for where the depth is unlimited on chip.
        read_bandwidth, write_bandwidth: words a cycle of one instance, or ``unlimited``.
        multiple_buffering: the capacity is divided by it (2 for double buffering).
        keep: data spaces stored here; the others bypass this level, in every class.
        loops: whether temporal loops may stand at this level. Buffers side by side, each for a tensor of its own, are
            written one below the other with loops at the innermost alone; they then share one tile.
    """

    name: LevelName
    component: Literal["DRAM", "SRAM", "regfile"] = Field(alias="class")
    datawidth: Annotated[int, Field(ge=1, le=1024), BeforeValidator(no_boolean)]
    width: Annotated[int, Field(ge=1, le=2**20), BeforeValidator(no_boolean)]
    depth: Annotated[Size | None, BeforeValidator(_depth)] = None
    energy_depth: Size | None = None
    read_bandwidth: Bandwidth
    write_bandwidth: Bandwidth
    multiple_buffering: Annotated[float, Field(ge=1, le=64), BeforeValidator(no_boolean)] = 1.0
    keep: tuple[Tensor, ...] = TENSORS  # type: ignore[assignment]
    loops: bool = True

    @property
    def block_size(self) -> int:
        """Words of one row."""
        return self.width // self.datawidth

    @property
    def capacity(self) -> int | None:
        """Words that a tile may occupy, or None where unbounded (Timeloop: floor(depth * block / buffering))."""
        return None if self.depth is None else floor(self.depth * self.block_size / self.multiple_buffering)

    @property
    def room(self) -> int:
        """Words that a tile may occupy; where unbounded, more than any tile has."""
        return MOST_WORDS if self.capacity is None else self.capacity

    @property
    def priced_depth(self) -> int | None:
        """Rows that energies and areas are estimated for."""
        return self.depth or self.energy_depth

    @property
    def bypass(self) -> tuple[str, ...]:
        """The data spaces not stored here."""
        return tuple(t for t in TENSORS if t not in self.keep)

    @model_validator(mode="after")
    def _rows_hold_whole_words(self) -> Self:
        if self.width % self.datawidth:
            raise ValueError(f"width {self.width} is not a multiple of datawidth {self.datawidth}")
        if not self.keep:
            raise ValueError("keep is empty: a level that stores nothing should be left out")
        return self


class Mac(FileModel):
    """The arithmetic unit of a PE.

    Attributes:
        name: its name in Timeloop's YAML and in results.
        datawidth: bits of an operand.
    """

    name: LevelName = "MAC"
    datawidth: Annotated[int, Field(ge=1, le=128), BeforeValidator(no_boolean)] = 8


class Shape(FileModel):
    """Extents of an array along its two mesh axes.

    Attributes:
        X: PEs along the X axis of the mesh.
        Y: PEs along the Y axis of the mesh.
    """

    X: Size
    Y: Size

    @property
    def pes(self) -> int:
        """Number of processing elements."""
        return self.X * self.Y


class Pair(FileModel):
    """The dimension unrolled along X and the one along Y.

    Attributes:
        X: the dimension along the X axis of the mesh.
        Y: the dimension along the Y axis of the mesh.
    """

    X: Dimension
    Y: Dimension

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if self.X == self.Y:
            raise ValueError(f"X and Y both unroll {self.X}: a dimension lies on one mesh axis only")
        return self


class InnerFanout(FileModel):
    """A further fanout below the innermost storage level (vector lanes), pinned in every class.

    Attributes:
        X, Y: number of MACs along each axis.
        x_factors, y_factors: the spatial factor of each dimension on that axis; the rest is 1.
    """

    X: Size
    Y: Size = 1
    x_factors: dict[Dimension, Size]
    y_factors: dict[Dimension, Size] = {}

    @property
    def factors(self) -> dict[str, int]:
        """Spatial factor of each dimension named."""
        return {str(d): n for d, n in [*self.x_factors.items(), *self.y_factors.items()]}

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if both := sorted(set(self.x_factors) & set(self.y_factors)):
            raise ValueError(f"{both[0]} stands in x_factors and in y_factors: a dimension lies on one mesh axis only")
        for axis, factors, size in (("X", self.x_factors, self.X), ("Y", self.y_factors, self.Y)):
            if prod(factors.values()) > size:
                raise ValueError(f"{axis.lower()}_factors multiply to {prod(factors.values())}, above {axis} = {size}")
        return self


class Array(FileModel):
    """The flexible PE array.

    Attributes:
        below: the storage level with loops directly above it; the levels after that one stand in each PE.
        pe: the name of a PE in Timeloop's YAML.
        inner: a further fanout in each PE, between the innermost level and the MACs, such as vector lanes.
    """

    below: LevelName
    pe: LevelName = "PE"
    inner: InnerFanout | None = None


class Tiling(FileModel):
    """The T axis: tile size per level and dimension (dimensions not named: 1), and the shares of the partition.

    Attributes:
        fixed: for each level with loops but the outermost, the factor of its temporal loops along each dimension: how
            many tiles of the next level in, on all PEs that are used, its tile holds. With ``pins: buffer`` the extent
            of its tile.
        partial: for the level above the array, the share of its capacity that each tensor it keeps may use.
    """

    fixed: dict[LevelName, dict[Dimension, TileSize]]
    partial: dict[Tensor, Share]


class Ordering(FileModel):
    """The O axis: an order is a permutation at each level with loops except the innermost.

    Attributes:
        fixed: for each such level a permutation of all eight dimensions, leftmost innermost, such as ``PQNRSCMG``.
        partial: a few such orders, the fixed one among them.
    """

    fixed: dict[LevelName, Permutation]
    partial: Annotated[tuple[dict[LevelName, Permutation], ...], Field(min_length=1)]


class Parallelization(FileModel):
    """The P axis: which dimension lies on X and which on Y.

    Attributes:
        fixed: the dimension unrolled along X and the one along Y.
        partial: a few such pairs, the fixed one among them.
    """

    fixed: Pair
    partial: Annotated[tuple[Pair, ...], Field(min_length=1)]


class ArrayShape(FileModel):
    """The S axis: the array's extents, and the building block that partial shapes are multiples of.

    Attributes:
        fixed: the array's extents; their product is the number of PEs in every class.
        block: the building block that partial shapes are made of, and the fixed shape is.
    """

    fixed: Shape
    block: Shape


class Axes(FileModel):
    """The fixed and partial values of the four axes.

    Attributes:
        tiling: T, the tile sizes.
        ordering: O, the orders of loops.
        parallelization: P, the dimensions that are unrolled.
        shape: S, the extents of the array.
    """

    tiling: Tiling
    ordering: Ordering
    parallelization: Parallelization
    shape: ArrayShape


class ArchSpec(FileModel):
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
            grows with what is spread over the array. ``buffer``: the buffer's whole tile, so that what is spread only
            divides it.
        edge: ``clip`` shrinks a fixed tile at a layer that it exceeds, ``pad`` never does.
        depthwise: ``as_output_channels`` gives the fixed values of M to G where C = M = 1 and G > 1;
            ``on_both_axes`` besides lets G lie along both mesh axes, as if the array were one row; ``off`` does
            neither.
    """

    name: Name
    description: str = ""
    sources: tuple[str, ...] = ()
    technology: str = "45nm"
    levels: Annotated[tuple[StorageLevel, ...], Field(min_length=3, max_length=16)]
    mac: Mac = Mac()
    array: Array
    axes: Axes
    pins: Literal["unit", "buffer"] = "unit"
    edge: Literal["clip", "pad"] = "clip"
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
            buffer = self._buffer_of(tensor)
            limits[tensor] = MOST_WORDS if buffer.capacity is None else floor(buffer.capacity * share)
        return limits

    def _buffer_of(self, tensor: str) -> StorageLevel:
        """The on-chip level above the array, in the group that shares the array's parent tile, that keeps a tensor."""
        for level in self.buffer_groups[self.array_index]:
            if tensor in level.keep:
                return level
        raise ValueError(f"axes.tiling.partial names {tensor}, which no buffer at {self.array.below} keeps")

    def _repr_html_(self) -> str:
        heads = ["level", "class", "words", "bits of a word", "read and write, words a cycle", "keeps"]
        rows = [
            [
                level.name,
                level.component,
                level.capacity or "unbounded",
                level.datawidth,
                f"{level.read_bandwidth:g}, {level.write_bandwidth:g}",
                ", ".join(level.keep),
            ]
            for level in self.levels
        ]
        shape = self.axes.shape.fixed
        return html_table(f"{self.name} ({shape.X}x{shape.Y} PEs): {self.description}", heads, rows)

    # -- what a spec must satisfy ------------------------------------------------------------------------------------

    @model_validator(mode="after")
    def _check(self) -> Self:
        self._check_levels()
        self._check_tiles()
        self._check_orders()
        self._check_pairs_and_shapes()
        return self

    def _check_levels(self) -> None:
        names = [level.name for level in self.levels] + [self.mac.name]
        if repeated := sorted({n for n in names if names.count(n) > 1}):
            raise ValueError(f"levels: the name {repeated[0]!r} stands twice")
        top = self.levels[0]
        if top.keep != TENSORS or top.depth is not None or not top.loops:
            raise ValueError(f"levels: the outermost, {top.name}, must keep all tensors, have loops and no depth")
        for level in self.levels[1:]:
            if level.component == "DRAM":
                raise ValueError(
                    f"levels: {level.name} is DRAM below the outermost level; on-chip levels are SRAM or regfile"
                )
            if level.depth is None and level.energy_depth is None:
                raise ValueError(
                    f"levels: {level.name} has no depth; give one, or `depth: unlimited` with an `energy_depth`, the "
                    "rows that its energy is estimated for"
                )
        if not self.levels[-1].loops:
            raise ValueError(f"levels: the innermost, {self.levels[-1].name}, must have loops")
        if self.array.below not in [level.name for level in self.loop_levels]:
            raise ValueError(f"array.below: {self.array.below!r} is no storage level with loops")
        if not 0 < self.array_index < len(self.loop_levels) - 1:
            raise ValueError(
                f"array.below: {self.array.below!r} must stand between the outermost and the innermost level with loops"
            )
        for tensor in self.axes.tiling.partial:
            self._buffer_of(tensor)
        kept = [tensor for level in self.buffer_groups[self.array_index] for tensor in level.keep]
        if missing := [tensor for tensor in kept if tensor not in self.axes.tiling.partial]:
            raise ValueError(
                f"axes.tiling.partial: {missing[0]}, which a buffer at {self.array.below} keeps, has no share"
            )

    def _check_tiles(self) -> None:
        expected = {level.name for level in self.loop_levels[:-1]}
        if set(self.axes.tiling.fixed) != expected:
            raise ValueError(f"axes.tiling.fixed: give a tile for each of {sorted(expected)} and no other level")
        if self.pins == "buffer":
            self._check_whole_tiles()
        self._check_capacities()
        self._check_partition()

    def _check_whole_tiles(self) -> None:
        for name, sizes in self.axes.tiling.fixed.items():
            for along, size in sizes.items():
                if not isinstance(size, int):
                    raise ValueError(
                        f"axes.tiling.fixed.{name}.{along}: {size!r} needs `pins: unit`; write a number here"
                    )
        for d in DIMENSIONS:
            below, where = self.inner_factors[d], "the inner fanout"
            for index, level in enumerate(self.loop_levels[:-1]):
                if index == self.array_index:
                    below *= self.unrolled(d)
                    where += " times the array's extent"
                tile = self.fixed_tile(level.name)[d]
                if tile % below:
                    raise ValueError(
                        f"axes.tiling.fixed.{level.name}.{d}: {tile} is not a multiple of {below}, {where} along {d}"
                    )
                below, where = tile, f"the tile of {level.name}"

    def _check_capacities(self) -> None:
        for group, level in zip(self.buffer_groups, self.loop_levels, strict=False):
            words = self._fixed_words(level.name)
            for buffer in group:
                needed = {t: words[t] for t in TENSORS if t in buffer.keep}
                if sum(needed.values()) > buffer.room:
                    parts = " + ".join(f"{tensor} {n:,}" for tensor, n in needed.items())
                    raise ValueError(
                        f"axes.tiling.fixed.{level.name}: the tile needs {parts} = {sum(needed.values()):,} words, but "
                        f"{buffer.name} holds {buffer.room:,}; shrink the tile or enlarge the buffer"
                    )

    def _check_partition(self) -> None:
        buffers: dict[str, Fraction] = {}
        words, limits = self._fixed_words(self.array.below), self.partition()
        for tensor, share in self.axes.tiling.partial.items():
            name = self._buffer_of(tensor).name
            buffers[name] = buffers.get(name, Fraction(0)) + share
            if words[tensor] > limits[tensor]:
                raise ValueError(
                    f"axes.tiling.partial.{tensor}: {self.array.below}'s fixed tile needs {words[tensor]:,} words, "
                    f"above the share {share} of {name}, {limits[tensor]:,} words; shrink the tile or enlarge the share"
                )
        for name, total in buffers.items():
            if total > 1:
                raise ValueError(f"axes.tiling.partial: the shares of {name} add up to {total}, above 1")

    def _fixed_words(self, level: str) -> dict[str, int]:
        """Words of the fixed tile for each tensor, at stride 1 and dilation 1: other layers need more for Inputs."""
        steps = {"Wstride": 1, "Hstride": 1, "Wdilation": 1, "Hdilation": 1}
        return {tensor: tile_size(tensor, self.fixed_tile(level), steps) for tensor in TENSORS}

    def _check_orders(self) -> None:
        ordering = self.axes.ordering
        names = {level.name for level in self.ordered_levels}
        for where, order in [
            ("fixed", ordering.fixed),
            *((f"partial[{i}]", o) for i, o in enumerate(ordering.partial)),
        ]:
            if set(order) != names:
                raise ValueError(f"axes.ordering.{where}: give a permutation for each of {sorted(names)}")
            for level, permutation in order.items():
                if sorted(permutation) != sorted(DIMENSIONS):
                    text, dimensions = "".join(permutation), "".join(DIMENSIONS)
                    raise ValueError(f"axes.ordering.{where}.{level}: {text!r} is no permutation of {dimensions}")
        if ordering.fixed not in ordering.partial:
            raise ValueError("axes.ordering.partial: the fixed order must be among the partial ones")

    def _check_pairs_and_shapes(self) -> None:
        parallelization, shape = self.axes.parallelization, self.axes.shape
        if parallelization.fixed not in parallelization.partial:
            raise ValueError("axes.parallelization.partial: the fixed pair must be among the partial ones")
        if shape.fixed.pes < 2:
            raise ValueError("axes.shape.fixed: an array needs at least 2 PEs")
        if shape.fixed.X % shape.block.X or shape.fixed.Y % shape.block.Y:
            raise ValueError(
                f"axes.shape.block: {shape.block.X}x{shape.block.Y} does not tile the fixed shape "
                f"{shape.fixed.X}x{shape.fixed.Y}"
            )
