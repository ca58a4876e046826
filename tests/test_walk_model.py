"""The compiled cost model against a plain walk over the loop nest, on random mappings without end.

`FLEXLOOP_WALK_CASES` says how many; the default suits a test suite.
"""

from __future__ import annotations

import os
import random
from dataclasses import replace
from math import prod
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_golden import case_spec, record_spec, records
from test_recorded_runs import runs
from walk_model import Figures, outermost, walk

from flexloop.dropin.model import complete
from flexloop.embedded.model import evaluate
from flexloop.embedded.spec import Spec, read_config
from flexloop.errors import UnsupportedError
from flexloop.evaluation import Evaluation
from flexloop.timeloop.mapping import LevelMapping, Mapping
from flexloop.timeloop.reuse import ReuseLimits

CASES = [
    f"{arch}-{problem}"
    for arch in ("base", "rowstationary", "starved")
    for problem in ("attention", "conv3x3", "conv5x5s2", "conv_dilated", "depthwise3x3", "fc", "pointwise")
]
MAX_STEPS, MAX_CHILDREN = 9, 24


def figures_of(evaluation: Evaluation) -> Figures:
    counts = {
        (level.name, name): (s.utilized_capacity, s.reads, s.fills, s.updates, s.temporal_reductions)
        for level in evaluation.levels
        for name, s in level.tensors.items()
    }
    return Figures(evaluation.cycles, evaluation.energy_pj, counts)


def assert_equal(evaluation: Evaluation, walked: Figures, about: object) -> None:
    found = figures_of(evaluation)
    assert found.counts == walked.counts, about
    assert found.cycles == walked.cycles, about
    assert found.energy_pj == pytest.approx(walked.energy_pj, rel=1e-12), about


def random_limits(rng: random.Random, spec: Spec) -> ReuseLimits:
    """What a level may not reuse."""
    return ReuseLimits(*(tuple(t for t in spec.data_space_names if rng.random() < 0.3) for _ in range(5)))


def random_mapping(rng: random.Random, spec: Spec) -> tuple[Spec, Mapping]:
    """A mapping of few loops, and the problem that it maps."""
    names = spec.problem.dimensions
    tensors = spec.data_space_names
    temporal: list[dict[str, int]] = [{} for _ in spec.levels]
    spatial: list[dict[str, int]] = [{} for _ in spec.levels]
    wide = [p for p, level in enumerate(spec.level_names) if level in spec.fanouts]
    for _ in range(rng.randint(0, MAX_STEPS)):
        level = temporal[rng.randrange(len(temporal))]
        level.setdefault(rng.choice(names), rng.choice((2, 2, 2, 3, 4)))
    for _ in range(rng.randint(0, 4)):
        level = spatial[rng.choice(wide)]
        if prod(level.values()) <= MAX_CHILDREN // 4:
            level.setdefault(rng.choice(names), rng.choice((2, 2, 3, 4)))
    levels, limited = [], rng.random() < 0.4
    for p, name in enumerate(spec.level_names):
        keep = [t for t in tensors if p == len(spec.levels) - 1 or rng.random() < 0.75]
        across = tuple(rng.sample(names, len(names))) if p in wide else ()
        levels.append(
            LevelMapping(
                name,
                {d: temporal[p].get(d, 1) for d in names},
                tuple(rng.sample(names, len(names))),
                {d: spatial[p].get(d, 1) for d in across},
                across,
                rng.randint(0, len(across)),
                tuple(keep),
                tuple(t for t in tensors if t not in keep),
                limits=random_limits(rng, spec) if limited else ReuseLimits(),
            )
        )
    mapping = Mapping(tuple(levels))
    return replace(spec, problem=replace(spec.problem, bounds=mapping.bounds())), mapping


@settings(
    max_examples=int(os.environ.get("FLEXLOOP_WALK_CASES", "150")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(st.sampled_from(CASES), st.integers(0, 2**32))
def test_random_mappings(case: str, seed: int) -> None:
    spec, mapping = random_mapping(random.Random(seed), case_spec(case))
    try:
        evaluation = evaluate(spec, mapping)
    except UnsupportedError:
        assert any(outermost(space, mapping) < 0 for space in spec.problem.data_spaces)
        return
    if evaluation.valid:
        assert_equal(evaluation, walk(spec, mapping), mapping.one_line())


def walked(spec: Spec, directives: Any) -> bool:
    """Compare a mapping, unless it has too many steps to walk, or residuals."""
    mapping = complete(spec, Mapping.from_directives(directives, spec.level_names))
    if not mapping.is_perfect:
        return False
    if sum(len(level.loops) for level in mapping.levels) > MAX_STEPS:
        return False
    assert_equal(evaluate(spec, mapping), walk(spec, mapping), mapping.one_line())
    return True


@pytest.mark.slow
def test_mappings_that_timeloop_ran() -> None:
    assert sum(walked(record_spec(r), r["mapping"]) for r in records("stress") if r["valid"]) > 500


WALKED = {"instances", "meshX", "word_bits", "entries", "block_size", "read_bandwidth", "write_bandwidth"}


def plain(run: dict[str, Any]) -> bool:
    """Whether a run is valid and its levels have nothing that the walk does not know of."""
    components = run["architecture"]["subtree"][0]["local"]
    return "stats" in run and all(c["attributes"].keys() <= WALKED for c in components if c["class"] != "intmac")


def test_mappings_whose_outermost_levels_hand_on_all_accesses_that_timeloop_ran() -> None:
    assert sum(walked(read_config(run), run["mapping"]) for run in runs("coalesce") if plain(run)) > 100


def test_mappings_across_several_ranks_that_timeloop_ran() -> None:
    assert sum(walked(read_config(run), run["mapping"]) for run in runs("ranks") if "stats" in run) > 200
