"""Cause each fault of ``tests/faults.py`` many times, each time with another seed, and table how many cells it cost.

``python benchmarks/fault_table.py [--times N] [--seed N] [--only WORD]``; exit status 1 if any cell was lost. Mounting
the small file systems of two of the faults needs root; without it they are left out, and the table says so.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from faults import CELLS, FAULTS, NEED_ROOT, can_mount


def cause(name: str, seed: int) -> tuple[int, str]:
    """Cause a fault; how many cells it cost, and what else went wrong."""
    with tempfile.TemporaryDirectory() as folder:
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
    with tempfile.TemporaryDirectory() as folder:
        mountable = can_mount(Path(folder))
    names = [name for name in FAULTS if given.only in name and (mountable or FAULTS[name] not in NEED_ROOT)]
    times, costs = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    for seed in range(given.seed, given.seed + given.times):
        for name in names:
            cost, trouble = cause(name, seed)
            times[name], costs[name] = times[name] + 1, costs[name] + cost
            print(f"seed {seed}: {name}: {trouble or f'{cost} lost'}", file=sys.stderr, flush=True)
    print("| fault | times | lost results |\n|---|---:|---:|")
    for name in FAULTS:
        if given.only in name:
            row = f"{times[name]} | {costs[name]}" if name in times else "0 | not tried: needs root"
            print(f"| {name} | {row} |")
    sys.exit(any(costs.values()))


if __name__ == "__main__":
    main()
