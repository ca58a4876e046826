"""How a rigid design ages: designed for one network, run on others, with every class of flexibility added.

The paper's abstract reports that adding flexibility to an accelerator designed in 2014 improves the runtime of
present-day DNNs by 11.8x (geometric mean). Here the accelerator of 2014 is a reproducible object, the best rigid design
for AlexNet on a stated hardware, and the gain is whatever comes out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import nan
from typing import Any

import numpy as np
import pandas as pd

from flexloop.arch.base import Arch
from flexloop.arch.fields import Pair
from flexloop.arch.load import ArchSource, load_arch
from flexloop.classes import FULLY_FLEXIBLE, RIGID, Axis, Degree, FlexClass, all_classes
from flexloop.engines.base import parse_objective
from flexloop.report.findings import with_findings
from flexloop.report.strip import Strip
from flexloop.results.table import Results
from flexloop.running.notebook import shown_in_notebooks
from flexloop.running.progress import Progress
from flexloop.studies.analysis import cost_column
from flexloop.studies.design import DesignOutcome, design, design_text
from flexloop.studies.neardesigns import NearDesigns
from flexloop.study import DEFAULT_ARCH, StudyOptions, count_cells, run_study
from flexloop.subjects import Networks, load_networks, some
from flexloop.tables.totals import geomean
from flexloop.workloads.layers import Network

FUTURE = (
    "mnasnet", "resnet50", "mobilenet_v2", "bert", "dlrm", "ncf",
    "vit_b16", "gpt2", "llama3_8b_prefill", "llama3_8b_decode",
)  # fmt: skip
"""The networks that came after."""

PAPER_GEOMEAN = 11.8
"""The abstract's geometric mean speedup of full flexibility over a design of 2014."""

DIFFERENCES = (
    "hardware: ours is the arch spec named above; the abstract does not say its PEs, buffers or bandwidths",
    "the rigid design: ours is the best found for the network of the past; the abstract says only 'designed in 2014'",
    "mirror images: a network of square images cannot tell P from Q; of two such designs ours tiles P, where the rows "
    "of matrix products lie, which makes the gain smaller",
    "networks: ours are listed above, with their versions and sequence lengths; the abstract says 'present-day DNNs'",
    "mapper: ours proves its optima, so a rigid design and a flexible one are both at their best",
    "cost model: Timeloop's counting rules with bandwidth throttling; the abstract does not say its model",
    "fixed tiles on layers that they do not divide: the rules edge and depthwise of the arch spec are our definitions",
)
"""What is known to differ from the paper, or not known to agree."""


SENSITIVE = (RIGID, *(RIGID.replace(axis, Degree.FULL) for axis in Axis), FULLY_FLEXIBLE)
"""The classes that `sensitivity` runs: the rigid one, each axis alone, and everything free."""

NEAR = 0.01
"""How much more than the best design found those may cost, relatively, among which the gain is looked at."""

NO_DESIGN = "none: "
"""How what is said of a variation begins that has no rigid design."""


