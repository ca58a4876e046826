"""Write a mapping as Timeloop's programs do: ``map.txt`` and ``map.yaml``."""

from __future__ import annotations

from collections.abc import Mapping as Map
from collections.abc import Sequence

from flexloop.timeloop.mapping import LevelMapping, Mapping


def map_text(mapping: Mapping, capacities: Map[str, Map[str, int]]) -> str:
    """Return the content of ``map.txt``: the loop nest, outermost first.

    Args:
        mapping: the mapping.
        capacities: for each level the words of the tile of each data space that it keeps.
    """
    lines: list[str] = []
    depth, underline = 0, ""
    for level in reversed(mapping.levels):
        held = "".join(f"{name}:{words} ({words}) " for name, words in capacities[level.target].items())
        if depth and not underline:
            lines.append("")
        header = f"{level.target} [ {held}] "
        lines.append(header)
        underline = "-" * (len(header) - 1)
        for text in _loop_texts(level):
            if underline:
                lines.append(underline)
                underline = ""
            lines.append(f"| {'  ' * depth}{text}")
            depth += 1
    lines += [underline] * bool(underline) + [f"| {'  ' * depth}<< Compute >>"]
    return "".join(f"{line}\n" for line in lines)


def _loop_texts(level: LevelMapping) -> list[str]:
    loops = [(loop, "") for loop in reversed(level.loops)]
    loops += [(loop, " (Spatial-Y)") for loop in reversed(level.y_loops)]
    loops += [(loop, " (Spatial-X)") for loop in reversed(level.x_loops)]
    texts = []
    for (d, n), place in loops:
        residual = level.residual(d, spatial=bool(place))
        texts.append(f"for {d} in [0:{n}{f',{residual}' if residual != n else ''}){place}")
    return texts


def map_yaml(mapping: Mapping, dimensions: Sequence[str]) -> str:
    """Return the content of ``map.yaml``: the mapping as Timeloop's directives.

    Args:
        mapping: the mapping.
        dimensions: of the problem, in its order.
    """
    lines = ["mapping:"]
    for level in mapping.levels:
        lines += [f"  - target: {level.target}", "    type: datatype"]
        for key, names in (("keep", level.keep), ("bypass", level.bypass)):
            lines += [f"    {key}:", *([f"      - {name}" for name in names] or ["      []"])]
    for level in mapping.levels:
        if level.x_loops or level.y_loops:
            loops = [*level.x_loops, *level.y_loops]
            lines += _directive_lines(level.target, "spatial", level.spatial_factors, loops, dimensions)
            lines.append(f"    split: {len(level.x_loops)}")
        lines += _directive_lines(level.target, "temporal", level.factors, level.loops, dimensions)
    return "\n".join(lines)


def _directive_lines(
    target: str, kind: str, factors: Map[str, int], loops: Sequence[tuple[str, int]], dimensions: Sequence[str]
) -> list[str]:
    moving = [d for d, _ in loops]
    return [
        f"  - target: {target}",
        f"    type: {kind}",
        f"    factors: {' '.join(f'{d}{factors.get(d, 1)}' for d in dimensions)}",
        f"    permutation: {''.join([*moving, *(d for d in dimensions if d not in moving)])}",
    ]
