"""The static roofline: each layer under the roof of a storage level."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from flexloop.report.labels import name_points
from flexloop.report.plots import DARK, GREY, plain_log_ticks
from flexloop.report.roofline import Roof, attained
from flexloop.tables.study import StudyTables, classes_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_OUTLIERS = 3
"""Layers named in each class."""


def roofline(figure: Figure, results: StudyTables, network: str, roof: Roof) -> None:
    """Each layer in the baseline (hollow) and in the most flexible class (filled) under the roof of a level.

    Named are the layers of either class that stay furthest below the roof, less than half of it.
    """
    axes = figure.add_subplot()
    rows = results.rows[(results.rows["network"] == network) & (results.rows["status"] == "ok")]
    names = list(dict.fromkeys([str(results.baseline), str(classes_of(results)[-1])]))
    tables = {name: rows[rows["class"] == name].set_index("layer") for name in names}
    points = {n: pd.DataFrame({"x": roof.intensity(t), "y": attained(t)}) for n, t in tables.items()}
    for layer in set.intersection(*(set(table.index) for table in tables.values())):
        ends = [points[name].loc[layer] for name in names]
        axes.plot([end["x"] for end in ends], [end["y"] for end in ends], color=GREY, lw=0.5, zorder=1)
    for name, table in tables.items():
        hollow = name != names[-1]
        latency = table["cycles"].astype(float) * table["count"]
        axes.scatter(
            points[name]["x"],
            points[name]["y"],
            s=6 + 90 * latency / latency.sum(),
            c="white" if hollow else "#0072b2",
            edgecolors="#b34700" if hollow else "white",
            linewidths=0.7,
            label=name,
            zorder=2 if hollow else 3,
        )
    everything = pd.concat(points.values())
    _draw_roof(axes, roof, everything["x"], everything["y"])
    legend = axes.legend(title=network, title_fontsize=7, frameon=False, loc="lower right")
    for handle in legend.legend_handles:
        handle.set(sizes=[24])  # type: ignore[union-attr]
    outliers = [outlier for name in reversed(names) for outlier in _outliers(points[name], roof)]
    name_points(axes, outliers, list(zip(everything["x"], everything["y"], strict=True)))


def _outliers(points: pd.DataFrame, roof: Roof) -> list[tuple[str, float, float]]:
    """The layers furthest below the roof, and where they are."""
    reached = points["y"] / (points["x"] * roof.bandwidth).clip(upper=roof.peak)
    named = reached[reached < 0.5].nsmallest(_OUTLIERS).index
    return [(str(layer), float(x), float(y)) for layer, x, y in points.loc[named].itertuples(name=None)]


def _draw_roof(axes: Axes, roof: Roof, x: pd.Series, y: pd.Series) -> None:
    low, high = min([roof.ridge, *x]) / 2, max([roof.ridge, *x]) * 2
    floor = min([roof.peak / 8, *y]) / 2
    start = max(low, floor / roof.bandwidth)
    axes.plot([start, roof.ridge, high], [start * roof.bandwidth, roof.peak, roof.peak], color=DARK, lw=1, zorder=1)
    small: Any = {"textcoords": "offset points", "fontsize": 7}
    axes.annotate(f"{roof.peak} MAC/cycle, {roof.bandwidth:g} B/cycle", (high, roof.peak), (0, 4), ha="right", **small)
    axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(floor, roof.peak * 2))
    plain_log_ticks(axes.xaxis)
    plain_log_ticks(axes.yaxis)
    axes.set_xlabel(f"intensity (MAC per byte moved at {roof.level})")
    axes.set_ylabel("attained (MAC/cycle)")
