"""Embedded mapper against ``timeloop-mapper``: the same mapspaces, 100 times the wall time, judged by Timeloop's model.

A cell is a class and a layer on an accelerator. The embedded mapper searches it; then ``timeloop-mapper`` searches the
same mapspaces for 100 times as long or five minutes, whichever is less; ``timeloop-model`` evaluates what either found.
The table goes to ``docs/quality.md``. Exit status 1 means that the embedded mapping was worse somewhere.

    python benchmarks/quality.py --cells 36
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import random
import shlex
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import _timeloop
from _contest import LEAST_RUN_S, ROUNDING, Contest, contest
from pydantic import TypeAdapter

from flexloop.arch.load import load_arch
from flexloop.classes import FlexClass, all_classes
from flexloop.energysources.choose import energy_tables
from flexloop.engines.base import Objective, SearchOptions, Winner
from flexloop.engines.embedded import EmbeddedEngine
from flexloop.engines.timeloop import TimeloopEngine
from flexloop.mapspace import MapSpace, mapspace
from flexloop.networks import load_network, network_names

OBJECTIVES: tuple[Objective, ...] = ("edp", "energy", "latency")
LONGEST_S = 300.0
TIMES = 100

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "quality.md"


@dataclass(frozen=True)
class Cell:
    """What is compared: a class and a layer on an arch spec, under an objective."""

    arch: str
    network: str
    layer: str
    flexclass: str
    objective: Objective

    def space(self) -> MapSpace:
        """The cell's mapspace."""
        layer = next(layer for layer in load_network(self.network).layers if layer.name == self.layer)
        return mapspace(FlexClass.parse(self.flexclass), load_arch(self.arch), layer)


@dataclass(frozen=True)
class Row:
    """What came out for one cell.

    Attributes:
        cell: the cell.
        embedded_s: wall time of the embedded mapper's search.
        optimal: whether it proved its mapping optimal.
        contest: its mapping and ``timeloop-mapper``'s.
    """

    cell: Cell
    embedded_s: float
    optimal: bool
    contest: Contest


def choose(count: int, archs: Sequence[str], seed: int) -> list[Cell]:
    """Cells spread evenly over the shipped networks, the arch specs, the 16 classes and the objectives."""
    rng = random.Random(seed)
    networks = [load_network(name) for name in network_names()]
    classes = [str(flexclass) for flexclass in all_classes()]
    rng.shuffle(classes)
    cells: list[Cell] = []
    for i in itertools.count():
        network = networks[i % len(networks)]
        arch = archs[(i + i // len(networks)) % len(archs)]
        layer = rng.choice(network.layers).name
        cell = Cell(arch, network.name, layer, classes[i % len(classes)], OBJECTIVES[i % len(OBJECTIVES)])
        cells += [cell] * (cell not in cells)
        if len(cells) == count:
            return cells
    raise AssertionError


def compare(cell: Cell, threads: int) -> Row:
    """Search a cell with both mappers and let ``timeloop-model`` evaluate what they found."""
    space = cell.space()
    energy = energy_tables("table", space.arch)
    with tempfile.TemporaryDirectory() as name:
        winner, embedded_s = _embedded(cell, space, Path(name))
    seconds = min(TIMES * embedded_s, LONGEST_S)
    found = contest(space, energy, cell.objective, winner.candidate, seconds, threads)
    return Row(cell, embedded_s, winner.optimal, found)


def _embedded(cell: Cell, space: MapSpace, folder: Path) -> tuple[Winner, float]:
    """The embedded mapper's answer and the shorter wall time of two searches, kernels compiled."""
    energy = energy_tables("table", space.arch)
    seconds = []
    for _ in range(2):
        engine = EmbeddedEngine()
        began = time.monotonic()
        winner = engine.map(space, energy, SearchOptions(objective=cell.objective), (), folder)
        seconds.append(time.monotonic() - began)
    return winner, min(seconds)


def rows(cells: Sequence[Cell], threads: int, kept: Path) -> Iterator[Row]:
    """Compare cells one by one; those in a file of earlier rows are taken from it, new ones are added to it."""
    version = f"{EmbeddedEngine().info().version} {TimeloopEngine().info().version} {threads}"
    known = {}
    if kept.exists():
        for line in kept.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            if entry.pop("version") == version:
                row = TypeAdapter(Row).validate_python(entry)
                known[row.cell] = row
    for cell in cells:
        if cell not in known:
            known[cell] = compare(cell, threads)
            with kept.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"version": version, **asdict(known[cell])}) + "\n")
        yield known[cell]


