"""What each static figure shows, drawn with matplotlib into a figure that is given."""

from __future__ import annotations

from math import isfinite, log2
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from flexloop.classes import Axis, Degree, FlexClass, all_classes
from flexloop.lattice import lines, positions
from flexloop.report.data import energy_levels
from flexloop.report.gains import GAIN_WORDS, rows_with_gains
from flexloop.report.labels import number_cells, round_ticks
from flexloop.tables.study import StudyTables, classes_of, mean_gains

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap, LogNorm
    from matplotlib.figure import Figure

_CATEGORIES = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#999999")
"""Okabe and Ito, Color Universal Design (2008)."""

GREY, DARK = "#b8b8b8", "#1a1d21"
CROWDED = 40
"""Classes from which on a figure takes two columns of the page."""

_AXES: dict[Axis, tuple[str, str, Any]] = {
    Axis.TILING: ("T tiles", "#0072b2", "-"),
    Axis.ORDERING: ("O order", "#d55e00", (0, (5, 2))),
    Axis.PARALLELIZATION: ("P parallelism", "#008a64", (0, (1, 1.4))),
    Axis.SHAPE: ("S shape", "#9c4f80", (0, (6, 1.5, 1, 1.5))),
}
"""Each axis's name, colour and dashes; the dashes alone tell them apart."""

MAX_BARS = 3
"""Panels of bars that fit a page; more networks become a heat map."""


def lattice(figure: Figure, results: StudyTables, gain: str) -> None:
    """The Hasse diagram of the classes coloured by a gain; a line's width is its gain, its dashes tell the axis."""
    from matplotlib.lines import Line2D

    axes = figure.add_subplot()
    points = list(dict.fromkeys([*all_classes(), *classes_of(results)]))
    places = positions(points)
    means = mean_gains(results).set_index("class")[gain].reindex([str(c) for c in points])
    gains = dict(zip(points, means.astype(float), strict=True))
    norm = _norm(means)
    for lower, upper in lines(points):
        (x0, y0), (x1, y1) = places[lower], places[upper]
        ratio = gains[upper] / gains[lower]
        freed = [axis for axis in Axis if lower.degree(axis) is not upper.degree(axis)]
        growth = log2(ratio) if len(freed) == 1 and isfinite(ratio) and ratio > 1 else 0.0
        _, colour, dashes = _AXES[freed[0]] if len(freed) == 1 else ("", GREY, "-")
        style: Any = {"color": colour if growth > 0.02 else GREY, "ls": dashes, "lw": 0.6 + min(2.5, 1.2 * growth)}
        axes.plot([x0, x1], [y0 + 0.27, y1 - 0.27], zorder=1, **style)
    for point, place in places.items():
        _draw_class(axes, point, place, gains[point], norm, folded=len(points) > CROWDED)
    reach = max(abs(x) for x, _ in places.values()) + 0.5
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-0.3, max(y for _, y in places.values()) + 0.3)
    axes.set_axis_off()
    handles = [Line2D([], [], color=colour, ls=dashes, lw=1.2, label=name) for name, colour, dashes in _AXES.values()]
    figure.legend(
        handles=handles, loc="outside upper center", ncols=4, frameon=False, handlelength=2.2, columnspacing=0.7
    )
    _colour_bar(figure, axes, norm, f"{GAIN_WORDS[gain]} over {results.baseline}, {_scope(results)}")


def _draw_class(
    axes: Axes, point: FlexClass, place: tuple[float, float], gain: float, norm: LogNorm, *, folded: bool
) -> None:
    from matplotlib.patches import FancyBboxPatch

    (x, y), known = place, isfinite(gain)
    fill = _viridis()(norm(gain)) if known else (1.0, 1.0, 1.0, 1.0)
    box = FancyBboxPatch((x - 0.47, y - 0.27), 0.94, 0.54, boxstyle="round,pad=0,rounding_size=0.08", zorder=2)
    box.set(facecolor=fill, edgecolor="#5b646d", linewidth=0.5, linestyle="-" if known else "--")
    axes.add_patch(box)
    ink = _ink(fill)
    name = str(point)
    lines = [(name[:4], 0.17, 5.5), (name[4:], 0.0, 5.5)] if folded else [(name, 0.12, 6.0)]
    for text, up, size in [*lines, (times(gain), -0.17, 6.0) if folded else (times(gain), -0.12, 7.0)]:
        axes.text(x, y + up, text, ha="center", va="center", fontsize=size, color=ink, zorder=3)


