"""Say in words and table cells what a class pins and what an arch spec is."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import TYPE_CHECKING, Any

from flexloop.arch.design.model import Design
from flexloop.arch.design.words import described
from flexloop.arch.kinds import Arch
from flexloop.arch.spec import UNLIMITED, ArchSpec, StorageLevel
from flexloop.classes import Axis, Degree, FlexClass
from flexloop.mapspace import shapes
from flexloop.rendering.tree import component_paths
from flexloop.timeloop.constraints import DataspaceConstraint
from flexloop.workloads.layers import DIMENSIONS, TENSORS

if TYPE_CHECKING:
    from flexloop.embedded.architecture import StorageSpec

_WORDS = {
    Axis.TILING: "tile sizes",
    Axis.ORDERING: "loop order",
    Axis.PARALLELIZATION: "parallel dimensions",
    Axis.SHAPE: "array shape",
}
_PARTIAL = {
    Axis.TILING: "each tensor within its share of the buffer",
    Axis.ORDERING: "one of a few",
    Axis.PARALLELIZATION: "one of a few pairs",
    Axis.SHAPE: "made of building blocks",
}
LEVEL_COLUMNS = [
    "level",
    "kind",
    "words",
    "word bits",
    "words/access",
    "read w/cyc",
    "write w/cyc",
    "pJ read",
    "pJ write",
    "keeps",
]
"""Headings of `describe_levels`."""


def _sizes(tile: Mapping[Any, int | str]) -> str:
    """A tile's sizes along its dimensions: C2 P7, or R=bound."""
    said = {str(d): n for d, n in tile.items()}
    return " ".join(
        f"{d}{said[d]}" if isinstance(said[d], int) else f"{d}={said[d]}" for d in DIMENSIONS if said.get(d, 1) != 1
    )


def pinned_and_free(flexclass: FlexClass) -> tuple[str, str]:
    """What a class pins and what it leaves free, each as a list in words."""
    pinned = [_WORDS[a] for a in Axis if flexclass.degree(a) is Degree.FIXED]
    free = [
        _WORDS[a] + (f" ({_PARTIAL[a]})" if flexclass.degree(a) is Degree.PART else "")
        for a in Axis
        if flexclass.degree(a) is not Degree.FIXED
    ]
    return ", ".join(pinned) or "nothing", ", ".join(free) or "nothing"


def arch_summary(arch: ArchSpec) -> tuple[str, str, str, str, str]:
    """Name, array, MACs, buffers and description of an arch spec."""
    shape = arch.axes.shape.fixed
    buffers = ", ".join(
        f"{level.name} {_bytes(level.depth, level.width) if level.depth else UNLIMITED}" for level in arch.levels[1:]
    )
    return arch.name, f"{shape.X}x{shape.Y}", str(arch.pes * arch.lanes), buffers, arch.description


def _bytes(depth: int, width: int) -> str:
    size = depth * width / 8
    for unit, scale in (("MiB", 2**20), ("KiB", 2**10)):
        if size >= scale:
            return f"{size / scale:.4g} {unit}"
    return f"{size:.4g} B"


def describe_array(arch: Arch) -> str:
    """The array in words."""
    if isinstance(arch, Design):
        return f"Timeloop design of {arch.pes} arithmetic units, {arch.own_extents}"
    shape = arch.axes.shape.fixed
    return f"array {shape.X}x{shape.Y} below {arch.array.below}, {arch.lanes} MAC(s) a PE"


def describe_levels(arch: Arch, ert: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """One row a storage level, outermost first; columns as in `LEVEL_COLUMNS`."""
    energies = {t["name"]: {a["name"]: a["energy"] for a in t["actions"]} for t in ert["tables"]}
    paths = component_paths(arch)

    def row(level: StorageLevel | StorageSpec, kind: str, bits: int, keeps: str) -> tuple[str, ...]:
        costs = energies[paths[level.name]]
        return (
            level.name,
            kind,
            "unbounded" if level.capacity is None else str(level.capacity),
            str(bits),
            str(level.block_size),
            _words_a_cycle(level.read_bandwidth),
            _words_a_cycle(level.write_bandwidth),
            f"{costs['read']:.4g}",
            f"{costs['write']:.4g}",
            keeps,
        )

    if isinstance(arch, Design):
        rules = {rule.target: rule for rule in arch.always.dataspaces}
        outermost = arch.level_names[-1]
        return [
            row(level, level.technology, level.word_bits, _kept(level.name, rules, outermost=level.name == outermost))
            for level in reversed(arch.hardware.levels)
        ]
    return [row(level, level.component, level.datawidth, ", ".join(level.keep)) for level in arch.levels]


def _kept(level: str, rules: Mapping[str, DataspaceConstraint], *, outermost: bool) -> str:
    """What a design's level keeps, and what it may keep or not."""
    rule = rules.get(level, DataspaceConstraint(level))
    free = [f"{t}?" for t in TENSORS if t not in rule.keep and t not in rule.bypass and not outermost]
    kept = [t for t in TENSORS if t in rule.keep or (outermost and t not in rule.bypass)]
    return ", ".join([*kept, *free])


def _words_a_cycle(bandwidth: float) -> str:
    return UNLIMITED if bandwidth == inf else f"{bandwidth:g}"


def describe_axes(arch: Arch) -> list[tuple[str, str, str, str]]:
    """For each axis: its fixed value, its partial values, and what full means."""
    if isinstance(arch, Design):
        return described(arch)
    axes = arch.axes
    tiles = "; ".join(
        f"{level.name}: " + (_sizes(axes.tiling.fixed[level.name]) or ("1" if arch.pins == "unit" else "1 word"))
        for level in reversed(arch.loop_levels[:-1])
    )
    if arch.pins == "unit":
        tiles = f"factors per unit, {tiles}"
    orders = [", ".join(f"{level} {''.join(p)}" for level, p in order.items()) for order in axes.ordering.partial]
    fixed_order = ", ".join(f"{level} {''.join(p)}" for level, p in axes.ordering.fixed.items())
    shares = ", ".join(f"{tensor} {share}" for tensor, share in axes.tiling.partial.items())
    pairs = " ".join(f"{pair.X}|{pair.Y}" for pair in axes.parallelization.partial)
    shape, pair = axes.shape.fixed, axes.parallelization.fixed
    return [
        ("T", tiles, f"any within the shares of {arch.array.below}: {shares}", "any that fit"),
        ("O", f"inner to outer: {fixed_order}", " / ".join(orders), "any"),
        ("P", f"X: {pair.X}, Y: {pair.Y}", f"X|Y: {pairs}", "any dimensions, each on one mesh axis"),
        ("S", f"{shape.X}x{shape.Y}", " ".join(f"{s.X}x{s.Y}" for s in shapes(arch, Degree.PART)),
         f"every X*Y = {arch.pes}"),
    ]  # fmt: skip
