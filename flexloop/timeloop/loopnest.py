"""A mapping drawn as the loop nest that it is: a box a storage level around all that runs below it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flexloop.svg import Diagram, box, diagram, words

if TYPE_CHECKING:
    from flexloop.timeloop.mapping import LevelMapping, Mapping

_LINE, _INDENT, _GAP, _CHARACTER = 18, 14, 8, 7.3
_INK, _MUTED, _SPATIAL = "#1a1d21", "#5c6670", "#00593f"
_FILLS = ("#f3f6fa", "#ffffff")
"""Of the boxes by turns, so that each stands out from the one around it."""

_KEPT = ("#0072b2", "#b34700", "#007a5a", "#8a4570", "#555555")
"""Colours of the data spaces, in the order in which they are met; each has its name too."""


def draw_nest(mapping: Mapping) -> Diagram:
    """Draw a mapping, outermost level first.

    Each level shows the data spaces that it keeps and the tile that it holds, then its loops: ``for`` one after the
    other, ``par-for`` side by side along X or Y. A loop with a residual says how many iterations its last pass has.
    """
    levels = list(reversed(mapping.levels))
    spaces = list(dict.fromkeys(name for level in levels for name in level.keep))
    tiles = [_extents(mapping.bounds()), *_tiles(levels)[1:]]
    shapes: list[str] = []
    boxes: list[tuple[float, float, int]] = []
    widest, x, y = 0.0, float(_GAP), _GAP
    for depth, (level, tile) in enumerate(zip(levels, tiles, strict=True)):
        boxes.append((x, y, depth))
        title = f"{level.target}: {', '.join(level.keep) or 'keeps nothing'}"
        shapes += _heading(level, spaces, x + _GAP, y + _LINE)
        tile_line = f"tile {tile}" if depth else f"whole problem {tile}"
        shapes.append(_code(x + _GAP, y + 2 * _LINE, tile_line, fill=_MUTED))
        widest = max(widest, *(x + _GAP + _CHARACTER * (len(text) + 2) for text in (title, tile_line)))
        y += 2 * _LINE + 4
        x += _GAP
        for text, spatial in _loops(level):
            y += _LINE
            style = {"fill": _SPATIAL, "font_weight": "bold"} if spatial else {"fill": _INK}
            shapes.append(_code(x, y, text, **style))
            widest = max(widest, x + _CHARACTER * (len(text) + 1))
            x += _INDENT
        y += _GAP
    y += _LINE
    shapes.append(_code(x, y, "compute", fill=_INK, font_style="italic"))
    width, end = round(max(widest, x + 60) + _GAP * (len(boxes) + 1)), y + _GAP
    frames = []
    for left, top, depth in boxes:
        edge = (len(boxes) - depth - 1) * _GAP  # of the boxes within, which end before
        frames.append(
            box(
                left,
                top,
                width - left - _GAP * (depth + 1),
                end + edge - top,
                rx="5",
                fill=_FILLS[depth % 2],
                stroke="#9aa2aa",
            )
        )
    height = end + _GAP * len(boxes)
    ground = box(0, 0, width, height, fill="#ffffff")
    return diagram(width, height, [ground, *frames, *shapes], f"Loop nest: {mapping.one_line()}")


def _heading(level: LevelMapping, spaces: Sequence[str], x: float, y: float) -> list[str]:
    """The level's name, then the data spaces that it keeps, each in its colour."""
    parts = [_code(x, y, level.target, fill=_INK, font_weight="bold")]
    x += _CHARACTER * (len(level.target) + 1)
    for name in level.keep:
        colour = _KEPT[min(spaces.index(name), len(_KEPT) - 1)]
        parts.append(_code(x, y, name, fill=colour))
        x += _CHARACTER * (len(name) + 1)
    return parts if level.keep else [*parts, _code(x, y, "keeps nothing", fill=_MUTED)]


def _loops(level: LevelMapping) -> list[tuple[str, bool]]:
    """The loops of a level as text, outermost first, and whether each is spatial."""
    found = [(_loop("for", d, n, level.residual(d)), False) for d, n in reversed(level.loops)]
    for axis, loops in (("X", level.x_loops), ("Y", level.y_loops)):
        for d, n in reversed(loops):
            found.append((f"{_loop('par-for', d, n, level.residual(d, spatial=True))} along {axis}", True))
    return found


def _loop(kind: str, dimension: str, factor: int, residual: int) -> str:
    last = "" if residual == factor else f" (last pass 0:{residual})"
    return f"{kind} {dimension.lower()} in 0:{factor}{last}"


def _tiles(levels: Sequence[LevelMapping]) -> list[str]:
    """For each level, outermost first, the extents that its loops and all below it cover."""
    extents: dict[str, int] = {}
    tiles = []
    for level in reversed(levels):
        for dimension, factor in (*level.loops, *level.x_loops, *level.y_loops):
            extents[dimension] = extents.get(dimension, 1) * factor
        tiles.append(_extents(extents))
    return tiles[::-1]


def _extents(extents: dict[str, int]) -> str:
    return " ".join(f"{d}{n}" for d, n in sorted(extents.items()) if n > 1) or "of one word each"


def _code(x: float, y: float, content: str, **attributes: str) -> str:
    return words(x, y, content, font_family="ui-monospace, Menlo, 'DejaVu Sans Mono', monospace", **attributes)
