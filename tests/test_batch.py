"""A batch costs what its mappings cost one by one, whatever stands beside them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from golden_specs import golden_space
from test_golden import record_spec, records

from flexloop.embedded.batch import Batch, batch_of
from flexloop.embedded.mapper.costing import Costing
from flexloop.embedded.mapper.drawing import draw
from flexloop.embedded.mapper.sampler import choices_of
from flexloop.embedded.mapper.slots import concatenate
from flexloop.embedded.model import Costs, evaluate, evaluate_batch
from flexloop.embedded.spec import Spec
from flexloop.timeloop.constraints import LoopConstraint
from flexloop.timeloop.mapping import Mapping

SMALL = (
    LoopConstraint("GlobalBuffer", spatial=True, factors={"M": 4, "P": 2, "R": 3, "S": 1, "C": 1, "N": 1, "Q": 1}),
    LoopConstraint("Spad", factors={"P": 2, "Q": 4, "C": 8, "S": 3}),
)


def rows(batch: Batch, which: slice | np.ndarray) -> Batch:
    fields = ("temporal", "temporal_order", "spatial", "spatial_order", "split", "keep")
    return Batch(*(getattr(batch, name)[which] for name in fields))


def one_by_one(spec: Spec, batch: Batch) -> Costs:
    single = [evaluate_batch(spec, rows(batch, slice(i, i + 1))) for i in range(len(batch))]
    return Costs(*(np.concatenate([getattr(c, name) for c in single]) for name in ("valid", "cycles", "energy_pj")))


def assert_equal(found: Costs, expected: Costs) -> None:
    np.testing.assert_array_equal(found.valid, expected.valid)
    np.testing.assert_array_equal(found.cycles, expected.cycles)
    np.testing.assert_array_equal(found.energy_pj, expected.energy_pj)


def shuffled_orders(batch: Batch, rng: np.random.Generator, level: int) -> Batch:
    """Each mapping three times: as it is, with another order at one level, and as it is again."""
    again = np.repeat(np.arange(len(batch)), 3)
    repeated = rows(batch, again)
    order = repeated.temporal_order.copy()
    order[1::3, level] = rng.permuted(order[1::3, level], axis=1)
    return replace(repeated, temporal_order=order)


CASES = ["base-conv5x5s2", "base-depthwise3x3", "starved-conv_dilated", "rowstationary-conv3x3"]


@pytest.mark.parametrize("case", CASES)
def test_random_mappings_cost_the_same_beside_others_and_alone(case: str) -> None:
    space = golden_space(case)
    choices, rng = choices_of(space), np.random.default_rng(7)
    batch = Costing(space.spec, choices).batch(draw(choices, rng, 300))
    costs = evaluate_batch(space.spec, batch)
    assert costs.valid.sum() > 0
    assert_equal(costs, one_by_one(space.spec, batch))


@pytest.mark.parametrize("level", [0, 1, 2])
def test_mappings_that_differ_in_an_order_share_no_more_than_they_have_in_common(level: int) -> None:
    space = golden_space("base-conv3x3")
    choices, rng = choices_of(space), np.random.default_rng(level)
    costing = Costing(space.spec, choices)
    sampled = draw(choices, rng, 1500)
    valid = sampled.take(np.flatnonzero(costing.cost(sampled).valid))
    assert len(valid) > 75
    batch = shuffled_orders(costing.batch(valid), rng, level)
    costs = evaluate_batch(space.spec, batch)
    assert (costs.energy_pj[0::3] != costs.energy_pj[1::3]).any() == (level > 0)
    np.testing.assert_array_equal(costs.energy_pj[0::3], costs.energy_pj[2::3])
    assert_equal(costs, one_by_one(space.spec, batch))


def test_the_enumeration_of_a_mapspace_costs_the_same_in_any_order() -> None:
    space = golden_space("base-conv3x3", loops=SMALL)
    choices, rng = choices_of(space), np.random.default_rng(0)
    listing = choices.listed()
    genomes = concatenate([next(listing), next(listing)])
    batch = Costing(space.spec, choices).batch(genomes)
    costs = evaluate_batch(space.spec, batch)
    assert costs.valid.any() and len(set(costs.energy_pj)) > 100
    order = rng.permutation(len(batch))
    shuffled = evaluate_batch(space.spec, rows(batch, order))
    assert_equal(shuffled, Costs(costs.valid[order], costs.cycles[order], costs.energy_pj[order]))


def test_a_batch_of_recorded_mappings_costs_what_each_costs_in_detail() -> None:
    by_case: dict[str, tuple[Spec, list[Mapping]]] = {}
    for record in records("stress"):
        spec, mappings = by_case.setdefault(record["case"], (record_spec(record), []))
        mappings.append(Mapping.from_directives(record["mapping"]))
    compared = 0
    for spec, mappings in list(by_case.values())[::8]:
        details = [evaluate(spec, mapping) for mapping in mappings]
        fitting = [(m, d) for m, d in zip(mappings, details, strict=True) if "product of all factors" not in d.reason]
        costs = evaluate_batch(spec, batch_of(spec, [m for m, _ in fitting]))
        assert costs.valid.tolist() == [d.valid for _, d in fitting]
        assert costs.cycles[costs.valid].tolist() == [d.cycles for _, d in fitting if d.valid]
        assert costs.energy_pj[costs.valid].tolist() == [d.energy_pj for _, d in fitting if d.valid]
        compared += len(fitting)
    assert compared > 200
