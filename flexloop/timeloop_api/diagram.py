"""A drawing of an architecture: containers as boxes around what they hold, components with what they keep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flexloop.errors import UnknownNameError
from flexloop.svg import Diagram, box, diagram, words
from flexloop.timeloop.v4front.architecture import Architecture, Container, Leaf, walk

WIDTH = 420
"""Width of a drawing, pixels."""

_ROW, _GAP, _TITLE = 30, 8, 22


def draw(architecture: Architecture, container_names: Sequence[str] = (), ignore: Sequence[str] = ()) -> Diagram:
    """Draw an architecture, outermost node first; a container holds all that stands below it.

    Args:
        architecture: the architecture.
        container_names: containers to draw, each with what stands in it up to the next container; none: all.
        ignore: containers and components to leave out.

    Raises:
        UnknownNameError: if a container is not there.
    """
    leaves = [pair for pair in walk(architecture) if pair[0].name not in ignore and pair[0].get("enabled", True)]
    containers = [leaf.name for leaf, _ in leaves if isinstance(leaf, Container)]
    parts = [leaves]
    if container_names:
        parts = []
        for name in container_names:
            if name not in containers:
                raise UnknownNameError("container", name, containers)
            start = next(i for i, (leaf, _) in enumerate(leaves) if leaf.name == name)
            inner = (i for i in range(start + 1, len(leaves)) if isinstance(leaves[i][0], Container))
            parts.append(leaves[start : next(inner, len(leaves)) + 1])
    shapes: list[str] = []
    y = _GAP
    for part in parts:
        y = _nested(part, _GAP, y, WIDTH - 2 * _GAP, shapes) + _GAP
    return diagram(WIDTH, y, shapes)


def _nested(leaves: Sequence[tuple[Leaf, bool]], x: int, y: int, width: int, shapes: list[str]) -> int:
    """Draw nodes below each other, and all that follow a container in it; where the drawing ends."""
    i = 0
    while i < len(leaves):
        leaf, in_parallel = leaves[i]
        if isinstance(leaf, Container):
            place = len(shapes)
            end = _nested(leaves[i + 1 :], x + _GAP, y + _TITLE + _GAP, width - 2 * _GAP, shapes)
            shapes.insert(place, _box(x, y, width, end - y, "#f4f4f4", _title(leaf), dashed=True))
            return end + _GAP
        row = [leaf]
        while in_parallel and i + 1 < len(leaves) and leaves[i + 1][1]:
            i += 1
            row.append(leaves[i][0])
        each = (width - _GAP * (len(row) - 1)) // len(row)
        for place, one in enumerate(row):
            shapes.append(_box(x + place * (each + _GAP), y, each, _ROW, _COLOURS.get(type(one).__name__), _title(one)))
        y += _ROW + _GAP
        i += 1
    return y


_COLOURS = {"Storage": "#fdeada", "Compute": "#dae8fc", "Network": "#e1f2e1"}


def _title(leaf: Leaf) -> str:
    dataspace = leaf.constraints.dataspace
    kept = dict.fromkeys(str(name) for key in ("keep", "keep_only") for name in dataspace.get(key) or [])
    mesh = [leaf.spatial.meshX, leaf.spatial.meshY]
    many = " × ".join(str(count) for count in mesh if count != 1)
    return str(leaf.name) + (f" × {many}" if many else "") + (f": {', '.join(kept)}" if kept else "")


def _box(x: int, y: int, width: int, height: int, colour: Any, title: str, *, dashed: bool = False) -> str:
    dash = {"stroke_dasharray": "4 3"} if dashed else {}
    line = y + 15 if dashed else y + height // 2 + 4
    return box(x, y, width, height, fill=colour or "#ffffff", stroke="#444", **dash) + words(x + 8, line, title)
