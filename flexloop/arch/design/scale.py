"""A design at other sizes: its fanouts, memories and bandwidths times factors, its constraints as they stand.

The architecture stays as the file has it but for the numbers that change, so that energies are estimated of the same
components; tables of energies and areas that the design brings are of its own sizes, and are left out.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from math import inf
from typing import TYPE_CHECKING, Any

from flexloop.arch.design.directives import keeping_nothing
from flexloop.arch.extents import Extents
from flexloop.arch.knobs import ARRAY, BANDWIDTH, BUFFER, DEPTH, MESH, RATE, SPAD, Factors, level_knob
from flexloop.errors import SpecError
from flexloop.validation import plain_number, validated

if TYPE_CHECKING:
    from flexloop.arch.design.model import Design
    from flexloop.embedded.levels import StorageSpec

_ROWS = ("depth", "memory_depth", "data_storage_depth", "entries")
_RATES = ("bandwidth", "read_bandwidth", "write_bandwidth", "shared_bandwidth")

NAMELESS = "__ARITH__"
"""What Timeloop calls the arithmetic of its first format where it has no name."""


def design_knobs(design: Design) -> list[str]:
    """The names of what can be scaled (see `flexloop.arch.knobs`)."""
    return list(_knobs(design))


def _knobs(design: Design) -> Iterator[str]:
    levels = design.hardware.levels
    sized = [(index, level) for index, level in enumerate(levels) if _is_sized(design, level)]
    if design.flexible_levels:
        yield ARRAY
    for general in (BUFFER, SPAD):
        if any(_kind(design, index) == general for index, _ in sized):
            yield general
    if _is_limited(levels[-1]):
        yield BANDWIDTH
    yield from (level_knob(level.name, DEPTH) for _, level in sized)
    yield from (level_knob(level.name, RATE) for level in levels if _is_limited(level))
    for level, fanout in zip(levels, design.hardware.fanouts, strict=True):
        if fanout != (1, 1):
            yield from (level_knob(level.name, axis) for axis in MESH)


def _is_sized(design: Design, level: StorageSpec) -> bool:
    """Whether a level is a memory on chip; one that keeps nothing only holds loops."""
    return bool(level.size) and level.technology != "DRAM" and level.name not in keeping_nothing(design.always)


def _is_limited(level: StorageSpec) -> bool:
    return min(level.read_bandwidth, level.write_bandwidth, level.shared_bandwidth) < inf


def _kind(design: Design, index: int) -> str:
    """Whether PEs share a level or each has its own."""
    return BUFFER if index >= min(design.flexible_levels, default=0) else SPAD


def scaled_design(design: Design, given: Mapping[str, float]) -> Design:
    """The design at other sizes.

    ``array`` scales, along each mesh axis in use, the outermost flexible fanout that uses it.

    Args:
        design: the design.
        given: factors by name.

    Raises:
        SpecError: if there is no such hardware, or the design's own alternatives of the shape do not make its PEs.
        UnknownNameError: for a name that the hardware does not have.
    """
    factors = Factors(given, design_knobs(design), design.name)
    hardware, extents = design.hardware, _extents(design, factors)
    if not hardware.is_possible(extents):
        raise SpecError(f"{design.name} cannot be scaled so: instances that share a row do not come out even")
    architecture = copy.deepcopy(design.architecture)
    meshes = hardware.meshes(extents)
    levels = {level.name: (index, level) for index, level in enumerate(hardware.levels)}
    for name, entry, attributes in _components(architecture):
        if name in meshes:
            _place(entry, attributes, name, *meshes[name])
        if name in levels:
            _resize(attributes, design, *levels[name], factors)
    said = ", ".join(f"{name} x{factor:g}" for name, factor in given.items() if factor != 1)
    document = design.model_dump() | {
        "description": f"{design.description}; scaled: {said}".lstrip("; ") if said else design.description,
        "architecture": architecture,
        "ERT": None,
        "ART": None,
    }
    return validated(type(design), document, f"{design.name} cannot be scaled so")


def _extents(design: Design, factors: Factors) -> Extents:
    own, names = design.own_extents, design.level_names
    fanouts = [list(fanout) for fanout in own.fanouts]
    for axis, letter in enumerate(MESH):
        in_use = [i for i in own.flexible if own.fanouts[i][axis] > 1]
        for i, fanout in enumerate(own.fanouts):
            general = [ARRAY] if in_use and i == in_use[-1] else []
            fanouts[i][axis] = factors.extent(fanout[axis], *general, level_knob(names[i], letter))
    return Extents(tuple((x, y) for x, y in fanouts), own.flexible)


def _components(node: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """The name, entry and attributes of every component of a tree, or of the lists of Timeloop's first format."""
    entries = [*(node.get("local") or []), *(node.get("storage") or [])]
    entries += [node["arithmetic"]] if "arithmetic" in node else []
    for entry in entries:
        own = entry.get("attributes")
        yield str(entry.get("name", NAMELESS)).partition("[")[0], entry, entry if own is None else own
    for child in node.get("subtree") or []:
        if "name" in child:  # ranges of instances stand at the components
            child["name"] = str(child["name"]).partition("[")[0]
        yield from _components(child)


def _place(entry: dict[str, Any], attributes: dict[str, Any], name: str, x: int, y: int) -> None:
    attributes |= {"meshX": x, "meshY": y, "instances": x * y}
    if "name" in entry:
        entry["name"] = name


def _resize(attributes: dict[str, Any], design: Design, index: int, level: StorageSpec, factors: Factors) -> None:
    outermost = index == len(design.level_names) - 1
    if _is_sized(design, level):
        names = (_kind(design, index), level_knob(level.name, DEPTH))
        for key in _ROWS:
            if attributes.get(key) is not None:
                attributes[key] = factors.depth(int(plain_number(attributes[key])), *names)
        if attributes.get("sizeKB") is not None:
            kilobytes = plain_number(attributes["sizeKB"]) * factors.of(*names)
            if kilobytes != int(kilobytes) or kilobytes < 1:
                raise SpecError(f"{design.name}: sizeKB of {level.name} would be {kilobytes:g}, no whole number")
            attributes["sizeKB"] = int(kilobytes)
    rate = factors.of(level_knob(level.name, RATE), *([BANDWIDTH] if outermost else []))
    for key in _RATES:
        if attributes.get(key) not in (None, inf):
            attributes[key] = plain_number(attributes[key]) * rate
