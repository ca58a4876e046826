"""Figures for a two-column paper: SVG and PDF, 3.3 inches wide, 8 point type (needs the ``figures`` extra)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flexloop.atomic import safe_name
from flexloop.errors import OutputError, SpecError, UnknownNameError, UnsupportedError
from flexloop.report.data import arch_of
from flexloop.report.exploration import Exploration
from flexloop.report.gains import check_one_objective
from flexloop.report.roofline import roofs, why_none
from flexloop.tables.study import StudyTables, classes_of
from flexloop.tables.totals import GAINS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH = 3.3
"""Inches: one column of the usual two-column formats."""

DOUBLE_WIDTH = 7.0
"""Inches: both columns."""

FORMATS = (".svg", ".pdf")

_STYLE: Any = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "font.family": "DejaVu Sans",
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "flexloop",
}


@dataclass(frozen=True)
class _Plan:
    """A figure to be drawn: its file name, its size in inches, and how."""

    name: str
    height: float
    draw: Callable[[Figure], None]
    width: float = WIDTH


def write_figures(results: StudyTables, folder: Path) -> list[Path]:
    """Write every figure of a study as SVG and PDF; return the paths.

    The lattice, coloured by each gain (mean over networks if there are several), the gains by network, and for each
    network its gains by layer, energy by level and roofline; of several archs each has its own, named after it.

    Raises:
        UnsupportedError: if matplotlib is not installed.
        SpecError: if the results are empty or mix several objectives.
        OutputError: if the folder cannot be written.
    """
    check_one_objective(results)
    parts = results.by_arch()
    names = [f"{part.rows['arch'].iloc[0]}-" if len(parts) > 1 else "" for part in parts]
    plans = (
        replace(plan, name=name + plan.name) for name, part in zip(names, parts, strict=True) for plan in _plans(part)
    )
    return _write(plans, folder)


def write_exploration_figures(exploration: Exploration, folder: Path) -> list[Path]:
    """Write the Pareto front of an exploration as SVG and PDF, two columns wide; return the paths.

    Raises:
        UnsupportedError: if matplotlib is not installed.
        OutputError: if the folder cannot be written.
    """
    return _write(_exploration_plans(exploration), folder)


class Plots:
    """A study's figures one by one, as matplotlib figures, which a notebook shows.

    Args:
        results: the study; of several archs name the one to show.
    """

    def __init__(self, results: StudyTables) -> None:
        check_one_objective(results)
        self._parts = {str(part.rows["arch"].iloc[0]): part for part in results.by_arch()}

    def lattice(self, gain: str | None = None, arch: str | None = None) -> Figure:
        """The Hasse diagram of the classes, coloured by a gain (``speedup``, ``energy_gain`` or ``edp_gain``)."""
        from flexloop.report import plots

        part = self._part(arch)
        if gain is not None and gain not in GAINS:
            raise UnknownNameError("gain", gain, GAINS)
        return self._draw(part, f"lattice-{gain or plots.objective_gain(part)}")

    def networks(self, arch: str | None = None) -> Figure:
        """Each class's gain by network."""
        return self._draw(self._part(arch), "networks")

    def layers(self, network: str | None = None, arch: str | None = None) -> Figure:
        """Each layer's gain in each class as a heat map; without a name the first network's."""
        return self._of_network("layers", network, arch)

    def energy(self, network: str | None = None, arch: str | None = None) -> Figure:
        """Energy by level, a bar a class."""
        return self._of_network("energy", network, arch)

    def roofline(self, network: str | None = None, arch: str | None = None) -> Figure:
        """Each layer under the roof of the outermost level, in the baseline and in the most flexible class."""
        return self._of_network("roofline", network, arch)

    def _of_network(self, kind: str, network: str | None, arch: str | None) -> Figure:
        part = self._part(arch)
        names = list(dict.fromkeys(part.rows["network"]))
        if network is not None and network not in names:
            raise UnknownNameError("network of the study", network, names)
        return self._draw(part, f"{kind}-{network or names[0]}")

    def _part(self, arch: str | None) -> StudyTables:
        if arch is not None and arch not in self._parts:
            raise UnknownNameError("arch of the study", arch, self._parts)
        return self._parts[arch] if arch is not None else next(iter(self._parts.values()))

    def _draw(self, part: StudyTables, name: str) -> Figure:
        plan = next((plan for plan in _plans(part) if plan.name == name), None)
        if plan is None:
            raise SpecError(f"no figure {name}. {why_none(arch_of(part))}")
        return _drawn([plan])[0]


def _drawn(plans: Iterable[_Plan]) -> list[Figure]:
    try:
        import matplotlib
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UnsupportedError("figures need matplotlib: pip install 'flexloop[figures]'") from error
    figures = []
    with matplotlib.rc_context(_STYLE):
        for plan in plans:
            figure = Figure(figsize=(plan.width, plan.height), layout="constrained")
            FigureCanvasAgg(figure)
            plan.draw(figure)
            figures.append(figure)
    return figures


def _write(plans: Iterator[_Plan], folder: Path) -> list[Path]:
    written = []
    for plan in plans:
        (figure,) = _drawn([plan])
        written += [_save(figure, folder / f"{safe_name(plan.name)}{suffix}") for suffix in FORMATS]
    return written


def _save(figure: Figure, path: Path) -> Path:
    # No date in either format: the same results make the same bytes.
    undated = {"Date": None} if path.suffix == ".svg" else {"CreationDate": None}
    try:
        import matplotlib

        path.parent.mkdir(parents=True, exist_ok=True)
        with matplotlib.rc_context(_STYLE):
            figure.savefig(path, metadata=undated)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}; give another folder") from error
    return path


def _plans(results: StudyTables) -> Iterator[_Plan]:
    from flexloop.report import plots, roofplot

    networks = list(dict.fromkeys(results.rows["network"]))
    classes = len(classes_of(results))
    height, width = (2.75, WIDTH) if classes <= plots.CROWDED else (5.6, DOUBLE_WIDTH)
    for gain in GAINS:
        yield _Plan(f"lattice-{gain}", height, partial(plots.lattice, results=results, gain=gain), width)
    panels = len(networks) + (len(networks) > 1)
    bars = 0.6 + 0.115 * (classes + 2) * panels
    as_bars = panels <= plots.MAX_BARS
    height = bars if as_bars else 1.35 + 0.125 * panels
    yield _Plan("networks", height, partial(plots.networks, results=results), WIDTH if as_bars else width)
    arch = arch_of(results)
    for network in networks:
        layers = results.rows.loc[results.rows["network"] == network, "layer"].nunique()
        of = {"results": results, "network": network}
        yield _Plan(f"layers-{network}", 1.35 + 0.125 * layers, partial(plots.layers, **of), width)
        yield _Plan(f"energy-{network}", 0.75 + 0.13 * classes, partial(plots.energy, **of))
        if arch is not None:
            yield _Plan(f"roofline-{network}", 2.4, partial(roofplot.roofline, roof=roofs(arch)[0], **of))


def _exploration_plans(exploration: Exploration) -> Iterator[_Plan]:
    from flexloop.report import plots

    yield _Plan("pareto", 2.5, partial(plots.pareto, trials=exploration.trials), DOUBLE_WIDTH)
