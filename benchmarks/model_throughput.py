"""Mappings a second of the embedded cost model, as a batch, on one core, beside one thread of ``timeloop-mapper``.

Two tables of mappings of each golden case, every level keeping every tensor:

- random: valid mappings drawn at random from the whole unconstrained mapspace, in the order in which they were drawn;
- listed: valid mappings in the order in which the mapspace is enumerated, where neighbours mostly differ in an order.

Times are CPU times of `evaluate_batch`, the least of several runs: what users of the API and the samplers call.
Timeloop's are of runs over as many valid mappings as the last column says.
"""

from __future__ import annotations

import time

import _timeloop
import numpy as np
from _problems import problem

from flexloop.embedded.batch import Batch
from flexloop.embedded.mapper.costing import Costing
from flexloop.embedded.mapper.drawing import draw
from flexloop.embedded.mapper.sampler import choices_of
from flexloop.embedded.mapper.slots import Genomes, concatenate
from flexloop.embedded.model import evaluate_batch
from flexloop.embedded.spec import Spec

CASES = ("base-conv3x3", "base-depthwise3x3", "base-attention", "starved-conv5x5s2", "rowstationary-conv_dilated")
MAPPINGS, RUNS = 50_000, 15


def random_mappings(case: str, n: int) -> tuple[Spec, Batch]:
    """Valid mappings of a case's whole mapspace, drawn at random."""
    space = problem(case)
    choices, rng = choices_of(space), np.random.default_rng(1)
    costing = Costing(space.spec, choices)
    parts: list[Genomes] = []
    while sum(map(len, parts)) < n:
        drawn = draw(choices, rng, 10_000)
        drawn = drawn.take(np.flatnonzero(choices.fits_array(drawn)))
        parts.append(drawn.take(np.flatnonzero(costing.cost(drawn).valid)))
    return space.spec, costing.batch(concatenate(parts).take(slice(0, n)))


def listed_mappings(case: str, n: int) -> tuple[Spec, Batch]:
    """The first valid mappings of a case's mapspace as it is enumerated."""
    space = problem(case)
    choices = choices_of(space)
    costing = Costing(space.spec, choices)
    parts: list[Genomes] = []
    for genomes in choices.listed():
        parts.append(genomes.take(np.flatnonzero(costing.cost(genomes).valid)))
        if sum(map(len, parts)) >= n:
            break
    return space.spec, costing.batch(concatenate(parts).take(slice(0, n)))


def per_second(spec: Spec, batch: Batch) -> float:
    """Mappings a second of CPU time, in the fastest of several runs."""
    best = float("inf")
    for _ in range(RUNS):
        before = time.process_time()
        costs = evaluate_batch(spec, batch)
        best = min(best, time.process_time() - before)
        assert costs.valid.all()
    return len(batch) / best


def main() -> None:
    absent = _timeloop.missing()
    print(absent or "ratios are to one thread of timeloop-mapper on the same case, measured now")
    print("\nmappings a second, one core")
    print(f"{'case':28} {'random':>12} {'ratio':>8} {'listed':>12} {'ratio':>8} {'Timeloop':>9} {'valid':>7}")
    for case in CASES:
        measured = None if absent else _timeloop.mapper_throughput(case)
        theirs = None if measured is None else measured.valid_per_second
        ours = [per_second(*table(case, MAPPINGS)) for table in (random_mappings, listed_mappings)]
        ratios = ["" if theirs is None else f"{each / theirs:,.0f}x" for each in ours]
        print(
            f"{case:28} {ours[0]:12,.0f} {ratios[0]:>8} {ours[1]:12,.0f} {ratios[1]:>8} "
            f"{'' if measured is None else f'{theirs:9,.0f} {measured.valid:7,}'}",
            flush=True,
        )


if __name__ == "__main__":
    main()
