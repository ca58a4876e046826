"""The parts that a Timeloop design needs for what an axis leaves open at a degree.

What is pinned to one value is wired in. An axis that the design leaves open costs the same in every class.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from flexloop.arch.design.clip import Loops
from flexloop.arch.design.directives import keeping_nothing, merged
from flexloop.arch.design.model import Design
from flexloop.classes import Axis, Degree
from flexloop.flexibility.designs import Assignment, assignments
from flexloop.overhead.parts import Parts, permuting, select_bits
from flexloop.timeloop.constraints import LoopConstraint
from flexloop.workloads.layers import DIMENSIONS, RELEVANT, TENSORS


def design_parts(design: Design, axis: Axis, degree: Degree) -> dict[str, Parts]:
    """What one axis of a design needs at a degree: parts of one instance, by the level or what stands below a fanout.

    T: at each on-chip level that keeps something, for each dimension whose factor is not pinned a register as wide as
    the capacity in words asks; where there are such and tensors share the level, for each tensor but the first a base
    register and an address adder. Factors of which each alternative pins another: a multiplexer over them.
    O: at each level that keeps something, but an innermost one without lanes, for each position of the order that is
    not pinned a multiplexer over the dimensions that may stand there, and the register that selects; over several
    pinned orders a multiplexer over those.
    P: in each unit below a flexible fanout, for each tensor a multiplexer over the ways it is delivered (alike or
    different along X, and along Y); a tag with a comparator where several dimensions may share an axis; an adder for
    each mesh axis that reduces outputs in some assignments and not in others.
    S: in each such unit a multiplexer over the lines of all shapes; at the level a register for each line that the
    widest and the tallest shape add.
    """
    if axis is Axis.SHAPE:
        counted = _shape(design, degree)
    else:
        choices = [merged([*design.always.loops, *choice]) for choice in design.choices(axis, degree)]
        counted = {Axis.TILING: _tiling, Axis.ORDERING: _ordering, Axis.PARALLELIZATION: _parallelization}[axis](
            design, choices
        )
    return {where: parts for where, parts in counted.items() if parts != Parts()}


def _rules(choices: Sequence[Loops], level: str, *, spatial: bool) -> list[LoopConstraint]:
    """What each choice says of a place."""
    found = [{(loop.target, loop.spatial): loop for loop in choice} for choice in choices]
    return [each.get((level, spatial), LoopConstraint(level, spatial)) for each in found]


def _storing(design: Design) -> list[str]:
    """The levels that keep something, innermost first."""
    idle = keeping_nothing(design.always)
    return [name for name in design.level_names if name not in idle]


def _tiling(design: Design, choices: Sequence[Loops]) -> dict[str, Parts]:
    found = {}
    memories = {memory.name: memory for memory in design.memories}
    for name in _storing(design)[:-1]:
        memory, rules = memories[name], _rules(choices, name, spatial=False)
        bits = (memory.capacity or memory.block_size).bit_length()
        pinned = [{rule.factors.get(d) for rule in rules} for d in DIMENSIONS]
        is_open = sum(None in factors for factors in pinned)
        ways = sum(len(factors) - 1 for factors in pinned if None not in factors)
        movable = (len(memory.keep) + len(memory.may_keep) - 1) * bits if is_open else 0
        select = select_bits(len(choices)) if ways else 0
        found[name] = Parts(registers=is_open * bits + movable + select, muxes=ways * bits, adders=movable)
    return found


def _ordering(design: Design, choices: Sequence[Loops]) -> dict[str, Parts]:
    first = 0 if prod(design.hardware.fanouts[0]) > 1 else 1
    found = {}
    for name in design.level_names[first:]:
        if name not in _storing(design):
            continue
        rules = _rules(choices, name, spatial=False)
        free = max(len(DIMENSIONS) - len(rule.permutation) - len(rule.suffix) for rule in rules)
        orders = {(rule.permutation, rule.suffix) for rule in rules}
        ways = sum(len(set(at)) - 1 for at in zip(*(rule.permutation for rule in rules), strict=False))
        several = Parts(registers=select_bits(len(orders)), muxes=ways) if len(orders) > 1 else Parts()
        found[name] = permuting(free) + several
    return found


def _parallelization(design: Design, choices: Sequence[Loops]) -> dict[str, Parts]:
    found = {}
    for index in design.flexible_levels:
        name, extent = design.level_names[index], design.hardware.fanouts[index]
        rules = _rules(choices, name, spatial=True)
        allowed = frozenset().union(*(assignments(rule, extent, DIMENSIONS) for rule in rules))
        shared = any(assignment.count(axis) > 1 for assignment in allowed for axis in "XY")
        total = Parts()
        for tensor, bits in _word_bits(design).items():
            ways = len({_delivery(tensor, assignment) for assignment in allowed}) or 1
            tag = select_bits(prod(extent)) if shared else 0
            select = select_bits(ways) if ways > 1 else 0
            total += Parts(registers=tag + select, muxes=tag + (ways - 1) * bits)
        reduces = [{_reduces(assignment, axis) for assignment in allowed} for axis in "XY"]
        adders = sum(len(each) > 1 for each in reduces) * _word_bits(design)["Outputs"]
        found[design.below(name)] = total + Parts(adders=adders)
    return found


def _shape(design: Design, degree: Degree) -> dict[str, Parts]:
    found = {}
    bits = sum(_word_bits(design).values())
    extents = design.extents(degree)
    for index in design.flexible_levels:
        name, own = design.level_names[index], design.hardware.fanouts[index]
        shapes = {each.fanouts[index] for each in extents}
        lines = max(x for x, _ in shapes) + max(y for _, y in shapes) - sum(own)
        found[design.below(name)] = Parts(muxes=(len(shapes) - 1) * bits)
        found[name] = Parts(registers=lines * bits + select_bits(len(shapes)))
    return found


def _delivery(tensor: str, assignment: Assignment) -> tuple[bool, bool]:
    """Whether neighbours along X, and along Y, work on different words of a tensor."""
    moving = list(zip(DIMENSIONS, assignment, strict=True))
    x, y = (any(on == axis and d in RELEVANT[tensor] for d, on in moving) for axis in "XY")
    return x, y


def _reduces(assignment: Assignment, axis: str) -> bool:
    """Whether outputs are added up along a mesh axis."""
    return any(on == axis and d not in RELEVANT["Outputs"] for d, on in zip(DIMENSIONS, assignment, strict=True))


def _word_bits(design: Design) -> dict[str, int]:
    """Bits that one unit takes or gives at a time for each tensor; outputs are as wide as the adder."""
    return {tensor: (2 if tensor == "Outputs" else 1) * design.arithmetic.word_bits for tensor in TENSORS}