def document(found: Sequence[Row], command: str, timeloop: str) -> str:
    """The page with the table."""
    worse = sum(row.contest.worse for row in found)
    better = sum(row.contest.ratio is None or row.contest.ratio > 1 + ROUNDING for row in found)
    info = TimeloopEngine().info()
    lines = [
        "# Embedded mapper against timeloop-mapper",
        "",
        "Each cell is a class and a layer on an accelerator, under one objective. The embedded mapper searches it",
        "(wall time of the search in one thread, kernels compiled). Then `timeloop-mapper` (`random_pruned`; small",
        f"mapspaces are enumerated) searches the same mapspaces for {TIMES} times that time or {LONGEST_S / 60:.0f}",
        "minutes, whichever is less, shared among its runs (one for each array shape and padding, at least",
        f"{LEAST_RUN_S:.0f} s each). `timeloop-model` evaluates both mappings. The ratio is Timeloop's cost over the",
        "embedded mapper's: above 1 the embedded mapping is better.",
        "",
        f"**{len(found)} cells: the embedded mapping is better in {better}, equal in {len(found) - better - worse}, "
        f"worse in {worse}.**",
        "",
        f"- flexloop {EmbeddedEngine().info().version}, {timeloop} ({info.version}), {date.today():%-d %B %Y}",
        f"- {_processor()}, {os.cpu_count()} cores; {platform.python_implementation()} {platform.python_version()}",
        f"- `{command}`",
        "",
        "| arch | network | layer | class | objective | embedded | s | proved | timeloop-mapper | s | runs | ratio |",
        "|---|---|---|---|---|---:|---:|---|---:|---:|---:|---:|",
        *map(_line, found),
        "",
    ]
    return "\n".join(lines)


def _line(row: Row) -> str:
    cell, own = row.cell, row.contest
    theirs = "found none" if own.timeloop is None else _figure(own.timeloop[0])
    ratio = "" if own.ratio is None else f"{own.ratio:.4f}"
    cells = [
        *(cell.arch, cell.network, cell.layer, cell.flexclass, cell.objective),
        *(_figure(own.embedded[0]), f"{row.embedded_s:.3f}", "yes" if row.optimal else "no"),
        *(theirs, f"{own.seconds:.1f}", str(own.runs), ratio + " (worse)" * own.worse),
    ]
    return f"| {' | '.join(cells)} |"


def _figure(value: float) -> str:
    return f"{value:.6g}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def main() -> int:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=36, help="how many cells (default: 36)")
    parser.add_argument("--arch", action="append", help="arch spec; may be repeated (default: edge256, eyeriss, nvdla)")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of layers")
    parser.add_argument("--threads", type=int, default=1, help="of timeloop-mapper (default: 1)")
    parser.add_argument("--kept", type=Path, default=Path("build/quality.jsonl"), help="rows so far, taken up again")
    parser.add_argument("-o", "--output", type=Path, default=DOCUMENT, help="the page (default: docs/quality.md)")
    parser.add_argument("--timeloop", default="Timeloop", help="what the page calls the Timeloop on PATH")
    options = parser.parse_args()
    if (reason := _timeloop.missing()) is not None:
        print(f"quality.py: {reason}", file=sys.stderr)
        return 2
    options.kept.parent.mkdir(parents=True, exist_ok=True)
    cells = choose(options.cells, options.arch or ["edge256", "eyeriss", "nvdla"], options.seed)
    found = []
    for row in rows(cells, options.threads, options.kept):
        found.append(row)
        print(f"{len(found)}/{len(cells)} {_line(row)}", flush=True)
    command = shlex.join(["python", "benchmarks/quality.py", *sys.argv[1:]])
    options.output.write_text(document(found, command, options.timeloop), encoding="utf-8")
    worse = sum(row.contest.worse for row in found)
    print(f"{options.output}: {len(found)} cells, embedded worse in {worse}")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
