"""Which orders of a level's loops count: whatever is left out, one that is listed moves no more words of anything."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nasty_spaces import document

from flexloop.embedded.mapper import orders
from flexloop.embedded.mapper.costing import facts_of
from flexloop.embedded.mapper.orders import TensorView, distinct_orders, view_of
from flexloop.embedded.model import evaluate
from flexloop.embedded.spec import Spec, read_config
from flexloop.timeloop.mapping import LevelMapping, Mapping

DIMENSIONS = ("C", "M", "R", "S", "P", "Q")
STRIDED = {
    "Weights": [[["C"]], [["M"]], [["R"]], [["S"]]],
    "Inputs": [[["C"]], [["R", "dilation"], ["P", "stride"]], [["S"], ["Q"]]],
    "Outputs": [[["M"]], [["P"]], [["Q"]]],
}


def some_mapping(rng: np.random.Generator) -> tuple[Spec, list[LevelMapping]]:
    """A convolution on three levels without fanouts, with at most five loops > 1 at the middle one."""
    factors = rng.integers(1, 4, (3, len(DIMENSIONS)))
    factors[1, rng.integers(len(DIMENSIONS))] = 1
    bounds = dict(zip(DIMENSIONS, factors.prod(axis=0).tolist(), strict=True))
    content = document([None, 10**6, 10**5], [1, 1, 1], bounds, STRIDED)
    content["problem"]["shape"]["coefficients"] = [
        {"name": "dilation", "default": int(rng.integers(1, 4))},
        {"name": "stride", "default": int(rng.integers(1, 4))},
    ]
    spec = read_config(content)
    loops = [
        LevelMapping(
            name,
            dict(zip(DIMENSIONS, row.tolist(), strict=True)),
            tuple(rng.permutation(DIMENSIONS).tolist()),
            keep=tuple(STRIDED),
        )
        for name, row in zip(spec.level_names, factors, strict=True)
    ]
    return spec, loops


def words(spec: Spec, loops: list[LevelMapping], order: tuple[int, ...]) -> list[int]:
    """All accesses of all levels, with the middle level's loops in some order."""
    ordered = replace(loops[1], permutation=tuple(DIMENSIONS[d] for d in order))
    found = evaluate(spec, Mapping((loops[0], ordered, loops[2])))
    assert found.valid
    counts = [(t.reads, t.fills, t.updates) for level in found.levels for t in level.tensors.values()]
    return [count for tensor in counts for count in tensor]


def views_of(spec: Spec) -> list[TensorView]:
    bounds = [spec.problem.bounds[d] for d in DIMENSIONS]
    return [view_of(t.groups, {d for d, n in enumerate(bounds) if n > 1}) for t in facts_of(spec).tensors]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_what_is_left_out_moves_no_fewer_words(seed: int) -> None:
    spec, loops = some_mapping(np.random.default_rng(seed))
    free = [d for d, name in enumerate(DIMENSIONS) if loops[1].factors[name] > 1]
    listed, complete = distinct_orders((), free, (), views_of(spec), linked=False)
    assert complete
    kept = np.array([words(spec, loops, order) for order in listed])
    for order in itertools.permutations(free):
        assert (kept <= words(spec, loops, order)).all(axis=1).any(), (order, listed)


@pytest.mark.parametrize(("linked", "count"), [(False, 12), (True, 331)])
def test_few_orders_count(linked: bool, count: int) -> None:
    """Six loops of a convolution have 720 orders."""
    spec, _ = some_mapping(np.random.default_rng(0))
    spec = replace(spec, problem=replace(spec.problem, bounds=dict.fromkeys(DIMENSIONS, 4)))
    listed, _ = distinct_orders((), range(6), (), views_of(spec), linked=linked)
    assert len(listed) == count


@given(st.lists(st.tuples(*[st.frozensets(st.integers(0, 5))] * 2), min_size=1, max_size=30, unique=True))
def test_those_remain_that_no_other_leaves_as_much_in_place(kinds: list[tuple[frozenset[int], ...]]) -> None:
    def no_less(one: tuple[frozenset[int], ...], other: tuple[frozenset[int], ...]) -> bool:
        return all(a >= b for a, b in zip(one, other, strict=True))

    best = [i for i, kind in enumerate(kinds) if not any(o != kind and no_less(o, kind) for o in kinds)]
    assert orders._undominated(kinds) == best
