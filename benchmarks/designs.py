"""How many cells of the example designs of Timeloop's exercises are proved, and in what CPU time a search takes.

The designs are those of tests/data/designs, with the shipped table's energies. Nothing is taken from the store. A cell
is proved where its objective is, and its tie-break among mappings that are as good in that.

With Timeloop on PATH ``timeloop-mapper`` searches each mapspace too, on the files that the engine ``timeloop`` writes:
random sampling in one thread, for so many times the wall time of the embedded search, within the limits stated;
``timeloop-model`` evaluates both mappings. Exit status 1 means that a proof is missing, 2 that one is wrong:
``timeloop-mapper`` has found something better.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import get_args

from _contest import ROUNDING, Contest, contest
from _timeloop import missing

from flexloop.arch.load import load_arch
from flexloop.classes import FlexClass, all_classes
from flexloop.energysources.choose import energy_tables
from flexloop.engines.base import Objective, SearchOptions, cost
from flexloop.engines.embedded import EmbeddedEngine
from flexloop.errors import UnmappableError
from flexloop.mapspace import mapspace
from flexloop.subjects import load_networks
from flexloop.workloads.layers import Layer

DESIGNS = Path(__file__).parents[1] / "tests" / "data" / "designs"
NAMES = ("simple_weight_stationary", "simple_output_stationary", "simba_like", "eyeriss_like")
NETWORKS = ("vgg16", "resnet50", "mobilenet_v2", "bert")


@dataclass(frozen=True)
class Budget:
    """Wall time for ``timeloop-mapper``: so many times the embedded search's, and seconds a cell at least and at most.

    More where a cell needs many runs: each gets two seconds.
    """

    times: float
    least_s: float
    most_s: float

    def seconds(self, embedded_s: float) -> float:
        """For a cell whose embedded search has taken so long."""
        return min(max(self.times * embedded_s, self.least_s), self.most_s)

    def __str__(self) -> str:
        """One line for the output."""
        return (
            f"timeloop-mapper gets {self.times:g} times the wall time of the embedded search, {self.least_s:g} s at "
            f"least and {self.most_s:g} s at most"
        )


@dataclass(frozen=True)
class Cell:
    """What came out for one class and layer.

    Attributes:
        label: class, network and layer.
        seconds: CPU time of the search.
        gap: how far below the mapping's cost the optimum may lie, as a share of the cost.
        proved: whether objective and tie-break are.
        contest: ``timeloop-mapper``'s mapping beside it, where it was asked.
    """

    label: str
    seconds: float
    gap: float
    proved: bool
    contest: Contest | None

    def __str__(self) -> str:
        """One line: costs as ``timeloop-model`` says, and the ratio of Timeloop's to the embedded mapping's."""
        line = f"{self.label}: {self.seconds:.2f} s, {'proved' if self.proved else f'gap {self.gap:.2g}'}"
        if (other := self.contest) is not None:
            theirs = (
                f"none ({other.mappings[1]})" if other.timeloop is None else f"{other.timeloop} (x {other.ratio:.6g})"
            )
            line += f", {other.embedded}; timeloop-mapper: {theirs} in {other.runs} runs, {other.seconds:.1f} s"
        return line


def cells(
    name: str, classes: list[FlexClass], layers: dict[str, Layer], options: SearchOptions, budget: Budget | None
) -> Iterator[Cell]:
    """The cells of a design that can be mapped."""
    engine, design = EmbeddedEngine(), load_arch(DESIGNS / f"{name}.yaml")
    energy = energy_tables("table", design)
    for flexclass in classes:
        for label, layer in layers.items():
            space = mapspace(flexclass, design, layer)
            begin, on_the_wall = time.process_time(), time.monotonic()
            try:
                found = engine.map(space, energy, options, (), Path())
            except UnmappableError:
                continue
            seconds, wall = time.process_time() - begin, time.monotonic() - on_the_wall
            best, tie = cost(options.objective, found.evaluation)
            gap = 0.0 if found.optimal else 1 - (found.lower_bound or 0.0) / best
            proved = found.optimal and found.tie_bound >= tie * (1 - 1e-9)
            beside = None
            if budget is not None:
                given = budget.seconds(wall)
                beside = contest(space, energy, options.objective, found.candidate, given, options.threads)
            yield Cell(f"{flexclass} {label}", seconds, gap, proved, beside)


def beaten(cell: Cell) -> str | None:
    """What to say where ``timeloop-mapper`` has found something better."""
    if cell.contest is None or not cell.contest.worse:
        return None
    kind = "WRONG PROOF" if cell.proved else "better, no proof is claimed"
    return "\n  ".join([f"{kind}: {cell}", *cell.contest.mappings])


def summary(found: Sequence[Cell]) -> str:
    """Cells proved, seconds, the largest gap, and the most memory so far."""
    seconds = [cell.seconds for cell in found]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    line = f"{sum(cell.proved for cell in found):4}/{len(found):4} {median(seconds):9.2f} {max(seconds):8.2f}"
    return line + f" {max(cell.gap for cell in found):12.2g} {peak:6.0f}"


def compared(found: Sequence[Cell]) -> str:
    """What ``timeloop-mapper`` made of the cells: its seconds, where it reached the embedded mapping's cost, ratios."""
    contests = [cell.contest for cell in found if cell.contest is not None]
    if not contests:
        return ""
    seconds = sorted(c.seconds for c in contests)
    ratios = sorted(c.ratio for c in contests if c.ratio is not None)
    reached = sum(ratio <= 1 + ROUNDING for ratio in ratios)
    line = f" {median(seconds):10.1f} {seconds[-1]:7.1f} {reached:7} {len(contests) - len(ratios):7}"
    return line + (f" {median(ratios):8.4g} {ratios[-1]:8.4g}" if ratios else "")


