"""An arch spec at other sizes: its array, its memories and its bandwidths times factors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import gcd, inf
from typing import TYPE_CHECKING

from flexloop.arch.knobs import ARRAY, BANDWIDTH, BUFFER, DEPTH, MESH, RATE, SPAD, Factors, level_knob
from flexloop.arch.tree import levels_above_array, levels_in_pe
from flexloop.errors import UnsupportedError
from flexloop.validation import validated

if TYPE_CHECKING:
    from flexloop.arch.spec import ArchSpec


def spec_knobs(arch: ArchSpec) -> list[str]:
    """The names of what can be scaled (see `flexloop.arch.knobs`)."""
    return list(_knobs(arch))


def _knobs(arch: ArchSpec) -> Iterator[str]:
    yield ARRAY
    if any(level.depth for level in levels_above_array(arch)):
        yield BUFFER
    if any(level.depth for level in levels_in_pe(arch)):
        yield SPAD
    top = arch.levels[0]
    if min(top.read_bandwidth, top.write_bandwidth) < inf:
        yield BANDWIDTH
    for level in arch.levels:
        if level.depth:
            yield level_knob(level.name, DEPTH)
        if min(level.read_bandwidth, level.write_bandwidth) < inf:
            yield level_knob(level.name, RATE)
    yield from (level_knob(arch.array.below, axis) for axis in MESH)


def scaled_spec(arch: ArchSpec, given: Mapping[str, float]) -> ArchSpec:
    """The hardware at other sizes, with the smallest fixed tile there is: one word in a PE, all PEs in the buffer.

    Args:
        arch: the hardware; of its fixed tile nothing stays, since it need not fit.
        given: factors by name.

    Raises:
        SpecError: if there is no such hardware.
        UnknownNameError: for a name that the hardware does not have.
        UnsupportedError: for hardware with an inner fanout, whose pinned factors do not shrink with it.
    """
    if arch.array.inner is not None:
        raise UnsupportedError(
            f"{arch.name} has an inner fanout, whose tiles cannot shrink with the array: choose another"
        )
    factors = Factors(given, spec_knobs(arch), arch.name)
    document = arch.model_dump(by_alias=True)
    in_pe = {level.name for level in levels_in_pe(arch)}
    for index, level in enumerate(document["levels"]):
        name = level["name"]
        if level["depth"] is not None:
            level["depth"] = factors.depth(level["depth"], SPAD if name in in_pe else BUFFER, level_knob(name, DEPTH))
        for key in ("read_bandwidth", "write_bandwidth"):
            level[key] *= factors.of(level_knob(name, RATE)) * (factors.of(BANDWIDTH) if index == 0 else 1)
    shape, tiling = document["axes"]["shape"], document["axes"]["tiling"]
    for axis, extent in shape["fixed"].items():
        shape["fixed"][axis] = factors.extent(extent, ARRAY, level_knob(arch.array.below, axis))
        shape["block"][axis] = gcd(shape["block"][axis], shape["fixed"][axis])
    tiling["fixed"] = {level: {} for level in tiling["fixed"]}
    document["pins"] = "unit"
    return validated(type(arch), document, f"{arch.name} cannot be scaled so")
