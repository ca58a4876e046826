"""Cause each fault of ``tests/faults.py`` many times, each time with another seed, and table how many cells it cost.

``python benchmarks/fault_table.py [--times N] [--seed N] [--only WORD]``; exit status 1 if any cell was lost. Faults
that cannot be caused here (for want of root, Dask, libfaketime or containers) are left out, and the table says so.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from faults import CELLS, FAULTS, obstacle


def cause(name: str, seed: int) -> tuple[int, str]:
    """Cause a fault; how many cells it cost, and what else went wrong."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        try:
            return FAULTS[name](Path(folder), random.Random(seed)), ""
        except AssertionError as error:
            return CELLS, str(error).splitlines()[0] if str(error) else "assertion failed"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="faults whose name holds this word")
    given = parser.parse_args()
    chosen = [name for name in FAULTS if given.only in name]
    with tempfile.TemporaryDirectory() as folder:
        obstacles = {name: obstacle(FAULTS[name], Path(folder)) for name in chosen}
    names = [name for name in chosen if not obstacles[name]]
    times, costs = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    for seed in range(given.seed, given.seed + given.times):
        for name in names:
            cost, trouble = cause(name, seed)
            times[name], costs[name] = times[name] + 1, costs[name] + cost
            print(f"seed {seed}: {name}: {trouble or f'{cost} lost'}", file=sys.stderr, flush=True)
    print("| fault | times | lost results |\n|---|---:|---:|")
    for name in chosen:
        row = f"{times[name]} | {costs[name]}" if name in times else f"0 | not tried: {obstacles[name]}"
        print(f"| {name} | {row} |")
    sys.exit(any(costs.values()))


if __name__ == "__main__":
    main()