def networks(figure: Figure, results: StudyTables) -> None:
    """Gains by network in what was searched for, and their geometric mean: bars, or a heat map of many networks."""
    gain = objective_gain(results)
    totals = results.speedups()
    panels = {str(name): group.set_index("class")[gain] for name, group in totals.groupby("network", sort=False)}
    if len(panels) > 1:
        panels["geometric mean"] = mean_gains(results).set_index("class")[gain]
    grid = pd.DataFrame(panels, dtype=float).reindex([str(c) for c in classes_of(results)]).T
    label = f"{GAIN_WORDS[gain]} over {results.baseline}"
    if len(panels) > MAX_BARS:
        _heat_map(figure, grid, label)
        return
    norm = _norm(grid)
    stacked = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axes, name in zip(stacked, grid.index, strict=True):
        _gain_bars(axes, str(name), grid.loc[name], norm)
    stacked[-1].set_xlabel(f"{label} (×)")
    stacked[-1].margins(x=0.13)


def _gain_bars(axes: Axes, title: str, gains: pd.Series, norm: LogNorm) -> None:
    for row, gain in enumerate(gains):
        known = isfinite(gain)
        if known:
            axes.barh(row, gain, height=0.8, color=_viridis()(norm(gain)))
        end = (gain if known else 0, row)
        axes.annotate(times(gain), end, (2, 0), textcoords="offset points", va="center", fontsize=7)
    axes.axvline(1, color=DARK, lw=0.6, ls=":")
    axes.set_yticks(range(len(gains)), list(gains.index), fontsize=7 if len(gains) <= CROWDED else 5.5)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(gains) - 0.4, -0.6)
    axes.set_title(title, loc="left", pad=2)


def layers(figure: Figure, results: StudyTables, network: str) -> None:
    """Gains of a network's layers in what was searched for, a row a layer, a column a class."""
    gain = objective_gain(results)
    table = rows_with_gains(results)
    table = table[table["network"] == network]
    grid = table.pivot_table(index="layer", columns="class", values=gain, dropna=False)
    grid = grid.reindex(index=list(dict.fromkeys(table["layer"])), columns=[str(c) for c in classes_of(results)])
    _heat_map(figure, grid, f"{GAIN_WORDS[gain]} over {results.baseline}, {network}")


def _heat_map(figure: Figure, grid: pd.DataFrame, label: str) -> None:
    """Gains as colours, grey where there is none."""
    values = grid.to_numpy(dtype=float)
    axes, norm = figure.add_subplot(), _norm(values)
    axes.set_facecolor("#dddddd")
    axes.pcolormesh(np.ma.masked_invalid(values), norm=norm, cmap="viridis", edgecolors="white", linewidth=0.3)
    size = 7 if len(grid.columns) <= CROWDED else 5
    axes.set_yticks(np.arange(len(grid.index)) + 0.5, list(grid.index), fontsize=7)
    axes.set_xticks(np.arange(len(grid.columns)) + 0.5, list(grid.columns), rotation=90, fontsize=size)
    axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    _colour_bar(figure, axes, norm, label)
    number_cells(axes, values, [[_ink(_viridis()(norm(value))) for value in row] for row in values])


