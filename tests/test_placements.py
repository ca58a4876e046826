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
from flexloop.embedded.mapper.exact.linking import ALONG_BOTH, ALONG_WIDTH, Linking
from flexloop.embedded.mapper.exact.optimal import families
from flexloop.embedded.mapper.exact.problem import (
    ALL_BUFFER_ORDERS,
    ALL_DRAM_ORDERS,
    BUFFER_EXTENTS,
    SERVED,
    SPATIAL_FACTORS,
)
from flexloop.embedded.mapper.exact.tiles import Tiles
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
    ((_, placed),) = group.placed(one[None], BOUNDS)
    distinct = placed.rows[placed.different(np.arange(len(placed.rows)), Deadline(60.0))]
    assert len(distinct) <= len(placed.rows) < len(every)
    assert set(costs(group, one, every)) == set(costs(group, one, distinct))
    assert len(set(costs(group, one, every))) > 1


def some_loops(seed: int) -> tuple[Linking, Ints, Ints]:
    """Four loops on an array, in all orders [k, 8], with two lengths of a row [k]."""
    rng = np.random.default_rng(seed)
    x = np.ones(8, dtype=np.int64)
    x[rng.choice(np.arange(1, 8), 4, replace=False)] = rng.integers(2, 5, 4)
    linking = Linking(range(8), x, rng.integers(0, 4, 4), rng.integers(0, 4, 2))
    loops = np.array(list(itertools.permutations(np.flatnonzero(x > 1))))
    orders = np.column_stack([loops, np.tile(np.flatnonzero(x == 1), (len(loops), 1))])
    rows = rng.choice([*range(1, 20), x.prod() // 2, x.prod(), 2 * x.prod()], 2).repeat(len(loops))
    return linking, np.concatenate([orders, orders]), rows


def beside_each(linking: Linking, order: Ints, row: int) -> list[tuple[tuple[int, ...], set[tuple[int, ...]]]]:
    """The tile of each PE, as its distances from the first one, and how far those beside it lie from it."""
    ranges = [range(linking.factors[d]) for d in order[::-1].tolist()]
    tiles = [tuple((np.array(digits[::-1]) @ linking.shifts[order]).tolist()) for digits in itertools.product(*ranges)]
    found = []
    for e, tile in enumerate(tiles):
        near = [e - row, e + row, *([e - 1] if e % row else []), *([e + 1] if (e + 1) % row else [])]
        apart = {tuple(np.subtract(tiles[f], tile).tolist()) for f in near if 0 <= f < len(tiles)}
        found.append((tile, apart))
    return found


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_loops_that_tell_placements_alike_are_right(seed: int) -> None:
    """Orders are told alike only if a look at all PEs says so, and a step that loops rule out leads nowhere."""
    linking, orders, rows = some_loops(seed)
    tiles = Tiles(linking)
    kinds = tiles.kinds(orders, rows, Deadline(60.0))
    told, leads = linking.told(orders, rows)
    first, which = told_apart(told)
    assert (kinds[first[which]] == kinds).all()
    for step in range(ALONG_BOTH + 1):
        assert (tiles.served(orders, rows, step, Deadline(60.0))[~leads[:, step]] == 0).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32))
def test_tiles_that_neighbours_serve_are_those_of_which_every_pe_has_the_next_one_beside_it(seed: int) -> None:
    linking, orders, rows = some_loops(seed)
    some = np.random.default_rng(seed).integers(len(orders), size=3)
    served = [Tiles(linking).served(orders[some], rows[some], step, Deadline(60.0)) for step in range(ALONG_BOTH + 1)]
    for order, row, *shares in zip(orders[some], rows[some].tolist(), *served, strict=True):
        pes = beside_each(linking, order, row)
        for step, share in enumerate(shares):
            asks = {tile for tile, apart in pes if not any(leads(linking, step, far) for far in apart)}
            assert share == 1 - len(asks) / len({tile for tile, _ in pes})


def leads(linking: Linking, step: int, far: tuple[int, ...]) -> bool:
    """Whether tiles so far from each other are a step apart."""
    if step < ALONG_WIDTH:
        return int(np.array(far) @ linking.weights) == int(linking.moves[step])
    multiples = (n % apart == 0 if apart else n == 0 for n, apart in zip(far, linking.steps, strict=True))
    along = (far[0] != 0, far[1] != 0)
    return all(multiples) and along == ((True, False), (False, True), (True, True))[step - ALONG_WIDTH]
