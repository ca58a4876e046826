"""Branch and bound along paths: partial mappings are bounded by what completions cost, and designs are proved."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_spaces import some_space

from flexloop.arch.load import load_arch
from flexloop.classes import FlexClass
from flexloop.deadline import Deadline
from flexloop.embedded.mapper.costing import Costing, facts_of
from flexloop.embedded.mapper.drawing import draw
from flexloop.embedded.mapper.fillings import Fillings
from flexloop.embedded.mapper.general.incumbent import Incumbent
from flexloop.embedded.mapper.general.labels import Labels
from flexloop.embedded.mapper.general.roots import Root, Stage
from flexloop.embedded.mapper.paths.follow import Follow
from flexloop.embedded.mapper.paths.keeping import KEPT
from flexloop.embedded.mapper.paths.shortest import Decided, shortest
from flexloop.embedded.mapper.sampler import choices_of
from flexloop.energysources.choose import energy_tables
from flexloop.engines.base import Objective, SearchOptions
from flexloop.engines.embedded import EmbeddedEngine
from flexloop.mapspace import mapspace
from flexloop.workloads.layers import Layer

DESIGNS = Path(__file__).parent / "data" / "designs"


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32))
def test_no_partial_mapping_is_bounded_by_more_than_a_completion_costs(seed: int) -> None:
    """Of random mappings every slot is decided in turn; the path's energy so far and beyond stays below the whole."""
    space = some_space(seed, 100_000)
    choices = choices_of(space)
    search = Incumbent([space], "energy", Deadline(600.0))
    genomes = draw(choices, np.random.default_rng(seed), 40)
    genomes = genomes.take(np.flatnonzero(choices.fits_array(genomes)))
    costs = Costing(space.spec, choices).cost(genomes)
    for row in np.flatnonzero(costs.valid)[:10]:
        factors = genomes.factors[row]
        bounds = tuple(factors.prod(axis=0).tolist())
        filling = {i: tuple(factors[i].tolist()) for i, slot in enumerate(choices.slots) if slot.spatial}
        keeping = np.where(genomes.keep[row], KEPT, 0).astype(np.int8)
        ways = Fillings.of(choices, [filling]), np.array([0])
        found = shortest(Decided(facts_of(space.spec, choices.reuse), choices, keeping, bounds), *ways)
        assert found is not None
        root = Root((0.0, 0.0), 0, search.parts[0], bounds, keeping, Stage.PRICED, 0.0, 0.0, *ways)
        labels = Labels(search, root, [found])
        below_zero = facts_of(space.spec).below_zero(bounds)
        tile, reached = np.ones((1, len(bounds)), dtype=np.int64), labels.followed[0].start
        for place, slot in enumerate(choices.slots):
            if not slot.spatial:
                reached = labels.followed[0].through(place, tile, factors[None, place], reached)
            tile = tile * factors[place]
            least = labels.followed[0].beyond(place + 1, tile, reached)[0]
            assert least <= costs.energy_pj[row] * (1 + 1e-12) + below_zero


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32))
def test_partial_mappings_that_fit_no_level_are_left_out(seed: int) -> None:
    """Of random mappings those are bounded by infinity whose tiles the cost model refuses, and none that it costs."""
    space = some_space(seed, 100_000)
    choices, costing, facts = choices_of(space), Costing(space.spec, choices_of(space)), facts_of(space.spec)
    genomes = draw(choices, np.random.default_rng(seed), 60)
    genomes = genomes.take(np.flatnonzero(choices.fits_array(genomes)))
    handed_on = any(limits.no_coalesce for limits in choices.reuse)  # of which levels need not hold whole tiles
    for row, fits in enumerate(costing.cost(genomes).valid[:10].tolist()):
        if not fits and (
            handed_on or "exceeds buffer capacity" not in costing.reason(genomes.take(slice(row, row + 1)))
        ):
            continue
        factors = genomes.factors[row]
        bounds = tuple(factors.prod(axis=0).tolist())
        filling = {i: tuple(factors[i].tolist()) for i, slot in enumerate(choices.slots) if slot.spatial}
        keeping = np.where(genomes.keep[row], KEPT, 0).astype(np.int8)
        found = shortest(Decided(facts, choices, keeping, bounds), Fillings.of(choices, [filling]), np.array([0]))
        assert found is not None
        follow = Follow(found.programmes[0])
        tile, reached = np.ones((1, len(bounds)), dtype=np.int64), follow.start
        for place, slot in enumerate(choices.slots):
            if found.least < np.inf and not slot.spatial:
                reached = follow.through(place, tile, factors[None, place], reached)
            tile = tile * factors[place]
        least = follow.beyond(len(choices.slots), tile, reached)[0] if found.least < np.inf else np.inf
        assert (least < np.inf) == fits


@pytest.mark.parametrize("objective", ["latency", "edp"])
@pytest.mark.parametrize("name", ["simple_weight_stationary", "simple_output_stationary", "simba_like", "eyeriss_like"])
def test_example_designs_are_proved(name: str, objective: Objective) -> None:
    """A 3x3 convolution and a matrix product on designs of seven to nine levels."""
    engine, design = EmbeddedEngine(), load_arch(DESIGNS / f"{name}.yaml")
    energy = energy_tables("table", design)
    for layer in (Layer(name="conv", C=16, M=16, R=3, S=3, P=14, Q=14), Layer(name="product", C=64, M=64, P=64)):
        space = mapspace(FlexClass.of("T0O0P0S0"), design, layer)
        assert engine.map(space, energy, SearchOptions(objective), (), Path()).optimal
