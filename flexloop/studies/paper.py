"""The paper's own study: all 16 classes on its authors' bases and networks, in latency and in energy.

Three questions, each answered by the study that asks it everywhere else: what the classes gain (`compare`), what an
axis is worth (`isolate`), and how a rigid design of the past ages (`future_proof`). What comes out stands beside what
the abstract says and what the authors' public program finds (`flexloop.studies.kao`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import isnan

import pandas as pd

from flexloop.arch.load import load_arch_spec
from flexloop.arch.spec import ArchSpec
from flexloop.classes import FULLY_FLEXIBLE, RIGID, FlexClass, all_classes
from flexloop.integers import ceil_div
from flexloop.report.findings import with_findings
from flexloop.report.gains import rows_with_gains
from flexloop.results.table import Results
from flexloop.running.progress import Progress
from flexloop.studies.beside import Beside
from flexloop.studies.futureproof import FutureProof, future_proof, mirrored_classes
from flexloop.studies.isolate import isolation_means, isolation_table
from flexloop.studies.kao import BASES, LATER, NETWORKS, TODAY, Published, published
from flexloop.study import StudyOptions, count_cells, run_study
from flexloop.subjects import Archs, Networks, listed
from flexloop.tables.lattice import comparable
from flexloop.tables.totals import geomean

OBJECTIVES = ("latency", "energy")
"""What is minimised, in turn."""

DESIGNED_FOR = "kao_alexnet"
"""The network of the past, in the shapes that the authors' program has."""

_GAIN = {"latency": "speedup", "energy": "energy_gain"}


@dataclass(frozen=True)
class Paper:
    """The study.

    Attributes:
        results: every class on every network and base, by objective.
        future: how the rigid design for the network of the past ages; None where it was not asked.
        beside: another tool's latencies beside ours; None where none are given.
        moved: how gains move with the assumptions; None where it was not asked.
    """

    results: Mapping[str, Results]
    future: FutureProof | None = None
    beside: Beside | None = None
    moved: pd.DataFrame | None = None

    @property
    def proved(self) -> bool:
        """Whether every cell is proved to be the best of its class."""
        return all(bool(results.rows["optimal"].all()) for results in self._all())

    @property
    def cells(self) -> int:
        """Rows of all results."""
        return sum(len(results.rows) for results in self._all())

    def _all(self) -> Iterator[Results]:
        yield from self.results.values()
        if self.future is not None:
            yield self.future.results
            if self.future.mirrored is not None:
                yield self.future.mirrored

    @cached_property
    def _isolation(self) -> dict[str, pd.DataFrame]:
        """What each axis is worth, by objective."""
        return {objective: isolation_table(results) for objective, results in self.results.items()}

    def tables(self) -> dict[str, pd.DataFrame]:
        """What the study says, by caption: gains of classes, worth of axes, future-proofing, published figures."""
        tables = {}
        for objective, results in self.results.items():
            tables[f"Gain in {objective} over {RIGID}, geometric mean over the networks"] = class_table(results)
        for objective, table in self._isolation.items():
            tables[f"Gain in {objective} of each axis, geometric mean over the networks"] = isolation_means(table)
        if self.future is not None:
            about = self.future.designed.network
            tables[f"Speedup over the rigid design for {about}, and over its mirror image"] = future_table(self.future)
        if self.moved is not None:
            tables["Speedup over the rigid class as the assumptions move, geometric means"] = self.moved
        tables["What is published, and what is found here"] = figures_table(self)
        return tables if self.beside is None else tables | self.beside.tables()

    def files(self) -> dict[str, pd.DataFrame | str]:
        """The tables in full, by file name, and the designs."""
        gains = pd.concat([_by_network(results) for results in self.results.values()], ignore_index=True)
        isolation = [table.assign(objective=objective) for objective, table in self._isolation.items()]
        files: dict[str, pd.DataFrame | str] = {
            "classes.csv": gains,
            "isolation.csv": pd.concat(isolation, ignore_index=True),
            "figures.csv": figures_table(self),
        }
        if self.moved is not None:
            files["sensitivity.csv"] = self.moved
        if self.beside is not None:
            files |= {"beside.csv": self.beside.cells, "beside_broken.csv": self.beside.broken}
        if self.future is not None:
            files |= {f"future_proof/{name}": content for name, content in self.future.files().items()}
        return files

    def sentences(self) -> list[str]:
        """What was run, and what future-proofing says."""
        proved = "every one proved to be the best of its class" if self.proved else "not all of them proved"
        said = [f"{self.cells:,} cells, {proved}."]
        if self.future is not None:
            said.extend(self.future.sentences())
        return said if self.beside is None else said + self.beside.sentences()

    def reported(self) -> Results:
        """The results in latency with all that the study concludes, for the report."""
        strips = self.future.strips() if self.future is not None else {}
        latency = self.results[OBJECTIVES[0]]
        return with_findings(latency, "The paper's study", self.sentences(), self.tables(), strips)


