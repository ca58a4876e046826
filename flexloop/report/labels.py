"""Round ticks, numbers in the cells of a heat map, and names beside points wherever there is room for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil, floor, isfinite, log10
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.transforms import Bbox

LARGEST, LEAST = 6.5, 4.2
"""Points: the type of numbers in cells, and below what they are left out."""

_NAME = 6.0
_EM = 0.62
"""Width of a character in parts of the type's size (DejaVu Sans; a little more than the mean)."""


def round_ticks(low: float, high: float, most: int) -> list[float]:
    """Round values to mark on a logarithmic axis, at most so many.

    Powers of ten with 2 and 5, or powers of ten alone, or every so many of them; over less than a factor of 4 even
    steps.

    >>> round_ticks(1.0, 26.2, 5), round_ticks(1.0, 3.2, 5)
    ([1.0, 2.0, 5.0, 10.0, 20.0], [1.0, 1.5, 2.0, 2.5, 3.0])
    """
    from matplotlib.ticker import MaxNLocator

    def within(values: Iterable[float]) -> list[float]:
        return [float(f"{v:.9g}") for v in values if low * (1 - 1e-9) <= v <= high * (1 + 1e-9)]

    powers = [10.0**k for k in range(floor(log10(low)), ceil(log10(high)) + 1)]
    fine, coarse = within(m * p for p in powers for m in (1, 2, 5)), within(powers)
    choices = [fine, coarse, *(ticks[:: max(1, ceil(len(ticks) / most))] for ticks in (fine, coarse))]
    if high / low > 4:
        found = next((ticks for ticks in choices if 2 < len(ticks) <= most), None)
        if found is not None:
            return found
    for bins in range(most, 0, -1):
        ticks = within(MaxNLocator(nbins=bins, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high))
        if len(ticks) <= most:
            return ticks
    return []


def number_cells(axes: Axes, values: Any, inks: Any) -> None:
    """Write a number into each cell of a heat map, where the cells are large enough for it.

    Args:
        axes: of one unit a cell, its limits set.
        values: the numbers, rows by columns; NaN for none.
        inks: a colour for each.
    """
    texts = [[_brief(value) if isfinite(value) else "" for value in row] for row in values]
    width, height = _cell_size(axes, len(texts), len(texts[0]))
    ems = max((sum(0.32 if c == "." else 0.64 for c in text) for row in texts for text in row), default=0.0)
    size = min(LARGEST, 0.8 * height, 0.84 * width / ems) if ems else 0.0
    if size < LEAST:
        return
    for (row, column), ink in np.ndenumerate(np.asarray(inks, dtype=object)):
        text = axes.text(column + 0.5, row + 0.5, texts[row][column], fontsize=size, color=ink, ha="center")
        text.set(va="center_baseline", in_layout=False)


def _brief(value: float) -> str:
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}"


def _cell_size(axes: Axes, rows: int, columns: int) -> tuple[float, float]:
    """Width and height of a cell, points."""
    box = _laid_out(axes)
    return box.width / columns, box.height / rows


def _laid_out(axes: Axes) -> Bbox:
    """Where the axes come to lie, points."""
    figure: Any = axes.figure
    figure.draw_without_rendering()
    return axes.get_window_extent().transformed(_to_points(axes))


def _to_points(axes: Axes) -> Any:
    from matplotlib.transforms import Affine2D

    figure: Any = axes.figure
    return Affine2D().scale(72 / figure.dpi)


def name_points(axes: Axes, names: Sequence[tuple[str, float, float]], taken: Sequence[tuple[float, float]]) -> None:
    """Write names beside their points, the first ones first; one that finds no room is left out.

    Args:
        axes: limits, scales and legend set.
        names: each name with its point, in data.
        taken: points that no name may cover, in data.
    """
    from matplotlib.transforms import Bbox

    inside, to_points = _laid_out(axes), _to_points(axes)
    place = (axes.transData + to_points).transform
    full = [Bbox.from_bounds(x - 2.5, y - 2.5, 5, 5) for x, y in place(taken)]
    figure: Any = axes.figure
    others = [*axes.texts, *([legend] if (legend := axes.get_legend()) else [])]
    full += [o.get_window_extent(figure.canvas.get_renderer()).transformed(to_points) for o in others]
    for name, across, up in names:
        x, y = place((across, up))
        width = _EM * _NAME * len(name)
        for dx, dy in ((-width / 2, -_NAME - 4.5), (-width / 2, 4.5), (5, -_NAME / 2), (-width - 5, -_NAME / 2)):
            left = min(max(x + dx, inside.x0), inside.x1 - width) if dx == -width / 2 else x + dx
            box = Bbox.from_bounds(left, y + dy, width, _NAME)
            if left < inside.x0 or box.x1 > inside.x1 or box.y0 < inside.y0 or box.y1 > inside.y1:
                continue
            if any(box.overlaps(other) for other in full):
                continue
            full.append(box)
            offset: Any = {"xytext": (left - x, dy + 1.2), "textcoords": "offset points", "in_layout": False}
            axes.annotate(name, (across, up), fontsize=_NAME, color="#1a1d21", zorder=4, **offset)
            break
