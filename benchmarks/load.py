"""What a cell costs beside its search: store, scheduling and memory, measured with an engine that does nothing.

``python benchmarks/load.py [--cells N] [--large N] [--repeat N]``. Each line is a process of its own. CPU time is that
of the process that runs the study and, where there are workers that it started itself, of these too; the least of
several runs. The last line is one run of many cells, for its memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

CASES = {
    "one process, no store": ("--no-store",),
    "one process, store filled": (),
    "one process, all in the store": ("--again",),
    "one process, whole layers, store filled": ("--whole-layers",),
    "two processes, store filled": ("--jobs", "2"),
    "two processes, whole layers, store filled": ("--jobs", "2", "--whole-layers"),
    "local Dask cluster of two, store filled": ("--jobs", "2", "--dask", "local"),
    "local Dask cluster of two, whole layers, store filled": ("--jobs", "2", "--dask", "local", "--whole-layers"),
}


def measure(given: argparse.Namespace) -> None:
    """Run one study in this process and print its figures as JSON."""
    from nothing_engine import NothingEngine, nothing_plan, some_layers

    from flexloop.classes import all_classes
    from flexloop.running.runner import Placement, run_layers

    with tempfile.TemporaryDirectory() as folder:
        plan = nothing_plan(None if given.no_store else Path(folder), NothingEngine(exhaustive=given.whole_layers))
        layers = some_layers(given.cells // 16)

        def study(placement: Placement) -> int:
            return len(list(run_layers(plan, all_classes(), layers, placement)))

        list(run_layers(nothing_plan(None), all_classes(), some_layers(1), Placement()))  # what is done once
        if given.again:
            study(Placement())
        before, began, used = _peak_mib(), time.perf_counter(), _cpu_s()
        cells = study(Placement(given.jobs, given.dask))
        figures = {"cells": cells, "wall_s": time.perf_counter() - began, "cpu_s": _cpu_s() - used}
        print(json.dumps({**figures, "before_mib": before, "peak_mib": _peak_mib()}))


def _cpu_s() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def run(*options: str) -> dict[str, float]:
    """One study in a fresh process."""
    command = [sys.executable, __file__, "--measure", *options]
    figures: dict[str, float] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=2000)
    parser.add_argument("--large", type=int, default=100_000, help="cells of the run that is measured for its memory")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--no-store", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--again", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--whole-layers", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--jobs", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--dask", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        measure(given)
        return
    print("| where | cells | cells a second | CPU ms a cell | wall ms a cell |\n|---|---:|---:|---:|---:|")
    for name, options in CASES.items():
        runs = [run("--cells", str(given.cells), *options) for _ in range(given.repeat)]
        wall, cpu = min(r["wall_s"] for r in runs), min(r["cpu_s"] for r in runs)
        cells = int(runs[0]["cells"])
        print(
            f"| {name} | {cells} | {cells / wall:.0f} | {1e3 * cpu / cells:.2f} | {1e3 * wall / cells:.2f} |",
            flush=True,
        )
    large = run("--cells", str(given.large), "--no-store")
    kept = large["peak_mib"] - large["before_mib"]
    print(
        f"\n{large['cells']:.0f} cells in one study: {large['peak_mib']:.0f} MiB at most, of which {kept:.0f} MiB "
        f"for the cells ({1024 * kept / large['cells']:.1f} KiB each), {large['cells'] / large['wall_s']:.0f} a second"
    )


if __name__ == "__main__":
    main()
