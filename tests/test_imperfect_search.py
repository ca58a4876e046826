"""Mapspaces whose loops may have residuals, or may be few only: what is in them, and what is best there.

- golden/mapspaces.jsonl.gz: random mapspaces with all valid mappings that `timeloop-mapper` (master at 4cf6d4c) logs of
  them, their cycles and pJ/compute: pinned factors that do not divide bounds, `ruby`, few temporal loops.
- golden/ruby.jsonl.gz: in how many ways `ruby` factorises one dimension, as `timeloop-mapper` counts them.
"""

from __future__ import annotations

import gzip
import itertools
import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import random_spaces
from enumeration import best_of_all, find_best_general

from flexloop.dropin.mapper import space_of
from flexloop.embedded.mapper.choices import Choices
from flexloop.embedded.mapper.costing import Costing, facts_of
from flexloop.embedded.mapper.drawing import draw
from flexloop.embedded.mapper.fillings import Fillings
from flexloop.embedded.mapper.general import labels, pricing
from flexloop.embedded.mapper.general import search as general
from flexloop.embedded.mapper.imperfect import Remainders, padded_table, residuals
from flexloop.embedded.mapper.paths.follow import Follow
from flexloop.embedded.mapper.paths.keeping import KEPT
from flexloop.embedded.mapper.paths.shortest import Charged, Decided, Shortest, shortest
from flexloop.embedded.mapper.sampler import choices_of
from flexloop.embedded.mapper.space import Objective, Space
from flexloop.embedded.metrics import OBJECTIVES
from flexloop.embedded.model import evaluate
from flexloop.embedded.spec import Spec, read_config
from flexloop.errors import UnmappableError, UnsupportedError
from flexloop.timeloop.constraints import Constraints, LoopConstraint
from flexloop.timeloop.mapping import LevelMapping, Mapping

GOLDEN = Path(__file__).parent / "golden"
EVERY = [48, pytest.param(1, marks=pytest.mark.slow)]
"""Of the recorded mapspaces one in so many is looked at; all of them take a minute."""