def main() -> int:
    """Run the searches; 1 if a proof is missing, 2 if one is wrong."""
    options = arguments()
    budget = Budget(options.timeloop_times, options.timeloop_least, options.timeloop_most)
    compares = budget.times > 0 and missing() is None
    if budget.times > 0:
        print(missing() or budget)
    classes = list(all_classes()) if options.classes else [FlexClass.of("T0O0P0S0")]
    unique: dict[Hashable, tuple[str, Layer]] = {}
    for network in load_networks(options.net or NETWORKS, {}):
        for layer in network.layers:
            unique.setdefault(layer.shape_key, (f"{network.name} {layer.name}", layer))
    layers = dict(list(unique.values())[:: options.every])
    print(f"{'design':26} {'objective':9} {'proved':>9} {'median s':>9} {'worst s':>8} {'largest gap':>12} {'MB':>6}"
          + f" {'Timeloop s':>10} {'most s':>7} {'reached':>7} {'nothing':>7} {'ratio':>8} {'worst':>8}" * compares,
          flush=True)  # fmt: skip
    status = 0
    for name in options.design or NAMES:
        for objective in options.objective or get_args(Objective):
            search = SearchOptions(objective, options.effort)
            found = []
            for cell in cells(name, classes, layers, search, budget if compares else None):
                found.append(cell)
                if options.each:
                    print(f"  {name} {objective} {cell}", flush=True)
                if (said := beaten(cell)) is not None:
                    print(f"{name} {objective} {said}", flush=True)
                    status = 2 if cell.proved else status
            print(f"{name:26} {objective:9} {summary(found)}{compared(found)}", flush=True)
            status = status or int(not all(cell.proved for cell in found))
    return status


def arguments() -> argparse.Namespace:
    """The command line's."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--design", action="append", choices=NAMES)
    parser.add_argument("--net", action="append", help="networks whose layers are searched")
    parser.add_argument("--classes", action="store_true", help="all 16 classes, not the design as it is alone")
    parser.add_argument("--objective", action="append", choices=get_args(Objective))
    parser.add_argument("--effort", default="normal", help="quick, normal or thorough")
    parser.add_argument("--every", type=int, default=1, help="take only every so-manieth layer")
    parser.add_argument("--each", action="store_true", help="a line for each cell, too")
    seconds = "of its time a cell, at %s (default: %%(default)s)"
    parser.add_argument("--timeloop-times", type=float, default=100, help="0: do without it (default: %(default)s)")
    parser.add_argument("--timeloop-least", type=float, default=5, help=f"seconds {seconds % 'least'}")
    parser.add_argument("--timeloop-most", type=float, default=30, help=f"seconds {seconds % 'most'}")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
