"""What a mapspace leaves open: counting, listing and drawing agree with Timeloop's own parametrisation."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flexloop.embedded.mapper.choices import Choices
from flexloop.embedded.mapper.drawing import draw
from flexloop.embedded.mapper.factors import Factorizations
from flexloop.embedded.mapper.slots import Genomes
from flexloop.integers import divisors
from flexloop.timeloop.constraints import Constraints, DataspaceConstraint, LoopConstraint, ParallelismConstraint

LEVELS = ("Spad", "GlobalBuffer", "DRAM")
TENSORS = ("Weights", "Inputs", "Outputs")
KEEP_ALL = tuple(DataspaceConstraint(level, TENSORS) for level in LEVELS)

Nest = tuple[object, ...]


def nests(choices: Choices, genomes: Genomes) -> list[Nest]:
    """Each mapping without its loops of one iteration and without orders that nothing depends on."""
    found = []
    for row in range(len(genomes)):
        parts: list[object] = [tuple(genomes.keep[row].ravel().tolist())]
        for s, slot in enumerate(choices.slots):
            factors, order = genomes.factors[row, s].tolist(), genomes.orders[row, s].tolist()
            loops = [d for d in order if factors[d] > 1]
            on_x = sum(factors[d] > 1 for d in order[: int(genomes.splits[row, s])]) if slot.spatial else 0
            parts.append((tuple(factors), tuple(loops if slot.counted else sorted(loops)), on_x))
        found.append(tuple(parts))
    return found


def as_timeloop_counts(choices: Choices) -> Iterator[Genomes]:
    """Every mapping with every position of its loops of one iteration."""
    tables = [np.concatenate([f.table for f in options]) for options in choices.factorizations]
    places = []
    for slot in choices.slots:
        orders = [(*slot.prefix, *middle, *slot.suffix) for middle in itertools.permutations(slot.middle)]
        splits = range(len(choices.dimensions) + 1) if slot.split is None else [slot.split]
        places.append(list(itertools.product(orders, splits if slot.spatial else [0])))
    for rows in itertools.product(*tables):
        for placed in itertools.product(*places):
            for keep in choices.bypass_patterns():
                yield Genomes(
                    np.stack(rows, axis=1)[None],
                    np.array([order for order, _ in placed])[None],
                    np.array([split for _, split in placed])[None],
                    keep[None],
                )


def loop_constraints(target: str, *, spatial: bool) -> st.SearchStrategy[LoopConstraint]:
    @st.composite
    def build(draw: st.DrawFn) -> LoopConstraint:
        dims = draw(st.permutations("CMP"))
        cut = sorted(draw(st.tuples(st.integers(0, 3), st.integers(0, 3))))
        return LoopConstraint(
            target,
            spatial,
            draw(st.dictionaries(st.sampled_from("CM"), st.sampled_from([1, 2]), max_size=1)),
            {},
            draw(st.dictionaries(st.just("P"), st.integers(1, 3), max_size=1)),
            tuple(dims[: cut[0]]),
            tuple(dims[cut[1] :]),
            draw(st.none() | st.integers(0, 3)) if spatial else None,
        )

    return build()


@st.composite
def small_choices(draw: st.DrawFn) -> Choices:
    loops = [
        draw(loop_constraints("GlobalBuffer", spatial=True)),
        draw(loop_constraints("GlobalBuffer", spatial=False)),
        draw(loop_constraints("DRAM", spatial=False)),
    ]
    kept = draw(st.sampled_from([(), ("Weights",), TENSORS]))
    dataspaces = (
        KEEP_ALL[0],
        DataspaceConstraint("GlobalBuffer", kept, tuple(t for t in ("Inputs",) if t not in kept)),
    )
    minimum = draw(st.none() | st.just(ParallelismConstraint("Spad", 0.5)))
    bounds = {"C": draw(st.sampled_from([(4,), (2, 3)])), "M": (2,), "P": draw(st.sampled_from([(1,), (2,)]))}
    return Choices(LEVELS, [(1, 1), (2, 2), (1, 1)], bounds, TENSORS, Constraints(tuple(loops), dataspaces, minimum))


@settings(max_examples=8, deadline=None)
@given(small_choices())
def test_listing_and_counting_agree_with_timeloops_parametrisation(choices: Choices) -> None:
    if choices.empty_dimension is not None:
        return
    raw = list(as_timeloop_counts(choices))
    assert len(raw) == choices.raw_size()
    everything = {nest for genomes in raw for nest in nests(choices, genomes)}
    assert choices.size() == len(everything)
    fitting = {nest for genomes in raw if choices.fits_array(genomes)[0] for nest in nests(choices, genomes)}
    listed = [nest for genomes in choices.listed() for nest in nests(choices, genomes)]
    assert len(listed) == len(set(listed)), "each mapping once"
    assert set(listed) == fitting


def test_the_size_of_its_batches_is_all_that_a_listing_s_batches_change() -> None:
    bounds = {"C": (2, 3), "M": (2,), "P": (2,)}
    choices = Choices(LEVELS, [(1, 1), (2, 2), (1, 1)], bounds, TENSORS, Constraints((), KEEP_ALL))
    whole = [nest for genomes in choices.listed() for nest in nests(choices, genomes)]
    small = list(choices.listed(batch=3))
    assert [nest for genomes in small for nest in nests(choices, genomes)] == whole
    assert len(whole) > 200 and max(map(len, small)) == 3


@settings(max_examples=15, deadline=None)
@given(small_choices(), st.integers(0, 2**31))
def test_samples_are_mappings_of_the_space(choices: Choices, seed: int) -> None:
    if choices.empty_dimension is not None:
        return
    genomes = draw(choices, np.random.default_rng(seed), 200)
    genomes = genomes.take(np.flatnonzero(choices.fits_array(genomes)))
    assert set(nests(choices, genomes)) <= {nest for batch in choices.listed() for nest in nests(choices, batch)}


def test_sampling_reaches_everything() -> None:
    choices = Choices(LEVELS, [(1, 1), (2, 2), (1, 1)], {"C": (4,), "M": (2,)}, TENSORS, Constraints((), KEEP_ALL))
    genomes = draw(choices, np.random.default_rng(1), 20_000)
    genomes = genomes.take(np.flatnonzero(choices.fits_array(genomes)))
    assert set(nests(choices, genomes)) == {nest for batch in choices.listed() for nest in nests(choices, batch)}


@pytest.mark.parametrize("bound", [1, 2, 12, 36, 97, 720])
def test_factorizations_multiply_to_the_bound_and_are_all_there(bound: int) -> None:
    found = Factorizations(bound, [1, 1, 2], [bound, 6, bound])
    expected = {
        (a, b, bound // a // b)
        for a in divisors(bound)
        for b in divisors(bound // a)
        if b <= 6 and bound // a // b >= 2
    }
    assert {tuple(row) for row in found.table.tolist()} == expected
    assert found.count == len(expected) == len(found.table)


def test_large_factorizations_are_drawn_without_a_table() -> None:
    found = Factorizations(2**20 * 3**5, [1] * 7, [2**20 * 3**5] * 7)
    drawn = found.sample(np.random.default_rng(0), 50)
    assert (drawn.prod(axis=1) == found.bound).all()
    assert len(np.unique(drawn, axis=0)) == 50


def test_a_dimension_without_factors_is_named() -> None:
    pinned = Constraints((LoopConstraint("DRAM", factors={"C": 4}),))
    assert Choices(LEVELS, [(1, 1)] * 3, {"C": (6,), "M": (2,)}, TENSORS, pinned).empty_dimension == "C"
    rounded_up = replace(pinned, template="uber")
    assert Choices(LEVELS, [(1, 1)] * 3, {"C": (6,), "M": (2,)}, TENSORS, rounded_up).empty_dimension is None
