"""What the fields of an arch spec must satisfy together; each fault names the field, the value and the way out."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from flexloop.workloads.layers import DIMENSIONS, TENSORS, tile_size

if TYPE_CHECKING:
    from flexloop.arch.spec import ArchSpec


def check(spec: ArchSpec) -> None:
    """Refuse a spec whose fields contradict each other.

    Raises:
        ValueError: naming the field that is wrong.
    """
    _check_levels(spec)
    _check_tiles(spec)
    _check_orders(spec)
    _check_pairs_and_shapes(spec)


def _check_levels(spec: ArchSpec) -> None:
    names = [level.name for level in spec.levels] + [spec.mac.name]
    if repeated := sorted({n for n in names if names.count(n) > 1}):
        raise ValueError(f"levels: the name {repeated[0]!r} stands twice")
    top = spec.levels[0]
    if top.keep != TENSORS or top.depth is not None or not top.loops:
        raise ValueError(f"levels: the outermost, {top.name}, must keep all tensors, have loops and no depth")
    for level in spec.levels[1:]:
        if level.component == "DRAM":
            raise ValueError(
                f"levels: {level.name} is DRAM below the outermost level; on-chip levels are SRAM or regfile"
            )
        if level.depth is None and level.energy_depth is None:
            raise ValueError(
                f"levels: {level.name} has no depth; give one, or `depth: unlimited` with an `energy_depth`, the "
                "rows that its energy is estimated for"
            )
    if not spec.levels[-1].loops:
        raise ValueError(f"levels: the innermost, {spec.levels[-1].name}, must have loops")
    if spec.array.below not in [level.name for level in spec.loop_levels]:
        raise ValueError(f"array.below: {spec.array.below!r} is no storage level with loops")
    if not 0 < spec.array_index < len(spec.loop_levels) - 1:
        raise ValueError(
            f"array.below: {spec.array.below!r} must stand between the outermost and the innermost level with loops"
        )
    for tensor in spec.axes.tiling.partial:
        spec.buffer_of(tensor)
    kept = [tensor for level in spec.buffer_groups[spec.array_index] for tensor in level.keep]
    if missing := [tensor for tensor in kept if tensor not in spec.axes.tiling.partial]:
        raise ValueError(f"axes.tiling.partial: {missing[0]}, which a buffer at {spec.array.below} keeps, has no share")


def _check_tiles(spec: ArchSpec) -> None:
    expected = {level.name for level in spec.loop_levels[:-1]}
    if set(spec.axes.tiling.fixed) != expected:
        raise ValueError(f"axes.tiling.fixed: give a tile for each of {sorted(expected)} and no other level")
    if unknown := [name for name in spec.axes.tiling.free or () if name not in expected]:
        raise ValueError(f"axes.tiling.free: {unknown[0]!r} is none of {sorted(expected)}, whose tiles can be free")
    if spec.pins == "buffer":
        _check_whole_tiles(spec)
        if spec.edge == "remainder":
            raise ValueError("edge: remainder needs `pins: unit`; the tile of a whole buffer has no remainder")
    _check_capacities(spec)
    _check_partition(spec)


def _check_whole_tiles(spec: ArchSpec) -> None:
    for name, sizes in spec.axes.tiling.fixed.items():
        for along, size in sizes.items():
            if not isinstance(size, int):
                raise ValueError(f"axes.tiling.fixed.{name}.{along}: {size!r} needs `pins: unit`; write a number here")
    for d in DIMENSIONS:
        below, where = spec.inner_factors[d], "the inner fanout"
        for index, level in enumerate(spec.loop_levels[:-1]):
            if index == spec.array_index:
                below *= spec.unrolled(d)
                where += " times the array's extent"
            tile = spec.fixed_tile(level.name)[d]
            if tile % below:
                raise ValueError(
                    f"axes.tiling.fixed.{level.name}.{d}: {tile} is not a multiple of {below}, {where} along {d}"
                )
            below, where = tile, f"the tile of {level.name}"


def _check_capacities(spec: ArchSpec) -> None:
    for group, level in zip(spec.buffer_groups, spec.loop_levels, strict=False):
        words = _fixed_words(spec, level.name)
        for buffer in group:
            needed = {t: words[t] for t in TENSORS if t in buffer.keep}
            if sum(needed.values()) > buffer.tile_limit:
                parts = " + ".join(f"{tensor} {n:,}" for tensor, n in needed.items())
                raise ValueError(
                    f"axes.tiling.fixed.{level.name}: the tile needs {parts} = {sum(needed.values()):,} words, but "
                    f"{buffer.name} holds {buffer.tile_limit:,}; shrink the tile or enlarge the buffer"
                )


def _check_partition(spec: ArchSpec) -> None:
    buffers: dict[str, Fraction] = {}
    words, limits = _fixed_words(spec, spec.array.below), spec.partition()
    for tensor, share in spec.axes.tiling.partial.items():
        name = spec.buffer_of(tensor).name
        buffers[name] = buffers.get(name, Fraction(0)) + share
        if words[tensor] > limits[tensor]:
            raise ValueError(
                f"axes.tiling.partial.{tensor}: {spec.array.below}'s fixed tile needs {words[tensor]:,} words, "
                f"above the share {share} of {name}, {limits[tensor]:,} words; shrink the tile or enlarge the share"
            )
    for name, total in buffers.items():
        if total > 1:
            raise ValueError(f"axes.tiling.partial: the shares of {name} add up to {total}, above 1")


def _fixed_words(spec: ArchSpec, level: str) -> dict[str, int]:
    """Words of the fixed tile for each tensor, at stride 1 and dilation 1: other layers need more for Inputs."""
    steps = {"Wstride": 1, "Hstride": 1, "Wdilation": 1, "Hdilation": 1}
    return {tensor: tile_size(tensor, spec.fixed_tile(level), steps) for tensor in TENSORS}


def _check_orders(spec: ArchSpec) -> None:
    ordering = spec.axes.ordering
    names = {level.name for level in spec.ordered_levels}
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


def _check_pairs_and_shapes(spec: ArchSpec) -> None:
    parallelization, shape = spec.axes.parallelization, spec.axes.shape
    if parallelization.fixed not in parallelization.partial:
        raise ValueError("axes.parallelization.partial: the fixed pair must be among the partial ones")
    if shape.fixed.pes < 2:
        raise ValueError("axes.shape.fixed: an array needs at least 2 PEs")
    if shape.fixed.X % shape.block.X or shape.fixed.Y % shape.block.Y:
        raise ValueError(
            f"axes.shape.block: {shape.block.X}x{shape.block.Y} does not tile the fixed shape "
            f"{shape.fixed.X}x{shape.fixed.Y}"
        )
