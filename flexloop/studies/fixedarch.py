"""A rigid design as an arch spec: its values are the fixed ones, and among the partial ones."""

from __future__ import annotations

from fractions import Fraction
from math import gcd
from typing import Any

from flexloop.arch.fields import Pair, Shape
from flexloop.arch.spec import ArchSpec
from flexloop.studies.rigid import Designs, Hardware, Ints, words
from flexloop.workloads.layers import DIMENSIONS, Layer


def as_arch(hardware: Hardware, design: Designs, name: str, description: str) -> ArchSpec:
    """The hardware with the design's values fixed, and among the partial ones."""
    arch = hardware.arch
    below, above = arch.loop_levels[0].name, arch.array.below
    inner, outer = design.inner[0], hardware.outer_tile(design)[0]
    tile = {below: _named(inner), above: _named(design.times[0])}
    order = {
        level.name: hardware.orders[int(index)]
        for level, index in zip(arch.ordered_levels, design.order[0], strict=True)
    }
    pair = Pair(X=DIMENSIONS[int(design.pair[0, 0])], Y=DIMENSIONS[int(design.pair[0, 1])])
    shape = hardware.shapes[int(design.shape[0])]
    axes = arch.axes.model_dump()
    axes["tiling"] = {"fixed": tile, "partial": _shares(arch, outer), "free": arch.axes.tiling.free}
    axes["ordering"] = {"fixed": order, "partial": _with_first(order, list(arch.axes.ordering.partial))}
    axes["parallelization"] = {
        "fixed": pair.model_dump(),
        "partial": _with_first(pair.model_dump(), [p.model_dump() for p in arch.axes.parallelization.partial]),
    }
    block = Shape(X=gcd(arch.axes.shape.block.X, shape.X), Y=gcd(arch.axes.shape.block.Y, shape.Y))
    axes["shape"] = {"fixed": shape.model_dump(), "block": block.model_dump()}
    made = arch.model_dump(by_alias=True) | {"name": name, "description": description, "axes": axes, "pins": "unit"}
    return ArchSpec.model_validate(made)


def _named(tile: Ints) -> dict[str, int]:
    return {d: int(n) for d, n in zip(DIMENSIONS, tile, strict=True) if n > 1}


def _with_first(first: Any, others: list[Any]) -> list[Any]:
    return [first, *(other for other in others if other != first)]


def _shares(arch: ArchSpec, tile: Ints) -> dict[str, Fraction]:
    """The spec's shares where the tile fits them; else what the tile needs, and of the rest as much as before."""
    unit = Layer(name="unit")
    limits = arch.partition()
    shares: dict[str, Fraction] = {str(t): share for t, share in arch.axes.tiling.partial.items()}
    needs = {t: int(words(t, tile[None, :], unit)[0]) for t in shares}
    if all(needs[t] <= limits[t] for t in shares):
        return shares
    made: dict[str, Fraction] = {}
    for level in arch.levels[1:]:
        mine = [t for t in shares if t in level.keep and level.name in _buffers_at_array(arch)]
        if mine and level.capacity:
            free = 1 - sum(Fraction(needs[t], level.capacity) for t in mine)
            whole = sum(shares[t] for t in mine)
            made.update({t: Fraction(needs[t], level.capacity) + free * shares[t] / whole for t in mine})
    return made


def _buffers_at_array(arch: ArchSpec) -> set[str]:
    """Names of the levels that share the tile of the level above the array."""
    return {level.name for level in arch.buffer_groups[arch.array_index]}