def energy(figure: Figure, results: StudyTables, network: str) -> None:
    """Energy of one inference by component, a bar a class."""
    table = results.totals
    table = table[table["network"] == network].set_index("class")
    classes, levels = [str(c) for c in classes_of(results)], energy_levels(results)
    shown = table.reindex(index=classes, columns=[f"energy_pj_{level}" for level in levels]).fillna(0.0)
    scale, unit = _energy_unit(float(shown.sum(axis=1).max()))
    axes = figure.add_subplot()
    left = np.zeros(len(classes))
    for index, level in enumerate(levels):
        values = shown[f"energy_pj_{level}"].to_numpy(dtype=float) / scale
        colour = _CATEGORIES[index % len(_CATEGORIES)]
        axes.barh(range(len(classes)), values, left=left, height=0.8, color=colour, label=level, ec="white", lw=0.2)
        left += values
    axes.set_yticks(range(len(classes)), classes, fontsize=7 if len(classes) <= CROWDED else 5.5)
    axes.set_ylim(len(classes) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(f"energy of one {network} inference ({unit})")
    figure.legend(loc="outside upper center", ncols=4, frameon=False, handlelength=1, columnspacing=1.2)


def pareto(figure: Figure, trials: pd.DataFrame) -> None:
    """Designs of an exploration, each pair of costs; on the front filled, coloured by the number of flexible axes."""
    scale, unit = _energy_unit(float(trials["energy_pj"].max()))
    values = trials.assign(energy=trials["energy_pj"] / scale)
    labels = {"area_mm2": "area (mm²)", "energy": f"energy ({unit})", "cycles": "latency (cycles)"}
    freed = trials["class"].map(
        lambda name: sum(FlexClass.parse(name).degree(axis) is not Degree.FIXED for axis in Axis)
    )
    panels = figure.subplots(1, 3)
    for axes, (x, y) in zip(
        panels, (("area_mm2", "cycles"), ("area_mm2", "energy"), ("energy", "cycles")), strict=True
    ):
        beaten = values[~values["front"]]
        axes.scatter(beaten[x], beaten[y], s=10, facecolors="white", edgecolors=GREY, linewidths=0.7)
        for rank in range(len(Axis) + 1):
            front = values[values["front"] & (freed == rank)]
            colour = _viridis()(rank / len(Axis))
            axes.scatter(front[x], front[y], s=20, color=colour, ec=DARK, lw=0.4, label=str(rank), zorder=3)
        axes.set(xscale="log", yscale="log", xlabel=labels[x], ylabel=labels[y])
        for side in (axes.xaxis, axes.yaxis):
            plain_log_ticks(side)
    handles, names = panels[0].get_legend_handles_labels()
    title = "flexible axes (hollow: not on the front)"
    figure.legend(handles, names, loc="outside upper center", ncols=6, frameon=False, title=title)


def plain_log_ticks(side: Any) -> None:
    """A few round numbers on a logarithmic axis, however short its range."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

    low, high = side.get_view_interval()
    side.set_major_locator(FixedLocator(round_ticks(low, high, 7)))
    side.set_minor_locator(NullLocator())
    side.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))
    side.set_minor_formatter(NullFormatter())


def _short(value: float) -> str:
    for size, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{prefix}"
    return f"{value:g}"


def times(gain: float) -> str:
    """A gain to three digits, such as 3.32×; a dash if it is missing."""
    return f"{gain:.0f}×" if gain >= 100 else f"{gain:#.3g}×" if isfinite(gain) else "–"


def _scope(results: StudyTables) -> str:
    names = list(dict.fromkeys(results.rows["network"]))
    return str(names[0]) if len(names) == 1 else f"geomean of {len(names)} networks"


def objective_gain(results: StudyTables) -> str:
    """The gain in what was searched for."""
    return {"latency": "speedup", "energy": "energy_gain", "edp": "edp_gain"}[str(results.rows["objective"].iloc[0])]


def _energy_unit(picojoules: float) -> tuple[float, str]:
    units = ((1e12, "J"), (1e9, "mJ"), (1e6, "µJ"), (1e3, "nJ"))
    return next(((size, unit) for size, unit in units if picojoules >= size), (1.0, "pJ"))


def _viridis() -> Colormap:
    import matplotlib

    return matplotlib.colormaps["viridis"]


def _ink(colour: Any) -> str:
    """Black or white, whichever stands out."""
    red, green, blue = (c**2.2 for c in colour[:3])
    return DARK if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.28 else "white"


def _range(gains: Any) -> tuple[float, float]:
    """The least and the greatest gain, 1 and a little more among them."""
    known = [v for v in np.asarray(gains, dtype=float).ravel() if isfinite(v) and v > 0]
    low = min([1.0, *known])
    return low, max([1.05 * low, *known])


def _norm(gains: Any) -> LogNorm:
    from matplotlib.colors import LogNorm

    return LogNorm(*_range(gains))


def _colour_bar(figure: Figure, axes: Axes, norm: LogNorm, label: str) -> None:
    from matplotlib.cm import ScalarMappable

    bar = figure.colorbar(ScalarMappable(norm, "viridis"), ax=axes, orientation="horizontal", aspect=32, pad=0.03)
    bar.set_label(label, fontsize=7)
    ticks = round_ticks(norm.vmin or 1.0, norm.vmax or 1.0, 6)
    bar.set_ticks(ticks, labels=[f"{tick:g}×" for tick in ticks])
    bar.ax.minorticks_off()
