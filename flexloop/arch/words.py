"""An arch spec in words and tables: what its axes may do, its storage levels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flexloop.classes import Degree
from flexloop.htmltable import html_table
from flexloop.workloads.layers import DIMENSIONS

if TYPE_CHECKING:
    from flexloop.arch.spec import ArchSpec


def axes(arch: ArchSpec) -> list[tuple[str, str, str, str]]:
    """For each axis: its letter, its fixed value, its partial values, and what full means."""
    values = arch.axes
    tiles = "; ".join(
        f"{level.name}: " + (_sizes(values.tiling.fixed[level.name]) or ("1" if arch.pins == "unit" else "1 word"))
        for level in reversed(arch.loop_levels[:-1])
    )
    if arch.pins == "unit":
        tiles = f"factors per unit, {tiles}"
    orders = [", ".join(f"{level} {''.join(p)}" for level, p in order.items()) for order in values.ordering.partial]
    fixed_order = ", ".join(f"{level} {''.join(p)}" for level, p in values.ordering.fixed.items())
    shares = ", ".join(f"{tensor} {share}" for tensor, share in values.tiling.partial.items())
    pairs = " ".join(f"{pair.X}|{pair.Y}" for pair in values.parallelization.partial)
    shape, pair = values.shape.fixed, values.parallelization.fixed
    return [
        ("T", tiles, f"any within the shares of {arch.array.below}: {shares}", "any that fit"),
        ("O", f"inner to outer: {fixed_order}", " / ".join(orders), "any"),
        ("P", f"X: {pair.X}, Y: {pair.Y}", f"X|Y: {pairs}", "any dimensions, each on one mesh axis"),
        ("S", f"{shape.X}x{shape.Y}", " ".join(f"{s.X}x{s.Y}" for s in arch.shapes(Degree.PART)),
         f"every X*Y = {arch.pes}"),
    ]  # fmt: skip


def _sizes(tile: Mapping[Any, int | str]) -> str:
    """A tile's sizes along its dimensions: C2 P7, or R=bound."""
    said = {str(d): n for d, n in tile.items()}
    return " ".join(
        f"{d}{said[d]}" if isinstance(said[d], int) else f"{d}={said[d]}" for d in DIMENSIONS if said.get(d, 1) != 1
    )


def html(arch: ArchSpec) -> str:
    """The storage levels as a table of a notebook."""
    heads = ["level", "class", "words", "bits of a word", "read and write, words a cycle", "keeps"]
    rows = [
        [
            level.name,
            level.component,
            level.capacity or "unbounded",
            level.datawidth,
            f"{level.read_bandwidth:g}, {level.write_bandwidth:g}",
            ", ".join(level.keep),
        ]
        for level in arch.levels
    ]
    shape = arch.axes.shape.fixed
    return html_table(f"{arch.name} ({shape.X}x{shape.Y} PEs): {arch.description}", heads, rows)