@dataclass(frozen=True)
class FutureProof:
    """A rigid design and what flexibility adds to it.

    Attributes:
        designed: the design, with how good it is.
        results: every class on every later network.
        mirrored: of the classes of `SENSITIVE` on the design's mirror image, where there is one.
        near: what `near_gains` says of the designs that are nearly as good; None where it was not asked.
    """

    designed: DesignOutcome
    results: Results
    mirrored: Results | None = None
    near: pd.DataFrame | None = None

    @property
    def title(self) -> str:
        """What the rigid design was made for."""
        return f"Designed for {self.designed.network}" if self.designed.network else "A rigid design as given"

    def table(self) -> pd.DataFrame:
        """Speedup of each class over the rigid design: one column a network, and ``geomean``; one row a class."""
        return speedup_table(self.results)

    def tables(self) -> dict[str, pd.DataFrame]:
        """Speedups over the design, and over its mirror image where there is one, by caption."""
        tables = {f"Speedup over the rigid design. {self.title}": self.table().reset_index()}
        mirrored = self.mirrored_table()
        if mirrored is not None:
            tables["Speedup over its mirror image, P and Q exchanged"] = mirrored.reset_index()
        return tables

    def files(self) -> dict[str, pd.DataFrame | str]:
        """The designs as arch specs, and the tables, by file name."""
        files: dict[str, pd.DataFrame | str] = {"design.yaml": design_text(self.designed)}
        if self.designed.mirror is not None:
            files["mirror.yaml"] = design_text(replace(self.designed, arch=self.designed.mirror))
        files |= dict(zip(("speedups.csv", "speedups_mirror.csv"), self.tables().values(), strict=False))
        return files if self.near is None else files | {"near.csv": self.near}

    def mirrored_table(self) -> pd.DataFrame | None:
        """The same over the design's mirror image."""
        return None if self.mirrored is None else speedup_table(self.mirrored)

    def sentences(self) -> list[str]:
        """The design, the gain of full flexibility beside the paper's, and what is known to differ."""
        said = [f"The rigid design: {self.designed.statement}."]
        if str(FULLY_FLEXIBLE) in set(self.results.rows["class"]):
            gain = self.table()["geomean"][str(FULLY_FLEXIBLE)]
            said.append(
                f"Full flexibility over it: {gain:.2f}x (geometric mean); the paper's abstract: {PAPER_GEOMEAN}x."
            )
            said.extend(self._other_designs())
        return said + [f"Differs: {difference}." for difference in DIFFERENCES]

    def _other_designs(self) -> Iterator[str]:
        """What designs as good, or nearly as good, would have made of it."""
        past, table = self.designed.network, self.mirrored_table()
        if table is not None:
            gain = table["geomean"][str(FULLY_FLEXIBLE)]
            yield f"Its mirror image, P and Q exchanged, costs {past} the same; full flexibility over it: {gain:.2f}x."
        if self.near is not None and self.designed.near is not None:
            gains, found = self.near["geomean"], self.designed.near.found
            seen = f"{found:,}" if found == len(gains) else f"{len(gains):,} drawn of the {found:,}"
            yield (
                f"Over the {seen} designs costed that cost {past} at most {NEAR:.0%} more than the best: "
                f"{gains.min():.2f}x to {gains.max():.2f}x, median {gains.median():.2f}x."
            )

    def marks(self) -> dict[str, float]:
        """The gains of full flexibility that a picture of the near designs names."""
        named = {"the design": self.table()["geomean"][str(FULLY_FLEXIBLE)]}
        mirrored = self.mirrored_table()
        if mirrored is not None:
            named["its mirror image"] = mirrored["geomean"][str(FULLY_FLEXIBLE)]
        return {name: float(gain) for name, gain in named.items()} | {"the paper's abstract": PAPER_GEOMEAN}

    def strips(self) -> dict[str, Strip]:
        """The gains over all designs that are nearly as good, as a picture."""
        if self.near is None:
            return {}
        caption = f"Gain of full flexibility over each rigid design within {NEAR:.0%} of the best"
        return {caption: Strip(tuple(self.near["geomean"]), self.marks())}

    def reported(self, sensitivity: pd.DataFrame | None = None) -> Results:
        """The results with what the study concludes, for the report.

        Args:
            sensitivity: what `sensitivity` returned, to be shown too.
        """
        tables, sentences = self.tables(), self.sentences()
        if sensitivity is not None:
            tables["Geometric mean speedup as the assumptions move"] = sensitivity
            cells = len(SENSITIVE) * len(self.results.rows.drop_duplicates(["network", "layer"]))
            run = int((~sensitivity["rigid"].str.startswith(NO_DESIGN)).sum())
            sentences.append(
                f"The assumptions moved took {run} x {cells} = {run * cells} cells beside this study's own."
            )
        return with_findings(self.results, self.title, sentences, tables, self.strips())


def speedup_table(results: Results) -> pd.DataFrame:
    """Speedup of each class over the rigid one by network, and the geometric mean over networks, rows by class."""
    gains = results.speedups(RIGID)
    table = gains.pivot(index="class", columns="network", values="speedup")
    table = table.loc[list(dict.fromkeys(gains["class"])), list(dict.fromkeys(gains["network"]))]
    table.insert(0, "geomean", [geomean(row) for _, row in table.iterrows()])
    return table


