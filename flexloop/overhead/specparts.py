"""The parts that each degree of an axis adds to a PE and to a buffer of an arch spec."""

from __future__ import annotations

from collections.abc import Iterable

from flexloop.arch.fields import StorageLevel
from flexloop.arch.spec import ArchSpec
from flexloop.arch.tree import levels_in_pe
from flexloop.classes import Axis, Degree
from flexloop.overhead.parts import Parts, permuting, select_bits
from flexloop.workloads.layers import DIMENSIONS, RELEVANT, TENSORS


def spec_parts(arch: ArchSpec, axis: Axis, degree: Degree) -> dict[str, Parts]:
    """What one axis adds at a degree: parts of one instance, by the level that holds them, or the PE's name.

    T: at each on-chip level with loops a register for each dimension's tile, as wide as the capacity in words asks;
    and, where tensors share a buffer without fixed borders, for each but the first a base register and an address
    adder. At p the partitioned buffer above the array has fixed borders.
    O: at each level whose order is free (DRAM's sequencer stands on the chip), for each of the eight loop positions a
    multiplexer over the dimensions that may stand there, and the register that selects.
    P: in each PE and for each tensor a multiplexer over the ways it is delivered (alike or different along X, and along
    Y), as many as the pairs ask beyond the fixed one; an adder for each mesh axis that newly reduces outputs; and where
    any dimensions may share an axis, a tag for each tensor with a comparator (counted as multiplexers).
    S: in each PE a multiplexer over the lines of all shapes; at the buffer a register for each line that the widest and
    the tallest shape add.
    """
    if degree is Degree.FIXED:
        return {}
    counted = {
        Axis.TILING: _tiling,
        Axis.ORDERING: _ordering,
        Axis.PARALLELIZATION: _parallelization,
        Axis.SHAPE: _shape,
    }[axis](arch, degree)
    return {where: p for where, p in counted.items() if p != Parts()}


def _tiling(arch: ArchSpec, degree: Degree) -> dict[str, Parts]:
    found: dict[str, Parts] = {}
    in_pe = {level.name for level in levels_in_pe(arch)}
    for index, group in enumerate(arch.buffer_groups):
        widest = max(_address_bits(level) for level in group)
        bounds = Parts(registers=len(DIMENSIONS) * widest)
        fixed_borders = index == arch.array_index and degree is Degree.PART
        for level in group:
            where = arch.array.pe if level.name in in_pe else level.name
            movable = 0 if fixed_borders else (len(level.keep) - 1) * _address_bits(level)
            here = Parts(registers=movable, adders=movable) + (bounds if level.loops else Parts())
            found[where] = found.get(where, Parts()) + here
    return found


def _ordering(arch: ArchSpec, degree: Degree) -> dict[str, Parts]:
    found = {}
    for level in arch.ordered_levels:
        if degree is Degree.FULL:
            found[level.name] = permuting(len(DIMENSIONS))
            continue
        orders = {order[level.name] for order in arch.axes.ordering.partial}
        choices = sum(len(set(dimensions)) - 1 for dimensions in zip(*orders, strict=True))
        found[level.name] = Parts(registers=select_bits(len(orders)), muxes=choices)
    return found


def _parallelization(arch: ArchSpec, degree: Degree) -> dict[str, Parts]:
    fixed, allowed = _pairs(arch, Degree.FIXED), _pairs(arch, degree)
    full = degree is Degree.FULL
    total = Parts()
    for tensor, bits in _word_bits(arch).items():
        before = _deliveries(tensor, fixed)
        after = before | _deliveries(tensor, allowed)
        tag = select_bits(arch.pes) if full else 0
        added = len(after) - len(before)
        total += Parts(registers=tag + (select_bits(len(after)) if added else 0), muxes=tag + added * bits)
    reducing = _reducing_axes(fixed | allowed) - _reducing_axes(fixed)
    return {arch.array.pe: total + Parts(adders=len(reducing) * _word_bits(arch)["Outputs"])}


def _shape(arch: ArchSpec, degree: Degree) -> dict[str, Parts]:
    choices, fixed = arch.shapes(degree), arch.axes.shape.fixed
    bits = sum(_word_bits(arch).values())
    lines = max(s.X for s in choices) + max(s.Y for s in choices) - fixed.X - fixed.Y
    return {
        arch.array.pe: Parts(muxes=(len(choices) - 1) * bits),
        arch.array.below: Parts(registers=lines * bits + select_bits(len(choices))),
    }


def _pairs(arch: ArchSpec, degree: Degree) -> set[tuple[str, str]]:
    """Dimensions along X and Y, with what the depthwise rule makes of them; at degree 1 every pair."""
    if degree is Degree.FULL:
        return {(x, y) for x in DIMENSIONS for y in DIMENSIONS if x != y}
    axis = arch.axes.parallelization
    pairs = {(str(p.X), str(p.Y)) for p in ([axis.fixed] if degree is Degree.FIXED else axis.partial)}
    if arch.depthwise == "as_output_channels":
        pairs |= {(x.replace("M", "G"), y.replace("M", "G")) for x, y in pairs if "G" not in (x, y)}
    return pairs


def _deliveries(tensor: str, pairs: Iterable[tuple[str, str]]) -> set[tuple[bool, bool]]:
    """Whether neighbours along X, and along Y, work on different words of a tensor, over all pairs."""
    return {(x in RELEVANT[tensor], y in RELEVANT[tensor]) for x, y in pairs}


def _reducing_axes(pairs: Iterable[tuple[str, str]]) -> set[int]:
    """The mesh axes (0 for X, 1 for Y) along which some pair adds up outputs."""
    return {axis for pair in pairs for axis in (0, 1) if pair[axis] not in RELEVANT["Outputs"]}


def _word_bits(arch: ArchSpec) -> dict[str, int]:
    """Bits that one PE takes or gives at a time for each tensor; outputs are as wide as the MAC's adder."""
    wide = {"Weights": 1, "Inputs": 1, "Outputs": 2}
    return {tensor: wide[tensor] * arch.mac.datawidth * arch.lanes for tensor in TENSORS}


def _address_bits(level: StorageLevel) -> int:
    words = level.capacity or (level.priced_depth or 1) * level.block_size
    return words.bit_length()