def paper(
    archs: Archs = BASES,
    networks: Networks = NETWORKS,
    options: StudyOptions | None = None,
    progress: Progress | None = None,
    *,
    designed_for: str | None = DESIGNED_FOR,
    later: Sequence[str] = (*LATER, *TODAY),
) -> Paper:
    """Run the paper's study: all 16 classes, in latency and then in energy, and future-proofing in latency.

    Args:
        archs: the bases; a rigid design is made for the hardware of the first.
        networks: what the classes are compared on.
        options: of the studies; the objective does not count.
        progress: hears of finished cells.
        designed_for: the network of the past; None leaves future-proofing out.
        later: networks that came after it.
    """
    options = options or StudyOptions()
    results = {}
    for objective in OBJECTIVES:
        results[objective] = run_study(all_classes(), networks, archs, replace(options, objective=objective), progress)
    future = None
    if designed_for is not None:
        hardware = designable(load_arch_spec(listed(archs)[0], "paper"))
        latency = replace(options, objective=OBJECTIVES[0])
        future = future_proof(designed_for, later, hardware, latency, None, progress)
    return Paper(results, future)


def paper_plan(
    archs: Sequence[str], networks: Sequence[str], later: Sequence[str], options: StudyOptions
) -> tuple[int, int]:
    """Cells and parts of `paper`; no later networks stand for no future-proofing."""
    cells = len(OBJECTIVES) * count_cells(all_classes(), networks, options.network_parameters, len(archs))
    parts = len(OBJECTIVES)
    if later:
        classes = [*all_classes(), *mirrored_classes(all_classes())]
        cells += sum(count_cells([c], later, options.network_parameters) for c in classes)
        parts += 2
    return cells, parts


def designable(arch: ArchSpec) -> ArchSpec:
    """The hardware in which a rigid design has a place for depthwise channels: where output channels lie."""
    if arch.depthwise != "on_both_axes":
        return arch
    return arch.model_copy(update={"depthwise": "as_output_channels"})


def class_table(results: Results) -> pd.DataFrame:
    """Each class's gain over the rigid one in what was searched, geometric mean over networks: a column a base."""
    gains = _gains(results)
    table = gains.groupby(["class", "arch"], sort=False)["gain"].agg(geomean).unstack("arch")
    return _named(table[list(dict.fromkeys(gains["arch"]))])


def _by_network(results: Results) -> pd.DataFrame:
    """The gains behind `class_table`: one row for each objective, base, class and network."""
    gains = _gains(results)
    letters = [FlexClass.parse(name).opst for name in gains["class"]]
    return gains.assign(**{"O-P-S-T": letters})[["objective", "arch", "class", "O-P-S-T", "network", "gain"]]


def _gains(results: Results) -> pd.DataFrame:
    gains = results.speedups(RIGID)
    return gains.assign(gain=gains[_GAIN[str(gains["objective"].iloc[0])]].astype(float))


def _named(table: pd.DataFrame) -> pd.DataFrame:
    """A table by class with the classes' names in both orders of their letters."""
    classes = [str(c) for c in all_classes() if str(c) in table.index]
    table = table.loc[classes].rename_axis(index=None, columns=None)
    table.insert(0, "O-P-S-T", [FlexClass.parse(name).opst for name in classes])
    return table.rename_axis(index="class").reset_index()


def future_table(future: FutureProof) -> pd.DataFrame:
    """Speedup of each class over the rigid design by age of the networks, and over its mirror image."""
    table, mirrored = future.table(), future.mirrored_table()
    groups = {"later": list(table.columns.drop("geomean"))}
    if recent := [name for name in TODAY if name in table.columns]:
        groups = {"paper's": [n for n in groups["later"] if n not in recent], "today's": recent, "all": groups["later"]}
    shown = pd.DataFrame({name: _means(table, nets) for name, nets in groups.items() if nets})
    if mirrored is not None:
        for name, nets in groups.items():
            if nets:
                shown[f"{name}, mirrored"] = _means(mirrored, nets).reindex(shown.index)
    return _named(shown)


