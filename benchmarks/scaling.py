"""Search time against the size of the mapspace: matmuls, convolutions and depthwise layers from tiny to large.

Prints one line a problem and draws ``docs/figures/search_time.svg``; golden architecture ``base``, bypass pinned,
everything else free, EDP, CPU time of one thread, the least of several runs.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from _problems import convolution, depthwise, matmul
from search import timed

from flexloop.embedded.mapper import Space
from flexloop.embedded.mapper.sampler import choices_of

FIGURE = Path(__file__).resolve().parent.parent / "docs" / "figures" / "search_time.svg"

Sizes = tuple[int, ...]
PROBLEMS: dict[str, tuple[Callable[..., Space], tuple[Sizes, ...]]] = {
    "matmul": (
        matmul,
        (
            (2, 2, 2), (4, 2, 4), (8, 8, 8), (16, 16, 16), (32, 64, 32), (64, 64, 64), (128, 256, 128),
            (512, 768, 768), (512, 768, 3072), (4096, 4096, 4096), (5040, 5040, 5040), (30240, 30240, 30240),
        ),
    ),
    "convolution": (
        convolution,
        (
            (2, 1, 2, 1, 1, 1), (2, 2, 2, 2, 1, 1), (2, 2, 4, 2, 3, 1), (4, 4, 4, 4, 3, 1), (4, 4, 6, 6, 3, 3),
            (16, 8, 7, 7, 3, 3), (16, 16, 14, 14, 3, 3), (64, 32, 14, 14, 3, 3), (64, 64, 28, 28, 3, 3),
            (128, 64, 28, 28, 3, 3), (256, 128, 56, 56, 3, 3), (240, 240, 60, 60, 3, 3), (480, 480, 60, 60, 3, 3),
            (240, 240, 60, 60, 3, 3, 4), (240, 240, 60, 60, 5, 5, 12), (720, 720, 60, 60, 3, 3, 16),
            (720, 720, 60, 60, 3, 3, 48),
        ),
    ),
    "depthwise convolution": (
        depthwise,
        (
            (2, 2, 2, 1, 1), (2, 4, 4, 3, 1), (4, 4, 4, 3, 3), (8, 7, 7, 3, 3), (16, 14, 14, 3, 3),
            (96, 14, 14, 3, 3), (96, 28, 28, 3, 3), (144, 56, 56, 3, 3), (240, 60, 60, 3, 3),
        ),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Point:
    """A search: distinct mappings of its mapspace, CPU seconds to the proof, mappings costed."""

    kind: str
    sizes: Sizes
    mappings: float
    seconds: float
    evaluated: int


def measure(runs: int) -> Iterator[Point]:
    """Search every problem."""
    for kind, (make, several) in PROBLEMS.items():
        for sizes in several:
            space = make(*sizes)
            seconds, optimum = timed(space, "edp", runs)
            if not optimum.certificate.optimal:
                raise SystemExit(f"{kind} {sizes}: not proved within ten minutes")
            point = Point(kind, sizes, float(choices_of(space).size()), seconds, optimum.certificate.evaluated)
            name = f"{kind} {'x'.join(map(str, sizes))}"
            print(f"{name:42} {point.mappings:8.1e} mappings {seconds * 1000:9.1f} ms {point.evaluated:9,} evaluated",
                  flush=True)  # fmt: skip
            yield point


def draw(points: list[Point], path: Path) -> None:
    """Draw seconds against mappings, both logarithmic, with what costing every mapping would take."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    with plt.rc_context({"svg.hashsalt": "flexloop", "font.size": 10}):
        figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
        for kind, marker, colour in zip(PROBLEMS, "osD", ("#0072b2", "#d55e00", "#009e73"), strict=True):
            mine = [p for p in points if p.kind == kind]
            axes.plot([p.mappings for p in mine], [p.seconds for p in mine], marker=marker, ls="", ms=6, color=colour,
                      label=kind)  # fmt: skip
        ends = [1e3, 3e7]
        axes.plot(ends, [n / 1e6 for n in ends], color="#767676", ls="--", lw=1)
        axes.annotate("costing every mapping,\na million a second", (5e6, 5), xytext=(12, 0),
                      textcoords="offset points", va="center", color="#555555")  # fmt: skip
        axes.set(xscale="log", yscale="log", xlabel="distinct mappings of the mapspace")
        axes.set_ylabel("CPU seconds to a proved optimum")
        axes.grid(color="#e4e4e4", lw=0.6)
        axes.set_axisbelow(True)
        axes.legend(frameon=False, loc="lower right")
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)


def main() -> None:
    """Measure and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="searches of each problem, of which the fastest counts")
    parser.add_argument("-o", "--output", type=Path, default=FIGURE)
    options = parser.parse_args()
    draw(list(measure(options.runs)), options.output)
    print(f"drawn: {options.output}")


if __name__ == "__main__":
    main()
