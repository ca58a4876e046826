"""The catalogue of accelerators drawn on the lattice of the 16 classes (needs the ``figures`` extra)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flexloop.classes import Axis, FlexClass, all_classes
from flexloop.errors import OutputError, UnsupportedError
from flexloop.lattice import lines, positions
from flexloop.published.accelerators import OPEN, Accelerator, load_taxonomy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMATS = (".svg", ".pdf", ".png")

_WIDTH = 1.9
_STEP = 2.08
_LINE = 0.165
_RANK_HEIGHT = 2.1
_FULL, _EMPTY, _EDGE = "#1f4e79", "#f2f2f2", "#9a9a9a"


def taxonomy_figure(path: Path, accelerators: tuple[Accelerator, ...] | None = None) -> Path:
    """Draw the Hasse diagram of the 16 classes with each accelerator in its class.

    An accelerator with open axes stands in the lowest class that it can be in, its open axes marked ``?``.

    Args:
        path: file to write; its suffix, .svg, .pdf or .png, is its format.
        accelerators: what to place; the shipped catalogue by default.

    Returns:
        The path.

    Raises:
        UnsupportedError: for another suffix, or if matplotlib is not installed.
        OutputError: if the file cannot be written.
    """
    if path.suffix.lower() not in FORMATS:
        raise UnsupportedError(f"{path}: figures are written as {', '.join(FORMATS)}; name the file accordingly")
    try:
        import matplotlib
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UnsupportedError("figures need matplotlib: pip install 'flexloop[figures]'") from error
    with matplotlib.rc_context({"font.family": "DejaVu Sans", "svg.fonttype": "none", "svg.hashsalt": "flexloop"}):
        figure = Figure(figsize=(12.6, 10.2))
        FigureCanvasAgg(figure)
        axes = figure.add_axes((0.005, 0.005, 0.99, 0.99))
        _draw(axes, accelerators or load_taxonomy())
        try:
            figure.savefig(path, dpi=150, metadata={"Date": None} if path.suffix.lower() == ".svg" else None)
        except OSError as error:
            raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
    return path


def _draw(axes: Axes, accelerators: tuple[Accelerator, ...]) -> None:
    places = _places()
    for lower, upper in lines(places):
        (x0, y0), (x1, y1) = places[lower], places[upper]
        axes.plot([x0, x1], [y0, y1], color=_EDGE, linewidth=0.8, zorder=1)
    for point, place in places.items():
        _draw_class(axes, point, place, [a for a in accelerators if a.lowest.bits == point])
    axes.text(
        -3.05 * _STEP,
        -0.95,
        "T tile sizes, O loop order, P parallel dimensions, S array shape: 1 where flexible in part (p) or in full.\n"
        "?: an axis that the cited sources leave open. Drawn as fixed, so the class shown is the lowest possible.",
        fontsize=8.5,
        va="top",
    )
    axes.set_xlim(-3.1 * _STEP, 3.1 * _STEP)
    axes.set_ylim(-1.5, 4 * _RANK_HEIGHT + 0.95)
    axes.set_axis_off()


def _places() -> dict[FlexClass, tuple[float, float]]:
    """Where each class stands: one row for each number of flexible axes, the fully flexible class on top."""
    return {point: (x * _STEP, row * _RANK_HEIGHT) for point, (x, row) in positions(all_classes()).items()}


def _draw_class(axes: Axes, point: FlexClass, place: tuple[float, float], members: list[Accelerator]) -> None:
    from matplotlib.patches import FancyBboxPatch

    x, y = place
    height = 0.34 + _LINE * len(members) + (0.08 if members else 0)
    bottom = y - height / 2
    axes.add_patch(
        FancyBboxPatch(
            (x - _WIDTH / 2, bottom),
            _WIDTH,
            height,
            boxstyle="round,pad=0.02,rounding_size=0.06",
            facecolor="white" if members else _EMPTY,
            edgecolor=_FULL if members else _EDGE,
            linewidth=1.2 if members else 0.8,
            zorder=2,
        )
    )
    axes.text(x, bottom + height - 0.17, str(point), ha="center", va="center", fontsize=9.5, weight="bold", zorder=3)
    for index, accelerator in enumerate(members):
        line = bottom + height - 0.42 - _LINE * index
        axes.text(x, line, _label(accelerator), ha="center", va="center", fontsize=7.4, color=_FULL, zorder=3)


def _label(accelerator: Accelerator) -> str:
    """Name, and the axes whose degree the class name does not tell: ``Tp`` in part, ``S?`` open."""
    unsaid = [
        axis.value + accelerator.axis(axis).degree.replace(OPEN, "?")
        for axis in Axis
        if accelerator.axis(axis).degree in ("p", OPEN)
    ]
    return "  ".join([accelerator.name, " ".join(unsaid)]).rstrip()