@shown_in_notebooks
def future_proof(
    designed_for: str | Network = "alexnet",
    networks: Networks = FUTURE,
    arch: ArchSource = DEFAULT_ARCH,
    options: StudyOptions | None = None,
    classes: str | FlexClass | Sequence[str | FlexClass] | None = None,
    progress: Progress | None = None,
    pairs: Sequence[Pair] | None = None,
    rigid: bool = False,
    *,
    alone: bool = False,
    later: tuple[int, int] | None = None,
    **more: Any,
) -> FutureProof:
    """Design a rigid accelerator for one network and run later ones on it under every class.

    Beside it stand the design's mirror image, where the network of the past cannot tell it apart, and the gains over
    all designs that were found nearly as good.

    Args:
        designed_for: the network of the past.
        networks: those that came after; the rigid design must map them too.
        arch: the hardware.
        options: of the study; ``objective`` is the design's as well (default latency).
        classes: which classes; None takes all 16.
        progress: told of finished cells.
        pairs: pairs that the design may unroll; None takes any.
        rigid: whether the arch is the rigid accelerator as it stands, and nothing is designed.
        alone: the design only, without its mirror image and its near rivals.
        later: cells and parts of what the caller runs afterwards; where it is given, progress hears the plan of all.
        more: single options, as for `flexloop.run`; they count before those in ``options``.
    """
    options = StudyOptions.of(options or StudyOptions(objective="latency"), **more)
    chosen = all_classes() if classes is None else [FlexClass.of(name) for name in some("class", classes)]
    networks = load_networks(networks, options.network_parameters)

    def planned(*runs: Sequence[FlexClass]) -> None:
        if progress is not None and later is not None:
            cells = sum(len(run) * count_cells([RIGID], networks) for run in runs)
            progress.plan(cells + later[0], len(runs) + later[1])

    planned(chosen)
    if rigid:
        results = run_study(chosen, networks, arch, options, progress)
        return FutureProof(_given(load_arch(arch), options), results)
    designed = design(
        designed_for, arch, must_map=networks, objective=options.objective, energy=options.energy,
        engines=options.engines, seed=options.seed, pairs=pairs, network_parameters=options.network_parameters,
        time_limit=options.time_limit, within=0.0 if alone else NEAR,
    )  # fmt: skip
    has_mirror = designed.mirror is not None and not alone
    planned(chosen, *([mirrored_classes(chosen)] if has_mirror else []))
    results = run_study(chosen, networks, designed.arch, options, progress)
    mirrored = None
    if designed.mirror is not None and has_mirror:
        mirrored = run_study(mirrored_classes(chosen), networks, designed.mirror, options, progress)
    near = None if designed.near is None else near_gains(designed.near, results, networks, options)
    return FutureProof(designed, results, mirrored, near)


def mirrored_classes(classes: Sequence[FlexClass]) -> list[FlexClass]:
    """The classes that are run on a design's mirror image."""
    return [c for c in classes if c in SENSITIVE]


def near_gains(
    near: NearDesigns, results: Results, networks: Sequence[str | Network], options: StudyOptions
) -> pd.DataFrame | None:
    """What full flexibility gains over each of the near designs: one row a design, one column a network, and the mean.

    The flexible accelerator is that of the best design. None where it was not run, or has a network without a total.
    """
    totals = results.totals
    flexible = totals[totals["class"] == str(FULLY_FLEXIBLE)].set_index("network")[cost_column(results)]
    if flexible.empty or flexible.isna().any():
        return None
    loaded = load_networks(networks, options.network_parameters)
    gains = pd.DataFrame({net.name: near.costs(net) / float(flexible[net.name]) for net in loaded})
    gains.insert(0, "geomean", np.exp(np.log(gains).mean(axis=1)))
    return gains


def _given(arch: Arch, options: StudyOptions) -> DesignOutcome:
    """A rigid accelerator that nobody searched."""
    return DesignOutcome(
        arch=arch,
        network="",
        objective=parse_objective(options.objective),
        cost=nan,
        lower_bound=0.0,
        evaluated=0,
        candidates=0.0,
        statement=arch.description,
    )