def _means(table: pd.DataFrame, networks: Sequence[str]) -> pd.Series:
    return table[list(networks)].apply(geomean, axis=1)


def figures_table(study: Paper) -> pd.DataFrame:
    """The abstract's figure, those of the authors' program as measured, and ours, one row each."""
    known = published()
    rows = [*_class_figures(study, known), *_future_figures(study, known), *_search_figures(study, known)]
    return pd.DataFrame(rows, columns=["figure", "O-P-S-T", "published", "ours", "ours by layer"])


Figure = tuple[str, str, str, str, str]


def _class_figures(study: Paper, known: Published) -> Iterator[Figure]:
    latency = study.results[OBJECTIVES[0]]
    over_networks, over_layers = class_table(latency).set_index("class"), _layer_means(latency)
    for base, speedups in known.speedups.items():
        if base not in over_networks:
            continue
        for name, speedup in speedups.items():
            ours, by_layer = over_networks[base][name], over_layers[base, name]
            yield f"{base} {name}", FlexClass.parse(name).opst, _text(speedup), _text(ours), _text(by_layer)


def _layer_means(results: Results) -> pd.Series:
    """Geometric means of the layers' gains, each shape of a network once, by base and class."""
    rows = rows_with_gains(results)
    return rows.groupby(["arch", "class"])[_GAIN[str(rows["objective"].iloc[0])]].agg(geomean)


def _future_figures(study: Paper, known: Published) -> Iterator[Figure]:
    full, latency = FULLY_FLEXIBLE.opst, study.results[OBJECTIVES[0]]
    gains = _gains(latency)
    later = gains[gains["network"].isin(LATER) & (gains["class"] == str(FULLY_FLEXIBLE))]
    for base, speedup in known.bases.items():
        own = later.loc[later["arch"] == base, "gain"]
        if len(own) == len(LATER):
            yield f"{base} itself, six later networks", full, _text(speedup), _text(geomean(own)), ""
    if study.future is None:
        return
    table, mirrored, near = study.future.table(), study.future.mirrored_table(), study.future.near
    name = str(FULLY_FLEXIBLE)
    abstract = _text(known.abstract_gain)
    yield "abstract: over a design of 2014", full, abstract, _text(table["geomean"][name]), ""
    if not set(LATER) <= set(table.columns):
        return
    six = list(LATER)
    yield "best design for AlexNet, six later", full, _text(known.best_for_alexnet), _text(_means(table, six)[name]), ""
    image = float("nan") if mirrored is None else float(_means(mirrored, six)[name])
    yield "its mirror image", full, _text(known.mirror_image), _text(image), ""
    if near is not None:
        ours = near[six].apply(geomean, axis=1)
        yield (
            "other seeds; here designs within 1 %",
            full,
            _span(known.other_seeds),
            _span((ours.min(), ours.max())),
            "",
        )


def _search_figures(study: Paper, known: Published) -> Iterator[Figure]:
    latency = study.results[OBJECTIVES[0]]
    classes = [FlexClass.parse(name) for name in dict.fromkeys(latency.rows["class"])]
    pairs = sum(1 for _ in comparable(classes)) * (len(latency.rows) // len(classes))
    theirs = f"{known.lattice.broken:,} of {known.lattice.pairs:,}"
    yield "pairs that break the lattice", "", theirs, f"0 of {pairs:,}", ""  # a study with one ends (`check_lattice`)
    full = latency.rows[latency.rows["class"] == str(FULLY_FLEXIBLE)]
    over = full["cycles"].astype(float) / _roofs(full, latency)
    yield "times the roofline", FULLY_FLEXIBLE.opst, _span(known.roofline), _span((over.min(), over.max())), ""


def _roofs(rows: pd.DataFrame, results: Results) -> pd.Series:
    """Cycles that the MACs alone take on all PEs, for each row."""
    pes = {name: ArchSpec.model_validate(about["spec"]).pes for name, about in results.meta["archs"].items()}
    return pd.Series(
        [ceil_div(macs, pes[a]) for a, macs in zip(rows["arch"], rows["macs"], strict=True)], index=rows.index
    )


def _span(ends: tuple[float, float]) -> str:
    return f"{_text(ends[0])} to {_text(ends[1])}"


def _text(value: float) -> str:
    return "–" if isnan(value) else f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"
