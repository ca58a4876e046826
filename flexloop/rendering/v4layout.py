"""Where an arch's levels, fanouts and constraints stand in a v4 file.

Components stand in one list, outermost first. A fanout belongs to the node whose instances it makes, and the front end
turns it into a level that holds the spatial loops and keeps nothing, named ``inter_<node>_spatial``. A design that was
read from v4 has such levels of its own; they are written as the nodes that they were made of.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import singledispatch
from math import inf, prod
from typing import TYPE_CHECKING, Any

from flexloop.arch import tree
from flexloop.arch.base import Arch
from flexloop.arch.design.directives import keeping_nothing
from flexloop.arch.design.hardware import Part
from flexloop.arch.design.model import Design
from flexloop.arch.extents import Extents, Fanout
from flexloop.arch.spec import ArchSpec
from flexloop.arch.tree import UNBOUNDED
from flexloop.errors import UnsupportedError
from flexloop.workloads.layers import DIMENSIONS

if TYPE_CHECKING:
    from flexloop.embedded.levels import StorageSpec

CONTAINER = "system"
"""The first node, after which the front end names the tree."""

_INTER = re.compile(r"inter_(.+)_spatial")


def fanout_level(node: str) -> str:
    """Name of the level that the front end makes of a node's fanout."""
    return f"inter_{node}_spatial"


@dataclass(frozen=True)
class Layout:
    """An arch as a v4 file has it.

    Attributes:
        template: the template of the file.
        names: what it is given of the arch.
        fanouts: the node whose instances a fanout makes, by the level above the fanout.
        put_in: the level above a fanout, by the name of the level that the front end puts in for it.
        made: levels of the arch itself that the front end makes.
        instances: of each component, by name.
    """

    template: str
    names: Mapping[str, Any]
    fanouts: Mapping[str, str]
    put_in: Mapping[str, str]
    made: frozenset[str]
    instances: Mapping[str, int]


@singledispatch
def layout(arch: Arch, extents: Extents, *, partitioned: bool) -> Layout:
    """How an arch at some extents of its fanouts is written as v4.

    Raises:
        UnsupportedError: for what v4 cannot say, by name.
    """
    raise TypeError(f"nothing writes {type(arch).__name__} as v4")


@layout.register
def _layout_of_spec(arch: ArchSpec, extents: Extents, *, partitioned: bool) -> Layout:
    in_pe = {level.name for level in tree.levels_in_pe(arch)}
    inner = {arch.levels[-1].name: arch.mac.name} if arch.array.inner else {}
    fanouts = {arch.array.below: arch.array.pe} | inner
    return Layout(
        template="v4.yaml.j2",
        names=tree.template_names(arch, extents, partitioned=partitioned),
        fanouts=fanouts,
        put_in={fanout_level(node): level for level, node in fanouts.items()},
        made=frozenset(),
        instances=dict.fromkeys(in_pe, arch.pes) | {arch.mac.name: arch.pes * arch.lanes},
    )


@layout.register
def _layout_of_design(arch: Design, extents: Extents, *, partitioned: bool) -> Layout:
    fanouts = dict(zip(arch.level_names, extents.fanouts, strict=True))
    made = {name: node for name, node in _made(arch).items() if prod(fanouts[name]) > 1}
    owners = {name: made.get(name, f"below_{name}") for name in arch.level_names}
    put_in = {fanout_level(node): name for name, node in owners.items() if name not in made}
    if arch.networks and any(prod(fanouts[name]) > 1 for name in put_in.values()):
        raise UnsupportedError(
            f"{arch.name}: {sorted(arch.networks)[0]} is a network between its levels, and levels that the front end "
            "puts in for fanouts would come between; use --format native"
        )
    meshes = arch.hardware.meshes(extents)
    return Layout(
        template="v4design.yaml.j2",
        names={"technology": arch.node, "nodes": list(_nodes(arch, fanouts, owners, made))},
        fanouts=owners,
        put_in=put_in,
        made=frozenset(made),
        instances={name: prod(mesh) for name, mesh in meshes.items()},
    )


def _made(arch: Design) -> dict[str, str]:
    """The levels that hold a fanout's loops alone, as the front end makes them: the node of each."""
    parts = [part.name for part in arch.hardware.parts]
    inner = dict(zip(parts[1:], parts, strict=False))
    idle = keeping_nothing(arch.always)
    still = {loop.target: loop.factors for loop in arch.always.loops if not loop.spatial}
    found = {}
    for level in arch.hardware.levels:
        match = _INTER.fullmatch(level.name)
        alone = (level.size, level.word_bits, level.block_size, min(_bandwidths(level))) == (1, 1, 1, inf)
        without_loops = all(still.get(level.name, {}).get(d) == 1 for d in DIMENSIONS)
        if not (match and alone and without_loops and level.name in idle):
            continue
        if match[1] not in parts or match[1] == inner.get(level.name):
            found[level.name] = match[1]
    return found


def _bandwidths(level: StorageSpec) -> tuple[float, float, float]:
    return level.read_bandwidth, level.write_bandwidth, level.shared_bandwidth


def _nodes(
    arch: Design, fanouts: Mapping[str, Fanout], owners: Mapping[str, str], made: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    """The nodes of a design, outermost first, each a container or a component."""
    levels = {level.name: level for level in arch.hardware.levels}
    names = {part.name for part in arch.hardware.parts}
    mesh: dict[str, int] = {}  # of the next component
    yield {"name": CONTAINER, "mesh": {}}
    for part in reversed(arch.hardware.parts):
        x, y = fanouts.get(part.name, (1, 1))
        if part.name not in made:
            yield {"name": part.name, "class": part.kind, "mesh": mesh, "attributes": _attributes(part, levels, arch)}
            mesh = {}
        if x * y > 1 and owners[part.name] in names:
            mesh = {"meshX": x, "meshY": y}
        elif x * y > 1:
            yield {"name": owners[part.name], "mesh": {"meshX": x, "meshY": y}}


def _attributes(part: Part, levels: Mapping[str, StorageSpec], arch: Design) -> dict[str, Any]:
    """A component's attributes: sizes in v4's own terms, all others as they are."""
    kept = {name: value for name, value in part.attributes.items() if name not in _SIZES and value != inf}
    if part.name == arch.hardware.mac.name:
        return kept | {"datawidth": arch.hardware.mac.word_bits}
    if part.name not in levels:
        return kept
    level = levels[part.name]
    rows = UNBOUNDED if level.size is None else -(-level.size // level.block_size)
    sizes = {
        "width": level.word_bits * level.block_size * level.cluster_size,
        "datawidth": level.word_bits,
        "block_size": level.block_size,
        "cluster_size": level.cluster_size,
        "depth": rows,
        "reduction_supported": level.reduces,
    }
    entries = {"entries": level.size} if level.size is not None and level.size % level.block_size else {}
    return kept | sizes | entries


_SIZES = {
    "word_bits", "word_width", "datawidth", "block_size", "n_words", "cluster_size", "width", "memory_width",
    "data_storage_width", "depth", "memory_depth", "data_storage_depth", "entries", "sizeKB", "reduction_supported",
}  # fmt: skip
"""Attributes of storage that say its sizes, in any of Timeloop's formats."""
