"""How many cells of the example designs of Timeloop's exercises are proved, and in what CPU time a search takes.

The designs are those of tests/data/designs, with the shipped table's energies. Nothing is taken from the store. A cell
is proved where its objective is, and its tie-break among mappings that are as good in that.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

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


def cells(
    name: str, classes: list[FlexClass], layers: list[Layer], options: SearchOptions
) -> Iterator[tuple[float, float, bool]]:
    """CPU seconds and gap of each cell of a design, and whether objective and tie-break are proved."""
    engine, design = EmbeddedEngine(), load_arch(DESIGNS / f"{name}.yaml")
    energy = energy_tables("table", design)
    for flexclass in classes:
        for layer in layers:
            space = mapspace(flexclass, design, layer)
            begin = time.process_time()
            try:
                found = engine.map(space, energy, options, (), Path())
            except UnmappableError:
                continue
            seconds, (best, tie) = time.process_time() - begin, cost(options.objective, found.evaluation)
            gap = 0.0 if found.optimal else 1 - (found.lower_bound or 0.0) / best
            yield seconds, gap, found.optimal and found.tie_bound >= tie * (1 - 1e-9)


def main() -> int:
    """Run the searches; 1 if a proof is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--design", action="append", choices=NAMES)
    parser.add_argument("--net", action="append", help="networks whose layers are searched")
    parser.add_argument("--classes", action="store_true", help="all 16 classes, not the design as it is alone")
    parser.add_argument("--objective", action="append", choices=get_args(Objective))
    parser.add_argument("--effort", default="normal", help="quick, normal or thorough")
    parser.add_argument("--every", type=int, default=1, help="take only every so-manieth layer")
    options = parser.parse_args()

    classes = list(all_classes()) if options.classes else [FlexClass.of("T0O0P0S0")]
    networks = load_networks(options.net or NETWORKS, {})
    layers = list({layer.shape_key: layer for network in networks for layer in network.layers}.values())
    print(f"{'design':26} {'objective':9} {'proved':>9} {'median s':>9} {'worst s':>8} {'largest gap':>12} {'MB':>6}")
    proved = True
    for name in options.design or NAMES:
        for objective in options.objective or get_args(Objective):
            found = list(cells(name, classes, layers[:: options.every], SearchOptions(objective, options.effort)))
            seconds, gaps = sorted(s for s, _, _ in found), [gap for _, gap, _ in found]
            done = sum(is_proved for _, _, is_proved in found)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"{name:26} {objective:9} {done:4}/{len(found):4} {seconds[len(seconds) // 2]:9.2f} "
                  f"{seconds[-1]:8.2f} {max(gaps):12.2g} {peak:6.0f}", flush=True)  # fmt: skip
            proved &= done == len(found)
    return 0 if proved else 1


if __name__ == "__main__":
    sys.exit(main())
