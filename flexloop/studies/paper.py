"""The paper's own study: all 16 classes on its authors' bases and networks, in latency and in energy.

Three questions, each answered by the study that asks it everywhere else: what the classes gain (`compare`), what an
axis is worth (`isolate`), and how a rigid design of the past ages (`future_proof`). What comes out stands beside what
the abstract says and what the authors' public program finds (`flexloop.studies.kao`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import pandas as pd

from flexloop.arch.base import Arch
from flexloop.arch.load import load_arch
from flexloop.classes import RIGID, all_classes
from flexloop.networks import load_network
from flexloop.report.findings import with_findings
from flexloop.results.table import Results
from flexloop.running.progress import Progress
from flexloop.studies.futureproof import FutureProof, future_proof, mirrored_classes
from flexloop.studies.isolate import isolation_means, isolation_table
from flexloop.studies.kao import BASES, LATER, NETWORKS, PREFIX, TODAY
from flexloop.studies.othertool import OtherTool
from flexloop.studies.paperfigures import figures_table
from flexloop.studies.papertables import by_network, class_table, future_table
from flexloop.studies.shapes import shape_summary
from flexloop.study import StudyOptions, count_cells, run_study
from flexloop.subjects import Archs, Networks, listed, load_networks
from flexloop.workloads.layers import Network

OBJECTIVES = ("latency", "energy")
"""What is minimised, in turn."""

DESIGNED_FOR = "kao_alexnet"
"""The network of the past, in the shapes that the authors' program has."""


@dataclass(frozen=True)
class Paper:
    """The study.

    Attributes:
        results: every class on every network and base, by objective.
        future: how the rigid design for the network of the past ages; None where it was not asked.
        other_tool: another tool's latencies beside ours; None where none are given.
        sensitivity: how gains move with the assumptions; None where it was not asked.
        shapes: the authors' networks beside this project's own (`shape_summary`); None where none of them was run.
    """

    results: Mapping[str, Results]
    future: FutureProof | None = None
    other_tool: OtherTool | None = None
    sensitivity: pd.DataFrame | None = None
    shapes: pd.DataFrame | None = None

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
        if self.sensitivity is not None:
            shown = self.sensitivity.drop(columns=["cells", "proved"])
            tables["Speedup over the rigid class as the assumptions move, geometric means"] = shown
        if self.shapes is not None:
            tables["Networks as the authors' program has them, and as published (other)"] = self.shapes
        tables["What is published, and what is found here"] = figures_table(self.results[OBJECTIVES[0]], self.future)
        return tables if self.other_tool is None else tables | self.other_tool.tables()

    def files(self) -> dict[str, pd.DataFrame | str]:
        """The tables in full, by file name, and the designs."""
        gains = pd.concat([by_network(results) for results in self.results.values()], ignore_index=True)
        isolation = [table.assign(objective=objective) for objective, table in self._isolation.items()]
        files: dict[str, pd.DataFrame | str] = {
            "classes.csv": gains,
            "isolation.csv": pd.concat(isolation, ignore_index=True),
            "figures.csv": figures_table(self.results[OBJECTIVES[0]], self.future),
        }
        if self.sensitivity is not None:
            files["sensitivity.csv"] = self.sensitivity
        if self.shapes is not None:
            files["networks.csv"] = self.shapes
        if self.other_tool is not None:
            files |= {"other_tool.csv": self.other_tool.cells, "other_tool_broken.csv": self.other_tool.broken}
        if self.future is not None:
            files |= {f"future_proof/{name}": content for name, content in self.future.files().items()}
        return files

    def sentences(self) -> list[str]:
        """What was run, and what future-proofing says."""
        proved = "every one proved to be the best of its class" if self.proved else "not all of them proved"
        said = [f"{self.cells:,} cells, {proved}."]
        if self.sensitivity is not None:
            cells, of_them = int(self.sensitivity["cells"].sum()), int(self.sensitivity["proved"].sum())
            sure = "every one" if of_them == cells else f"{of_them:,} of them"
            said.append(f"{cells:,} cells more with an assumption changed, {sure} proved.")
        if self.future is not None:
            said.extend(self.future.sentences())
        return said if self.other_tool is None else said + self.other_tool.sentences()

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
    networks = load_networks(networks, options.network_parameters)
    results = {}
    for objective in OBJECTIVES:
        results[objective] = run_study(all_classes(), networks, archs, replace(options, objective=objective), progress)
    future = None
    if designed_for is not None:
        hardware = designable(load_arch(listed(archs)[0]))
        latency = replace(options, objective=OBJECTIVES[0])
        future = future_proof(designed_for, later, hardware, latency, None, progress)
    own = [(net, _as_published(net)) for net in networks if net.name in NETWORKS]
    return Paper(results, future, shapes=shape_summary(own) if own else None)


def _as_published(network: Network) -> Network:
    """This project's own form of one of the authors' networks, of the same batch."""
    own = load_network(network.name.removeprefix(PREFIX))
    return load_network(own.name, **{n: v for n, v in network.parameters.items() if n in own.parameters})


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


def designable(arch: Arch) -> Arch:
    """The hardware in which a rigid design has a place for depthwise channels: where output channels lie."""
    if arch.depthwise != "on_both_axes":
        return arch
    return arch.model_copy(update={"depthwise": "as_output_channels"})
