"""Whole processes from a shell: the first run on a machine, compilation included, warm runs, and a comparison.

Wall time, CPU time of the process and all that it started, and the largest resident set of any of them.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUN = ("run", "--class", "T1O0P1S0", "--net", "bert")
WARM_RUNS = 5


def flexloop(arguments: tuple[str, ...], cache: Path) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and MB of one command; results of a study are not taken from the store."""
    study = arguments[0] in ("run", "compare")
    extra = ("--no-store", "--quiet", "-o", str(cache / "results")) if study else ()
    given = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    before, begun = os.times(), time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", "from flexloop.cli import app; app()", *arguments, *extra],
        env=given | {"XDG_CACHE_HOME": str(cache)},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    wall, after = time.perf_counter() - begun, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return wall, cpu, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def report(name: str, runs: list[tuple[float, float, float]]) -> None:
    """One line: the fastest of the runs."""
    wall, cpu = min(run[0] for run in runs), min(run[1] for run in runs)
    print(f"{name:60} {wall:8.2f} s {cpu:8.2f} CPU s {max(run[2] for run in runs):8,.0f} MB", flush=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder)
        report("flexloop --help", [flexloop(("--help",), cache) for _ in range(3)])
        report("flexloop classes", [flexloop(("classes",), cache) for _ in range(3)])
        report(f"flexloop {' '.join(RUN)}, the first time", [flexloop(RUN, cache)])
        report(f"flexloop {' '.join(RUN)}, warm", [flexloop(RUN, cache) for _ in range(WARM_RUNS)])
        report("flexloop compare --net bert, 16 classes, warm", [flexloop(("compare", "--net", "bert"), cache)])


if __name__ == "__main__":
    main()
