"""Placements of spatial loops in the exact search: those that count once do cost the same."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from golden_specs import golden_space
from hypothesis import given, settings
from hypothesis import strategies as st

from flexloop.deadline import Deadline
from flexloop.embedded.arrays import Ints, told_apart
from flexloop.embedded.mapper.exact.form import recognise
from flexloop.embedded.mapper.exact.leaves import Family
from flexloop.embedded.mapper.exact.optimal import families
from flexloop.embedded.mapper.exact.placements import Tiles
from flexloop.embedded.mapper.exact.problem import (
    ALL_BUFFER_ORDERS,
    ALL_DRAM_ORDERS,
    BUFFER_EXTENTS,
    SERVED,
    SPATIAL_FACTORS,
)
from flexloop.embedded.roles import C, M, P, Q, R

BOUNDS = np.array([1, 1, 4, 4, 3, 1, 16, 4])
"""Canonical bounds: N G C M R S P Q."""


def family() -> Family:
    form = recognise(golden_space("base-conv3x3", keep=("Spad", "GlobalBuffer", "DRAM")))
    assert form is not None
    return families([(0, form)], "energy")[0]


def leaf(family: Family, spatial: dict[int, int], innermost: int) -> Ints:
    """A leaf with spatial factors and a PE tile of one; the buffer has all that is left, with one loop innermost."""
    x = np.ones(8, dtype=np.int64)
    for d, n in spatial.items():
        x[d] = n
    mask = sum(1 << d for d in range(8) if BOUNDS[d] > x[d])
    start, end = family.machine["starts"][ALL_BUFFER_ORDERS, mask : mask + 2]
    rows = family.orders[start:end, 0]
    found = np.zeros(SERVED + 1, dtype=np.int64)
    found[:8], found[8:16], found[16:24] = 1, x, BOUNDS
    found[24] = start + int(np.flatnonzero(rows == innermost)[0])
    found[25] = family.machine["starts"][ALL_DRAM_ORDERS, 0]
    found[SERVED] = 1
    return found


def costs(family: Family, one: Ints, placed: Ints) -> list[tuple[int, float]]:
    writer = family.writer(0)
    found = writer.costing.cost(
        writer.genomes(np.repeat(one[None], len(placed), axis=0), placed, family.orders, BOUNDS)
    )
    assert found.valid.all()
    return list(zip(found.cycles.tolist(), found.energy_pj.tolist(), strict=True))


@pytest.mark.parametrize(
    ("spatial", "innermost"),
    [
        pytest.param({R: 3, P: 2, M: 2, C: 2}, P, id="filter rows beside output rows"),
        pytest.param({R: 3, P: 4, Q: 2, C: 2}, P, id="four loops"),
        pytest.param({P: 4, M: 2, C: 2}, R, id="a step of one word"),
    ],
)
def test_placements_that_count_once_cost_the_same(spatial: dict[int, int], innermost: int) -> None:
    """Every placement costs just what one of the distinct ones does, and where it lies does matter."""
    group = family()
    one = leaf(group, spatial, innermost)
    every = group.writer(0).placements(one[SPATIAL_FACTORS:BUFFER_EXTENTS], 0, every_order=True)
    (distinct,) = group.placements(one[None], BOUNDS, Deadline(60.0))
    assert len(distinct) < len(every)
    assert set(costs(group, one, every)) == set(costs(group, one, distinct))
    assert len(set(costs(group, one, every))) > 1


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_loops_that_tell_placements_alike_are_right(seed: int) -> None:
    """What is told by loops, for arrays of any row, is what looking at all PEs tells; so one of each kind is left."""
    rng = np.random.default_rng(seed)
    x = np.ones(8, dtype=np.int64)
    x[rng.choice(np.arange(1, 8), 4, replace=False)] = rng.integers(2, 5, 4)
    strides, steps = rng.integers(0, 4, 4), rng.integers(0, 4, 2)
    tiles = Tiles(range(8), x, strides, steps)
    loops = np.array(list(itertools.permutations(np.flatnonzero(x > 1))))
    orders = np.column_stack([loops, np.tile(np.flatnonzero(x == 1), (len(loops), 1))])
    orders = np.concatenate([orders, orders])
    rows = rng.choice([*range(1, 20), x.prod() // 2, x.prod(), 2 * x.prod()], 2).repeat(len(loops))
    kinds = np.array(
        [tiles._of_all(order[None], row, Deadline(60.0))[0] for order, row in zip(orders, rows.tolist(), strict=True)]
    )
    first, which = told_apart(tiles._linking(orders[:, :4], rows))
    assert (kinds[first[which]] == kinds).all()
    distinct = tiles.distinct(orders, rows, Deadline(60.0))
    assert sorted(kinds[distinct]) == np.unique(kinds).tolist()
    assert (distinct == np.sort(np.unique(kinds, return_index=True)[1])).all()
