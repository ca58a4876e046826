"""The parts of an arch spec: storage levels, arithmetic, array, and the values of the four axes."""

from __future__ import annotations

import re
from fractions import Fraction
from math import floor, inf, isfinite, prod
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from flexloop.validation import FileModel, no_boolean, plain_number
from flexloop.workloads.layers import TENSORS

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

MAX_WORDS = 2**60
"""Words that a buffer without a limit holds."""

Share = Annotated[Fraction, BeforeValidator(_share), Field(gt=0, le=1)]


def _switch(value: Any) -> Any:
    return "off" if value is False else value  # an unquoted ``off`` is a boolean in YAML


DepthwiseRule = Annotated[Literal["as_output_channels", "on_both_axes", "off"], BeforeValidator(_switch)]


class StorageLevel(FileModel):
    """One storage level of the chain.

    Attributes:
        name: the component's name in Timeloop's YAML.
        component: what it is made of, which picks its energy: ``DRAM``, ``SRAM`` or ``regfile``. The outermost
            level is DRAM, the others are not.
        datawidth: bits of one word.
        width: bits of one row, a multiple of ``datawidth``; one access reads or writes ``width / datawidth`` words.
        depth: rows; the outermost level has none, on chip ``unlimited`` is allowed.
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
    def tile_limit(self) -> int:
        """Words that a tile may occupy; where unbounded, more than any tile has."""
        return MAX_WORDS if self.capacity is None else self.capacity

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
            many tiles of the next level in, on all PEs that are used, its tile holds; 1 where it is not named.
            ``bound`` is all that the layer has, a dimension its bound, ``parent`` what the next level out says, which
            then is 1. With ``pins: buffer`` the extent of its tile.
        partial: for the level above the array, the share of its capacity that each tensor it keeps may use.
        free: the levels whose tiles are free, in part or in full, where the axis is; those of the others stay as they
            are fixed. Where it is left out, all.
    """

    fixed: dict[LevelName, dict[Dimension, TileSize]]
    partial: dict[Tensor, Share]
    free: Annotated[tuple[LevelName, ...], Field(min_length=1)] | None = None


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
