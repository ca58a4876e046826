"""Where each component of an arch spec stands in Timeloop's component tree.

The tree is ``system`` (the outermost storage level), ``system.chip`` (the levels down to the array) and
``system.chip.PE[0..n-1]`` (the levels in a PE and its MACs). Energy tables refer to components by these paths.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

from flexloop.arch.base import Memory
from flexloop.arch.extents import Extents
from flexloop.workloads.layers import TENSORS

if TYPE_CHECKING:
    from flexloop.arch.fields import StorageLevel
    from flexloop.arch.spec import ArchSpec

PARTITION_SUFFIX = {"Weights": "_Weights", "Inputs": "_Inputs", "Outputs": "_Outputs"}
"""What is added to a buffer's name to name the level that limits one tensor's share of it."""

UNBOUNDED = 2**32 - 1
"""Rows of an unbounded level where a depth is demanded: by Timeloop of all but DRAM, by v4 of every level.

Timeloop reads 32 bits of it.
"""


def pe_name(arch: ArchSpec) -> str:
    """Name of the PE node with its range of instances."""
    return f"{arch.array.pe}[0..{arch.pes - 1}]"


def mac_name(arch: ArchSpec) -> str:
    """Name of the MAC, with its range of instances where a PE has several."""
    return f"{arch.mac.name}[0..{arch.lanes - 1}]" if arch.lanes > 1 else arch.mac.name


def levels_above_array(arch: ArchSpec) -> tuple[StorageLevel, ...]:
    """Storage levels between the outermost and the array, outermost first."""
    names = [level.name for level in arch.levels]
    return arch.levels[1 : names.index(arch.array.below) + 1]


def levels_in_pe(arch: ArchSpec) -> tuple[StorageLevel, ...]:
    """Storage levels inside a PE, outermost first."""
    names = [level.name for level in arch.levels]
    return arch.levels[names.index(arch.array.below) + 1 :]


def partitioned_group_start(arch: ArchSpec) -> int:
    """Index, among the levels above the array, of the outermost that shares its tile with the level at the array."""
    above = levels_above_array(arch)
    start = len(above) - 1
    while start > 0 and not above[start - 1].loops:
        start -= 1
    return start


def partition_levels(arch: ArchSpec) -> dict[str, str]:
    """Name of the level that limits each tensor's share of the buffer above the array, by tensor."""
    return {t: arch.array.below + PARTITION_SUFFIX[t] for t in TENSORS if t in arch.axes.tiling.partial}


def paths(arch: ArchSpec) -> dict[str, str]:
    """Path of each storage level, partition level and of the MAC in the component tree, by component name."""
    chip = "system.chip"
    pe = f"{chip}.{pe_name(arch)}"
    found = {arch.levels[0].name: f"system.{arch.levels[0].name}"}
    found |= {level.name: f"{chip}.{level.name}" for level in levels_above_array(arch)}
    found |= {name: f"{chip}.{name}" for name in partition_levels(arch).values()}
    found |= {level.name: f"{pe}.{level.name}" for level in levels_in_pe(arch)}
    return found | {arch.mac.name: f"{pe}.{mac_name(arch)}"}


def partition_nodes(arch: ArchSpec) -> list[tuple[str, str, int]]:
    """Name, tensor and capacity in words of each level that limits a tensor's share, in the order of the tensors."""
    limits = arch.partition()
    return [(partition_levels(arch)[t], t, limits[t]) for t in TENSORS if t in limits]


def chain(arch: ArchSpec, *, partitioned: bool) -> tuple[str, ...]:
    """Names of the storage levels, innermost first, as Timeloop orders them."""
    above = [level.name for level in levels_above_array(arch)]
    if partitioned:
        start = partitioned_group_start(arch)
        above[start:start] = [name for name, _, _ in partition_nodes(arch)]
    outer_to_inner = [arch.levels[0].name, *above, *(level.name for level in levels_in_pe(arch))]
    return tuple(reversed(outer_to_inner))


def template_names(arch: ArchSpec, shape: Extents, *, partitioned: bool) -> dict[str, Any]:
    """What the templates of the storage levels are given: an arch spec's levels at a shape, by where they stand."""
    nodes = partition_nodes(arch) if partitioned else []
    datawidth = arch.level(arch.array.below).datawidth
    return {
        "arch": arch,
        "shape": shape,
        "unlimited": inf,
        "unbounded": UNBOUNDED,
        "outer": arch.levels[0],
        "above": levels_above_array(arch),
        "in_pe": levels_in_pe(arch),
        "partition": [{"name": n, "words": min(words, UNBOUNDED), "datawidth": datawidth} for n, _, words in nodes],
        "partition_before": partitioned_group_start(arch),
    }


def memories(arch: ArchSpec) -> tuple[Memory, ...]:
    """The storage levels, outermost first."""
    in_pe = levels_in_pe(arch)
    return tuple(
        Memory(
            name=level.name,
            kind=level.component,
            on_chip=level is not arch.levels[0],
            instances=arch.pes if level in in_pe else 1,
            capacity=level.capacity,
            bits=None if level.depth is None else level.depth * level.width,
            word_bits=level.datawidth,
            block_size=level.block_size,
            row_bits=level.width,
            read_bandwidth=level.read_bandwidth,
            write_bandwidth=level.write_bandwidth,
            keep=level.keep,
        )
        for level in arch.levels
    )
