"""Where each component of an arch spec stands in Timeloop's component tree.

The tree is ``system`` (the outermost storage level), ``system.chip`` (the levels down to the array) and
``system.chip.PE[0..n-1]`` (the levels in a PE and its MACs). Energy tables refer to components by these paths.
"""

from __future__ import annotations

from flexloop.arch.design.model import Design
from flexloop.arch.kinds import Arch
from flexloop.arch.spec import ArchSpec, StorageLevel
from flexloop.mapspace import partition_levels
from flexloop.workloads.layers import TENSORS


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


def component_paths(arch: Arch) -> dict[str, str]:
    """Path of each storage level, partition level and of the MAC in the component tree, by component name.

    A design's tree is one list, and its components are found by their names.
    """
    if isinstance(arch, Design):
        return {part.name: f"system.{part.name}" for part in reversed(arch.hardware.parts)}
    chip = "system.chip"
    pe = f"{chip}.{pe_name(arch)}"
    paths = {arch.levels[0].name: f"system.{arch.levels[0].name}"}
    paths |= {level.name: f"{chip}.{level.name}" for level in levels_above_array(arch)}
    paths |= {name: f"{chip}.{name}" for name in partition_levels(arch).values()}
    paths |= {level.name: f"{pe}.{level.name}" for level in levels_in_pe(arch)}
    return paths | {arch.mac.name: f"{pe}.{mac_name(arch)}"}


def partition_nodes(arch: ArchSpec) -> list[tuple[str, str, int]]:
    """Name, tensor and capacity in words of each level that limits a tensor's share, in the order of the tensors."""
    limits = arch.partition()
    return [(partition_levels(arch)[t], t, limits[t]) for t in TENSORS if t in limits]


def chain(arch: Arch, *, partitioned: bool) -> tuple[str, ...]:
    """Names of the storage levels, innermost first, as Timeloop orders them."""
    if isinstance(arch, Design):
        return arch.level_names
    above = [level.name for level in levels_above_array(arch)]
    if partitioned:
        start = partitioned_group_start(arch)
        above[start:start] = [name for name, _, _ in partition_nodes(arch)]
    outer_to_inner = [arch.levels[0].name, *above, *(level.name for level in levels_in_pe(arch))]
    return tuple(reversed(outer_to_inner))
