"""An engine that searches nothing and costs nothing: it answers at once with a mapping that every class allows.

Run as a program, it is a study with that engine: ``python nothing_engine.py STORE TABLE [--jobs N] [--cells N]
[--delay SECONDS] [--dask ADDRESS] [--whole-layers]`` writes one line a cell to TABLE, sorted, without anything that a
clock decides, and says how many cells it computed and how many it took from the store.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from small_archs import plain

from flexloop.classes import FlexClass, all_classes
from flexloop.energy.source import EnergyTables, shipped_tables
from flexloop.engines.base import Candidate, EngineInfo, SearchOptions, Winner
from flexloop.evaluation import Evaluation, LevelStats, TensorStats
from flexloop.mapspace import MapSpace, Variant
from flexloop.running.cells import CellResult
from flexloop.running.plan import Plan
from flexloop.running.runner import Placement, run_layers
from flexloop.running.store import Store
from flexloop.timeloop.mapping import LevelMapping, Mapping
from flexloop.workloads.layers import DIMENSIONS, TENSORS, Layer


@dataclass
class NothingEngine:
    """Answers after ``delay`` seconds; ``exhaustive`` decides whether a layer's classes come as one task."""

    delay: float = 0.0
    exhaustive: bool = False
    keeps_time_limit: bool = False

    def info(self) -> EngineInfo:
        return EngineInfo("nothing", "1")

    def map(
        self,
        space: MapSpace,
        energy: EnergyTables,
        options: SearchOptions,
        seeds: Sequence[Candidate],
        run_dir: Path,
    ) -> Winner:
        if self.delay:
            time.sleep(self.delay)
        variant = space.variants[0]
        bounds = {d: variant.bounds[d][0] for d in DIMENSIONS}
        candidate = seeds[0] if seeds and not self.exhaustive else Candidate(variant, bounds, _mapping(variant, bounds))
        return Winner(candidate, self.evaluate(candidate, energy, run_dir), evaluated=1)

    def evaluate(
        self, candidate: Candidate, energy: EnergyTables, run_dir: Path, timeout_s: float | None = None
    ) -> Evaluation:
        layer = candidate.variant.layer
        tensors = {t: TensorStats(1, 1, layer.macs, layer.macs, 0, 0, 1.5 * layer.macs) for t in TENSORS}
        levels = [LevelStats(level.target, layer.macs, 4.5, 1, tensors) for level in candidate.mapping.levels]
        return Evaluation(True, "", layer.macs, 1.5 * layer.macs, 1.0, layer.macs, tuple(levels))


def _mapping(variant: Variant, bounds: dict[str, int]) -> Mapping:
    """Pinned factors where they are pinned; the rest of each bound at the outermost level that is free."""
    rest = dict(bounds)
    for constraint in variant.constraints.loops:
        for d, factor in constraint.factors.items():
            rest[d] //= factor
    levels = []
    for name in reversed(variant.levels):
        temporal = variant.constraints.loop(name, spatial=False)
        spatial = variant.constraints.loop(name, spatial=True)
        factors = {d: temporal.factors[d] if d in temporal.factors else rest.pop(d, 1) for d in DIMENSIONS}
        levels.append(
            LevelMapping(
                name,
                factors,
                temporal.permutation or DIMENSIONS,
                {**dict.fromkeys(DIMENSIONS, 1), **spatial.factors},
                spatial.permutation or DIMENSIONS,
                spatial.split or 0,
                keep=TENSORS,
            )
        )
    return Mapping(tuple(reversed(levels)))


def nothing_plan(store: Path | None, engine: NothingEngine | None = None) -> Plan:
    """A plan of studies with an engine that does nothing."""
    arch = plain()
    engine = engine or NothingEngine()
    kept = None if store is None else Store(store)
    return Plan(arch, shipped_tables(arch), engine, engine, SearchOptions(), "none", kept)


def some_layers(count: int) -> list[Layer]:
    """Layers of different shapes."""
    return [Layer(name=f"layer{n}", C=1 + n % 50, M=2 + n // 50) for n in range(count)]


def table(results: Iterable[CellResult]) -> str:
    """One line a cell, sorted, without what a clock decides."""
    lines = []
    for r in results:
        mapping = r.winner.candidate.mapping.one_line() if r.winner else ""
        cycles = r.winner.evaluation.cycles if r.winner else 0
        lines.append(f"{r.layer.name} {r.flexclass} {r.status} {cycles} {mapping}\n")
    return "".join(sorted(lines))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("store", type=Path)
    parser.add_argument("table", type=Path)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--dask")
    parser.add_argument("--cells", type=int, default=64)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--whole-layers", action="store_true")
    given = parser.parse_args(arguments)
    classes: list[FlexClass] = all_classes()
    plan = nothing_plan(given.store, NothingEngine(given.delay, given.whole_layers))
    layers = some_layers(-(-given.cells // len(classes)))
    results = list(run_layers(plan, classes, layers, Placement(given.jobs, given.dask)))
    given.table.write_text(table(results))
    kept = sum(result.from_store for result in results)
    print(f"computed {len(results) - kept}, kept {kept}")


if __name__ == "__main__":
    import nothing_engine  # under the name by which workers find the engine

    nothing_engine.main()
