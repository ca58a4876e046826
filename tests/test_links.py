"""Where no neighbour passes anything on, all ways to place a fanout's loops cost the same; mappings are looked at."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nasty_spaces import document, space_of
from random_spaces import some_space

from flexloop.embedded.mapper import Space
from flexloop.embedded.mapper.costing import Costing, facts_of
from flexloop.embedded.mapper.general.links import Links
from flexloop.embedded.mapper.sampler import choices_of


def kinds(space: Space) -> tuple[int, int]:
    """How many groups of mappings differ in places alone and are told to cost the same, and how many do cost more."""
    choices, facts = choices_of(space), facts_of(space.spec, choices_of(space).reuse)
    spatial = [place for place, slot in enumerate(choices.slots) if slot.spatial]
    temporal = [place for place, slot in enumerate(choices.slots) if not slot.spatial]
    costing, costs, one = Costing(space.spec, choices), defaultdict(set), {}
    for genomes in choices.listed():
        found = costing.cost(genomes)
        for row in np.flatnonzero(found.valid).tolist():
            factors, orders = genomes.factors[row], genomes.orders[row]
            key = factors.tobytes(), orders[temporal].tobytes(), genomes.keep[row].tobytes()
            costs[key].add((int(found.cycles[row]), float(f"{found.energy_pj[row]:.12g}")))
            one[key] = factors, orders
    alike, unlike = 0, 0
    for key, (factors, orders) in one.items():
        bounds = tuple(factors.prod(axis=0).tolist())
        filling = {place: tuple(factors[place].tolist()) for place in spatial}
        tiles = np.cumprod(np.concatenate([np.ones((1, len(bounds)), dtype=np.int64), factors]), axis=0)
        links = Links(choices.slots, facts, bounds, filling, always=False)
        may_be = links.may_be(tiles[None], orders[None])[0, 0]
        assert may_be or len(costs[key]) == 1
        alike, unlike = alike + (not may_be), unlike + (len(costs[key]) > 1)
    return alike, unlike


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32))
def test_what_is_told_to_cost_the_same_in_all_places_does(seed: int) -> None:
    kinds(some_space(seed, 1500))


@pytest.mark.parametrize(("stride", "unlike"), [(1, True), (2, False)])
def test_few_orders_have_a_step_that_a_neighbour_serves(stride: int, unlike: bool) -> None:
    """I[m][stride * p + r], six PEs: with a stride of 2 the step of a filter of 2 leads no tile onto a neighbour's."""
    shape = {
        "Weights": [[["M"]], [["R"]]],
        "Inputs": [[["M"]], [["R"], ["P", "stride"]]],
        "Outputs": [[["M"]], [["P"]]],
    }
    content = document([None, 64, 8], [1, 6, 1], {"M": 2, "R": 2, "P": 6}, shape)
    content["problem"]["shape"]["coefficients"] = [{"name": "stride", "default": stride}]
    same, differ = kinds(space_of(content, keep=True))
    assert same > 250
    assert (differ > 0) == unlike
