"""Search time against the size of the mapspace for chains of 3, 5, 7 and 9 storage levels with one fanout.

Matrix products and convolutions, everything kept, factors and orders free, EDP; CPU time of one thread, each search
once: a second one would find tables of the first. Prints a table in Markdown, as in docs/search.md.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from search import timed

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from nasty_spaces import CONVOLUTION, document, space_of

from flexloop.embedded.mapper import Space
from flexloop.embedded.mapper.sampler import choices_of

DEPTHS: dict[int, list[int | None]] = {
    3: [None, 16384, 64],
    5: [None, 65536, 16384, 256, 64],
    7: [None, 262144, 65536, 16384, 1024, 256, 64],
    9: [None, 1048576, 262144, 65536, 16384, 4096, 1024, 256, 64],
}
"""Words of each level, outermost first; 16 instances of all below the one of 16,384 words."""
PROBLEMS: dict[str, dict[str, int]] = {
    "matmul 4x4x4": {"M": 4, "K": 4, "N": 4},
    "matmul 8x8x8": {"M": 8, "K": 8, "N": 8},
    "matmul 16x16x16": {"M": 16, "K": 16, "N": 16},
    "matmul 64x64x64": {"M": 64, "K": 64, "N": 64},
    "convolution 16x16, 14x14, 3x3": {"N": 1, "C": 16, "M": 16, "R": 3, "S": 3, "P": 14, "Q": 14},
}


def chain(depths: list[int | None], bounds: dict[str, int]) -> Space:
    """The mapspace of a problem on a chain of levels."""
    fanouts = [16 if depth == 16384 else 1 for depth in depths]
    return space_of(document(depths, fanouts, bounds, CONVOLUTION if "R" in bounds else None), keep=True)


def main() -> int:
    """Search every problem on every chain; 1 if a proof is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=float, default=60.0, help="CPU seconds after which a proof is given up")
    options = parser.parse_args()
    print("| problem | " + " | ".join(f"{levels} levels" for levels in DEPTHS) + " |")
    print("|---|" + "---|" * len(DEPTHS))
    proved = True
    shallow = chain([None, 16384, 256, 64], PROBLEMS["convolution 16x16, 14x14, 3x3"])
    timed(shallow, "edp", 1, options.limit)  # which loads the kernels
    for name, bounds in PROBLEMS.items():
        cells = []
        for depths in DEPTHS.values():
            space = chain(depths, bounds)
            seconds, optimum = timed(space, "edp", 1, options.limit)
            proved &= optimum.certificate.optimal
            gap = "" if optimum.certificate.optimal else f", gap {optimum.gap:.1%}"
            cells.append(f"{float(choices_of(space).size()):.0e}, {seconds:.2f} s{gap}")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
    return 0 if proved else 1


if __name__ == "__main__":
    sys.exit(main())
