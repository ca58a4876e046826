"""The sampler is seeded, improves on its starts, and agrees with enumeration on small mapspaces."""

from __future__ import annotations

import numpy as np
import pytest
from enumeration import best_of_all
from golden_specs import golden_space
from hypothesis import given, settings
from hypothesis import strategies as st
from random_spaces import some_space

from flexloop.embedded.mapper.costing import Costing
from flexloop.embedded.mapper.drawing import draw
from flexloop.embedded.mapper.sampler import (
    choices_of,
    mutated,
    sample,
)
from flexloop.embedded.mapper.slots import concatenate
from flexloop.embedded.mapper.space import Objective
from flexloop.timeloop.constraints import LoopConstraint

SMALL = (
    LoopConstraint("GlobalBuffer", True, dict.fromkeys("NPQRS", 1), permutation=tuple("CMNPQRS"), split=1),
    LoopConstraint("GlobalBuffer", False, dict.fromkeys("CMNPQRS", 1)),
    LoopConstraint("DRAM", False, {}, permutation=tuple("CMNPQRS")),
    LoopConstraint("Spad", False, dict.fromkeys("CMNPQ", 1)),
)


def test_equal_seeds_give_equal_answers_and_others_differ() -> None:
    space = golden_space("base-conv3x3")
    choices = choices_of(space)
    costing = Costing(space.spec, choices)
    found = [sample(costing, choices, "edp", budget=2_000, rng_seed=seed)[0] for seed in (1, 1, 2)]
    assert found[0] is not None and found[1] is not None and found[2] is not None
    assert found[0].key == found[1].key
    assert (found[0].genomes.factors == found[1].genomes.factors).all()
    assert found[0].key != found[2].key


def test_sampling_comes_close_to_the_known_optimum() -> None:
    space = golden_space("base-conv3x3")
    choices = choices_of(space)
    found, evaluated = sample(Costing(space.spec, choices), choices, "edp", budget=8_000, rng_seed=0)
    assert found is not None
    assert 8_000 <= evaluated < 10_000
    assert 4.463058153996e13 <= found.key[0] < 1.2 * 4.463058153996e13


def test_a_start_is_never_lost() -> None:
    space = golden_space("base-conv3x3")
    choices = choices_of(space)
    costing = Costing(space.spec, choices)
    good, _ = sample(costing, choices, "energy", budget=3_000, rng_seed=0)
    assert good is not None
    found, _ = sample(costing, choices, "energy", budget=0, rng_seed=9, starts=good.genomes)
    assert found is not None
    assert found.key <= good.key


def test_a_small_mapspace_is_listed_whole() -> None:
    space = golden_space("base-conv3x3", loops=SMALL)
    listed = concatenate(list(choices_of(space).listed()))
    # C and M each split between the array (at most 16) and DRAM; R and S between the scratchpad and DRAM.
    assert len(listed) == 5 * 5 * 2 * 2
    assert choices_of(space).size() == 5 * 5 * 2 * 2


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["latency", "energy", "edp"]))
def test_sampling_a_small_mapspace_finds_its_best(seed: int, objective: Objective) -> None:
    space = some_space(seed, 200)
    choices = choices_of(space)
    costing = Costing(space.spec, choices)
    best = best_of_all(costing, choices, objective)
    found, _ = sample(costing, choices, objective, budget=5_000, rng_seed=seed)
    assert (found is None) == (best is None)
    if found is not None and best is not None:
        assert found.key[0] == pytest.approx(best.key[0], rel=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32))
def test_mutations_stay_inside_the_mapspace(seed: int) -> None:
    space = some_space(seed, 10**9)
    choices = choices_of(space)
    rng = np.random.default_rng(seed)
    genomes = draw(choices, rng, 100)
    for _ in range(5):
        genomes = mutated(choices, genomes, rng)
    bounds = genomes.factors.prod(axis=1)
    for d, options in enumerate(choices.factorizations):
        assert set(bounds[:, d].tolist()) <= {f.bound for f in options}
        for s in range(len(choices.slots)):
            allowed = {int(n) for f in options for n in f.table[:, s]}
            assert set(genomes.factors[:, s, d].tolist()) <= allowed
    for s, slot in enumerate(choices.slots):
        orders = genomes.orders[:, s]
        assert (orders[:, : len(slot.prefix)] == np.array(slot.prefix, dtype=np.int64)).all()
        assert (orders[:, len(orders[0]) - len(slot.suffix) :] == np.array(slot.suffix, dtype=np.int64)).all()
        if slot.split is not None:
            assert (genomes.splits[:, s] == slot.split).all()