def recorded(name: str) -> Iterator[dict[str, Any]]:
    with gzip.open(GOLDEN / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def spaces() -> Iterator[tuple[dict[str, Any], Spec, Space]]:
    for run in recorded("mapspaces"):
        spec = read_config(run["config"])
        yield run, spec, space_of(spec, run["config"])


def compact(mapping: Mapping) -> str:
    """A mapping as `timeloop-mapper` logs it, without loops of one iteration: ``L1[ABZ] N3;2 M4X - L0[AZ] K2``.

    The order of the innermost loops does not matter where one MAC does them all.
    """
    levels = []
    for number, level in reversed(list(enumerate(mapping.levels))):
        loops = [_loop(level, d) for d, _ in reversed(level.loops)]
        for axis, across in (("Y", level.y_loops), ("X", level.x_loops)):
            loops += [_loop(level, d, axis) for d, _ in reversed(across)]
        innermost = number == 0 and not level.x_loops and not level.y_loops
        kept = "".join(tensor[0] for tensor in level.keep)
        levels.append(" ".join([f"L{number}[{kept}]", *(sorted(loops) if innermost else loops)]))
    return " - ".join(levels)


def _loop(level: LevelMapping, d: str, axis: str = "") -> str:
    n, residual = (level.spatial_factors if axis else level.factors)[d], level.residual(d, spatial=bool(axis))
    return f"{d}{n}{axis}" if residual == n else f"{d}{n};{residual}{axis}"


@pytest.mark.parametrize("every", EVERY)
def test_a_mapspace_holds_what_timeloop_lists(every: int) -> None:
    compared = imperfect = 0
    for run, spec, space in itertools.islice(spaces(), 0, None, every):
        choices = choices_of(space)
        costing = Costing(spec, choices)
        found = {}
        for genomes in choices.listed():
            for row in np.flatnonzero(costing.cost(genomes).valid).tolist():
                _, mapping = costing.mapping(genomes.take(slice(row, row + 1)))
                evaluation = evaluate(spec, mapping)
                found[compact(mapping)] = evaluation.cycles, evaluation.energy_pj / evaluation.computes
                imperfect += not mapping.is_perfect
        assert found, "a mapspace without a mapping would show nothing"
        expected = {text: (cycles, picojoules) for text, cycles, picojoules in run["mappings"]}
        assert found == {text: pytest.approx(figures, abs=5.001e-4) for text, figures in expected.items()}
        compared += len(expected)
    assert compared > 5000 / every and imperfect > 3000 / every


@pytest.mark.parametrize("every", EVERY)
def test_branch_and_bound_finds_the_best_of_what_timeloop_lists(every: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(general, "_ENUMERATED", 0)
    for run, spec, space in itertools.islice(spaces(), 0, None, every):
        objective = OBJECTIVES[run["config"]["mapper"]["optimization_metrics"][0]]
        choices = choices_of(space)
        best = best_of_all(Costing(spec, choices), choices, objective)
        found = find_best_general([space], objective, samples=0)
        assert best is not None and found.cost[0] == pytest.approx(best.key[0], rel=1e-12)
        assert found.certificate.optimal


def listed_by_timeloop(row: list[int], free: list[int], bound: int) -> int:
    """How often Timeloop lists the same factors: once for each slot of which it may have worked out the factor.

    It tries factors up to the root of the bound in all slots but one.
    """
    root = int(bound**0.5 + 1.5)
    factors = [row[slot] for slot in free] or [1]
    found = int(all(factor <= root for factor in factors[1:]))
    for q in range(1, len(factors)):
        found += factors[q] >= root and all(factor <= root for i, factor in enumerate(factors) if i != q)
    return found


def test_ruby_has_as_many_factorisations_as_timeloop_counts() -> None:
    compared = 0
    for run in recorded("ruby"):
        pinned, most = ({int(slot): n for slot, n in run[name].items()} for name in ("pinned", "most"))
        table = Remainders(run["bound"], run["slots"], pinned, most, run["lows"], run["highs"]).table()
        free = [slot for slot in range(run["slots"]) if slot not in pinned]
        assert sum(listed_by_timeloop(row, free, run["bound"]) for row in table.tolist()) == run["count"], run
        compared += 1
    assert compared > 150


def test_too_many_factorisations_of_ruby_are_refused() -> None:
    slots = range(8)
    some = Remainders(1000, 7, {}, {2: 16, 4: 12}, [1] * 7, [1000] * 7)
    assert (residuals(some.table(), 1000) > 0).all() and len(some.table()) == 35_798
    with pytest.raises(UnsupportedError, match="a bound of 1000 has more than 500000 factorisations"):
        Remainders(1000, 8, {}, dict.fromkeys(slots, 16), [1 for _ in slots], [1000 for _ in slots]).table()


def test_residuals_make_the_bound_of_the_factors() -> None:
    """A dimension of 10 in slots 4, 1, 2, 2: two full passes of 4, then 2; the third pass over 4 is the last."""
    assert residuals(np.array([[4, 1, 2, 2]]), 10).tolist() == [[2, 1, 1, 2]]
    table = padded_table(10, {0: 4}, [4, 1, 1], [4, 99, 99])
    assert table.tolist() == [[4, 1, 3], [4, 3, 1]]
    assert padded_table(10, {0: 4, 1: 2}, [4, 2, 1], [4, 2, 99]).tolist() == [[4, 2, 2]]
    assert padded_table(10, {0: 4, 1: 8}, [4, 8, 1], [4, 8, 99]).tolist() == [[4, 3, 1]], "cut down to what is left"


BOUNDS = {"R": [1, 2, 3], "S": [1, 2, 3], "N": [1, 2, 3, 5], "G": [1, 3, 5], "P": [2, 3, 5, 7, 8], "Q": [1, 3, 5]}


def random_space(seed: int, most: int) -> Space | None:
    """A random space with residuals of at most ``most`` mappings, or None where the draw is none."""
    rng = random.Random(seed)
    spec = random_spaces.random_spec(rng)
    bounds = {d: rng.choice(BOUNDS.get(d, [1, 2, 3, 4, 5, 7])) for d in spec.problem.dimensions}
    spec = replace(spec, problem=replace(spec.problem, bounds=bounds))
    ruby = rng.random() < 0.5
    loops = []
    for name, spatial in itertools.product(spec.level_names, (True, False)):
        if spatial and name not in spec.fanouts:
            continue
        order = rng.sample(list(bounds), len(bounds))
        first = rng.choice([len(bounds), len(bounds), rng.randint(0, len(bounds))])
        loops.append(
            LoopConstraint(
                name,
                spatial,
                {d: rng.randint(1, min(n, 4)) for d, n in bounds.items() if rng.random() < 0.25},
                {},
                {d: 3 for d in bounds if rng.random() < 0.05},
                tuple(order[:first]),
                (),
                rng.choice([None, first]) if spatial else None,
                rng.randint(1, 4) if ruby and rng.random() < 0.5 else None,
            )
        )
    limits = random_spaces.reuse_limits(rng, spec) if rng.random() < 0.3 else {}
    bypass = random_spaces.bypass(rng, spec)
    constraints = Constraints(tuple(loops), bypass, None, limits, "ruby" if ruby else "uber")
    few = rng.choice([None, None, None, rng.randint(1, 6)])
    space = Space(spec, {d: (n,) for d, n in bounds.items()}, constraints, few)
    choices = choices_of(space)
    fits = not choices.empty_dimension and choices.imperfect and choices.size() <= most
    return space if fits else None


def apart(*arguments: Any, **options: Any) -> Shortest | None:
    """The shortest path of each data space alone, as where they are too many together."""
    return shortest(*arguments, **{**options, "apart": True})


def some_space(seed: int, most: int) -> Space:
    """The first of the random spaces from a seed on."""
    return next(space for k in itertools.count() if (space := random_space(1000 * seed + k, most)) is not None)


@pytest.mark.parametrize("is_coarse", [False, True], ids=["one path", "one of each data space, orders bounded"])
@pytest.mark.parametrize("objective", ["latency", "energy", "edp"])
@pytest.mark.parametrize("seed", [pytest.param(n, marks=pytest.mark.slow if n % 3 else ()) for n in range(16)])
def test_branch_and_bound_finds_the_best_of_an_enumeration(
    seed: int, objective: Objective, is_coarse: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(general, "_ENUMERATED", 0)
    if is_coarse:
        monkeypatch.setattr(pricing, "shortest", apart)
        monkeypatch.setattr(labels, "BATCH", 1)
    space = some_space(seed, 1500)
    choices = choices_of(space)
    best = best_of_all(Costing(space.spec, choices), choices, objective)
    if best is None:
        with pytest.raises((UnmappableError, UnsupportedError)):
            find_best_general([space], objective, samples=0)
        return
    found = find_best_general([space], objective, samples=0)
    assert found.certificate.optimal and found.tie_gap == 0
    assert found.cost == pytest.approx(best.key[:2], rel=1e-12)


# In 78 a dimension with a residual moves inputs in steps of three words, so that tiles of one lack more than positions.
@pytest.mark.parametrize("seed", [pytest.param(n, marks=pytest.mark.slow if n % 3 else ()) for n in (*range(30), 78)])
def test_bounds_of_partial_mappings_hold(seed: int) -> None:
    space = some_space(seed, 100_000)
    choices = choices_of(space)
    costing = Costing(space.spec, choices)
    genomes = draw(choices, np.random.default_rng(seed), 60)
    genomes = genomes.take(np.flatnonzero(choices.fits_array(genomes)))
    if not len(genomes):
        return
    costs, facts = costing.cost(genomes), facts_of(space.spec, choices.reuse)
    for row in np.flatnonzero(costs.valid)[:10]:
        factors = genomes.factors[row]
        bounds = tuple(factors.prod(axis=0).tolist())
        filling = {i: tuple(factors[i].tolist()) for i, slot in enumerate(choices.slots) if slot.spatial}
        mapspace = Decided(facts, choices, np.where(genomes.keep[row], KEPT, 0).astype(np.int8), bounds)
        ways = Fillings.of(choices, [filling]), np.array([0])
        for resource, apart in itertools.product((None, *facts.resources), (False, True)):
            found = shortest(mapspace, *ways, charged=Charged(resource), apart=apart)
            assert found is not None
            most = costs.energy_pj[row] + facts.below_zero(bounds) if resource is None else costs.cycles[row]
            for decided in range(len(choices.slots) + 1):
                assert found.beyond(decided, factors[:decided].prod(axis=0)[None])[0] <= most * (1 + 1e-12)
            assert in_order(choices, found, factors, genomes.orders[row]) <= most * (1 + 1e-12)


def in_order(choices: Choices, found: Shortest, factors: np.ndarray, orders: np.ndarray) -> float:
    """What the path costs that follows the loops of one mapping in their order."""
    least = 0.0
    for followed in map(Follow, found.programmes):
        tile, reached = np.ones((1, factors.shape[1]), dtype=np.int64), followed.start
        for place, slot in enumerate(choices.slots):
            if not slot.spatial:
                reached = followed.through(place, tile, factors[place][None], reached, orders[place][None])
            tile = tile * factors[place]
        least += float(followed.beyond(len(choices.slots), tile, reached)[0])
    return least


@pytest.mark.parametrize("seed", range(12))
def test_few_loops_are_drawn_and_partial_mappings_that_have_room_for_them_are_kept(seed: int) -> None:
    space = random_spaces.some_space(seed, 100_000)
    choices = choices_of(replace(space, most_loops=2))
    few = choices.few_loops
    assert few is not None
    genomes = draw(choices, np.random.default_rng(seed), 400)
    any_number = draw(choices_of(space), np.random.default_rng(seed), 400).factors
    assert few.hold(genomes.factors).sum() >= few.hold(any_number).sum()
    factors = genomes.factors[choices.fits_array(genomes)]
    spans = np.concatenate([np.ones_like(factors[:, :1]), np.cumprod(factors, axis=1)], axis=1)
    for row, decided in itertools.product(range(len(factors)), range(len(choices.slots) + 1)):
        assert few.may_hold(spans[row : row + 1, : decided + 1], spans[row, -1].tolist())[0]
