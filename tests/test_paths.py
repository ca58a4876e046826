"""The shortest path bounds every mapping of its mapspace, and comes close to the best of them on chains of levels."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import prod
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nasty_spaces import CONVOLUTION, document, space_of
from random_spaces import joined_space, some_space

from flexloop.deadline import Deadline
from flexloop.embedded.mapper import Space, find_best
from flexloop.embedded.mapper.choices import Choices
from flexloop.embedded.mapper.costing import Costing, facts_of
from flexloop.embedded.mapper.facts import Facts, TensorFacts
from flexloop.embedded.mapper.fillings import Filling, Fillings
from flexloop.embedded.mapper.general import joined
from flexloop.embedded.mapper.paths.bank import Bank, Passing
from flexloop.embedded.mapper.paths.conditions import END, Charge
from flexloop.embedded.mapper.paths.grid import Grid
from flexloop.embedded.mapper.paths.handed import Handed
from flexloop.embedded.mapper.paths.keeping import keeping_of
from flexloop.embedded.mapper.paths.runs import NOT_APART, Run
from flexloop.embedded.mapper.paths.shortest import Charged, Decided, Shortest, shortest
from flexloop.embedded.mapper.paths.sliding import Sliding
from flexloop.embedded.mapper.paths.words import Words
from flexloop.embedded.mapper.sampler import choices_of
from flexloop.embedded.mapper.slots import Genomes
from flexloop.timeloop.constraints import Constraints, DataspaceConstraint, LoopConstraint
from flexloop.timeloop.reuse import ReuseLimits


def exact(facts: Facts) -> Facts:
    """Facts whose bounds grant no instance a word for rounding: small problems would tell little otherwise."""
    return replace(facts, levels=tuple(replace(level, instances=0) for level in facts.levels))


def mappings(space: Space) -> Iterator[tuple[tuple[int, ...], Filling, float, Genomes]]:
    """The valid mappings of a space: bounds, factors of the fanouts, energy, and a batch of one."""
    choices = choices_of(space)
    costing = Costing(space.spec, choices)
    for genomes in choices.listed():
        costs = costing.cost(genomes)
        for row in np.flatnonzero(costs.valid).tolist():
            factors = genomes.factors[row]
            filling = {i: tuple(factors[i].tolist()) for i, slot in enumerate(choices.slots) if slot.spatial}
            one = genomes.take(slice(row, row + 1))
            yield tuple(factors.prod(axis=0).tolist()), filling, float(costs.energy_pj[row]), one


def least_of_each(space: Space) -> dict[tuple[tuple[int, ...], tuple[int, ...]], tuple[Filling, float, Genomes]]:
    """The mapping of the least energy for all bounds and ways to fill the fanouts."""
    best: dict[tuple[tuple[int, ...], tuple[int, ...]], tuple[Filling, float, Genomes]] = {}
    for bounds, filling, energy, one in mappings(space):
        key = bounds, tuple(f for factors in filling.values() for f in factors)
        if key not in best or energy < best[key][1]:
            best[key] = filling, energy, one
    return best


def least_of_bounds(space: Space) -> Iterator[tuple[Decided, Fillings, list[float]]]:
    """For all bounds the ways to fill the fanouts that have mappings, and the least energy of each."""
    choices, found = choices_of(space), dict[tuple[int, ...], list[tuple[Filling, float]]]()
    facts, keeping = exact(facts_of(space.spec, choices.reuse)), keeping_of(choices.kept, choices.free_bypass)
    for (bounds, _), (filling, energy, _) in least_of_each(space).items():
        found.setdefault(bounds, []).append((filling, energy))
    for bounds, some in found.items():
        ways = Fillings.of(choices, [filling for filling, _ in some])
        yield Decided(facts, choices, keeping, bounds), ways, [energy for _, energy in some]


def path(space: Space, choices: Choices, bounds: tuple[int, ...], filling: Filling) -> Shortest:
    keeping = keeping_of(choices.kept, choices.free_bypass)
    ways = Fillings.of(choices, [filling]), np.array([0])
    found = shortest(Decided(exact(facts_of(space.spec, choices.reuse)), choices, keeping, bounds), *ways)
    assert found is not None
    return found


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32))
def test_no_mapping_costs_less_than_the_shortest_path(seed: int) -> None:
    space = some_space(seed, 2_000)
    choices = choices_of(space)
    for (bounds, _), (filling, energy, _) in least_of_each(space).items():
        below_zero = facts_of(space.spec).below_zero(bounds)
        assert path(space, choices, bounds, filling).least <= energy * (1 + 1e-9) + below_zero


def test_macs_with_nothing_in_common_feed_each_other_nothing() -> None:
    """A product on four MACs: of two or three matrices each of them asks for words of its own in every step."""
    space = space_of(document([None, 64], [1, 4], {"M": 4, "K": 4, "N": 4}), keep=True)
    choices = choices_of(space)
    for (bounds, _), (filling, energy, _) in least_of_each(space).items():
        assert 0.8 * energy <= path(space, choices, bounds, filling).least <= energy


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32))
def test_no_mapping_costs_less_than_what_leaves_something_out(seed: int) -> None:
    """Without runs along shared ranks, and for several ways to fill the fanouts at a time, bounds are lower still."""
    space = some_space(seed, 2_000)
    for mapspace, ways, energies in least_of_bounds(space):
        most = min(energies) * (1 + 1e-9) + facts_of(space.spec).below_zero(mapspace.bounds)
        for coarse in (False, True):
            together = shortest(mapspace, ways, np.arange(len(ways)), coarse=coarse)
            one = shortest(mapspace, ways, np.array([0]), coarse=coarse)
            assert together is not None and one is not None
            assert together.least <= min(most, one.least * (1 + 1e-9))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32))
def test_no_mapping_costs_less_than_were_fanouts_with_nothing_between_them_one(seed: int) -> None:
    """Without runs even where bounds grant no rounding; with runs a way alone then is bounded as high, or higher."""
    space = joined_space(seed, 1_000)
    for mapspace, every, energies in least_of_bounds(space):
        below_zero = facts_of(space.spec).below_zero(mapspace.bounds)
        rounding = mapspace._replace(facts=facts_of(space.spec, choices_of(space).reuse))
        with patch.object(joined, "_WORTH", 0):
            ways = joined.joined(mapspace, every)
        assert ways.joined is not None and len(ways) <= len(every)
        for place, (energy, way) in enumerate(zip(energies, ways.joined.kind, strict=True)):
            most = (energy + below_zero) * (1 + 1e-9)
            alone = shortest(mapspace, every, np.array([place]))
            assert alone is not None
            for which in (np.array([way]), np.arange(len(ways))):
                coarse, fine = (shortest(mapspace, ways, which, coarse=is_coarse) for is_coarse in (True, False))
                rounded = shortest(rounding, ways, which)
                assert coarse is not None and fine is not None and rounded is not None
                assert coarse.least <= most and rounded.least <= most
                assert fine.least <= max(most, alone.least * (1 + 1e-9))


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32), st.floats(0.01, 100.0))
def test_no_mapping_lies_below_a_line_of_energy_and_cycles(seed: int, times: float) -> None:
    """Energy and a price for every cycle of a bandwidth: each mapping costs as much or more, whatever the price."""
    space = some_space(seed, 2_000)
    choices = choices_of(space)
    facts = facts_of(space.spec, choices.reuse)
    if not facts.resources:
        return
    keeping, costing = keeping_of(choices.kept, choices.free_bypass), Costing(space.spec, choices)
    for (bounds, _), (filling, least, _) in list(least_of_each(space).items())[:10]:
        ways = Fillings.of(choices, [filling]), np.array([0])
        for resource in facts.resources:
            weight = times * least / prod(bounds)
            found = shortest(Decided(facts, choices, keeping, bounds), *ways, charged=Charged(resource, weight))
            assert found is not None
            for others, other, energy, one in mappings(space):
                if (others, other) == (bounds, filling):
                    cycles = float(costing.cost(one).cycles[0]) - facts.latency
                    most = energy + facts.below_zero(bounds) + weight * cycles
                    assert found.least <= most * (1 + 1e-9)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32))
def test_what_is_left_of_a_mapping_costs_no_less_than_the_path_from_there(seed: int) -> None:
    space = some_space(seed, 2_000)
    choices = choices_of(space)
    for (bounds, _), (filling, energy, one) in list(least_of_each(space).items())[:20]:
        found = path(space, choices, bounds, filling)
        most = energy * (1 + 1e-9) + facts_of(space.spec).below_zero(bounds)
        spans = np.cumprod(one.factors[0], axis=0)
        for slot in range(1, len(choices.slots)):
            assert found.beyond(slot, spans[slot - 1][None])[0] <= most


def chain(**bounds: int) -> Space:
    """DRAM, a buffer, a row of PEs, a scratchpad and a register: five levels with the fanout."""
    return space_of(document([None, 4096, 256, 1], [1, 16, 1, 1], bounds, CONVOLUTION if "R" in bounds else None))


@pytest.mark.parametrize(
    "bounds", [{"A": 64, "B": 64, "C": 64}, {"N": 1, "C": 16, "M": 32, "R": 3, "S": 3, "P": 14, "Q": 14}]
)
def test_the_mapping_of_a_path_costs_little_more_than_the_path(bounds: dict[str, int]) -> None:
    space = chain(**bounds)
    choices = choices_of(space)
    costing = Costing(space.spec, choices)
    slot = next(i for i, s in enumerate(choices.slots) if s.spatial)
    factors = tuple(16 if d == ("A" if "A" in bounds else "C") else 1 for d in bounds)
    filling: Filling = {slot: factors}
    found = path(space, choices, tuple(bounds.values()), filling)
    assert found.genomes is not None
    costs = costing.cost(found.genomes)
    assert costs.valid[0]
    assert found.least <= costs.energy_pj[0] <= 1.02 * found.least


def test_a_path_gives_a_mapping_for_each_place_where_neighbours_may_be() -> None:
    """Two filters side by side, or all positions: of these neighbours pass inputs on."""
    bounds = {"N": 1, "C": 1, "M": 2, "R": 3, "S": 1, "P": 8, "Q": 1}
    space = space_of(document([None, 3], [16, 1], bounds, CONVOLUTION), keep=True)
    choices = choices_of(space)
    filling: Filling = {next(i for i, s in enumerate(choices.slots) if s.spatial): (1, 1, 2, 1, 1, 8, 1)}
    found = path(space, choices, tuple(bounds.values()), filling).genomes
    assert found is not None
    costs = Costing(space.spec, choices).cost(found)
    assert len(found) == 2
    assert costs.valid.all()
    assert costs.energy_pj.min() < costs.energy_pj.max()


def test_a_path_gives_no_mapping_that_breaks_a_pinned_factor() -> None:
    """The least path from tile to tile takes no heed of the loops of two iterations that are pinned in the buffer."""
    space = chain(A=64, B=64, C=64)
    pinned = (LoopConstraint(space.spec.level_names[1], factors={"A": 2, "B": 2, "C": 2}),)
    choices = choices_of(replace(space, constraints=replace(space.constraints, loops=pinned)))
    found = path(space, choices, (64, 64, 64), {next(i for i, s in enumerate(choices.slots) if s.spatial): (16, 1, 1)})
    place = next(i for i, s in enumerate(choices.slots) if s.level == 1 and not s.spatial)
    assert found.genomes is None or found.genomes.factors[0, place].tolist() == [2, 2, 2]


@pytest.mark.parametrize(
    "limits",
    [
        {},
        dict.fromkeys(range(4), ReuseLimits(("A", "Z"), ("B",), (), ("Z",))),
        {1: ReuseLimits(no_coalesce=("A",)), 2: ReuseLimits(no_temporal_reuse=("B",))},
    ],
)
def test_a_chain_is_bounded_closely_whatever_reuse_its_levels_may_not_make(limits: dict[int, ReuseLimits]) -> None:
    space = chain(A=64, B=64, C=64)
    constraints = Constraints(limits={space.spec.level_names[level]: some for level, some in limits.items()})
    found = find_best([replace(space, constraints=constraints)], "energy", deadline=Deadline(600.0))
    assert found.gap < 0.001


def test_energies_above_the_best_known_are_of_no_interest() -> None:
    space = chain(A=64, B=64, C=64)
    choices = choices_of(space)
    keeping = keeping_of(choices.kept, choices.free_bypass)
    facts = facts_of(space.spec, choices.reuse)
    filling: Filling = {next(i for i, s in enumerate(choices.slots) if s.spatial): (16, 1, 1)}
    ways = Fillings.of(choices, [filling]), np.array([0])
    whole = shortest(Decided(facts, choices, keeping, (64, 64, 64)), *ways)
    assert whole is not None
    cut = shortest(Decided(facts, choices, keeping, (64, 64, 64)), *ways, most=whole.least * 1.001)
    none = shortest(Decided(facts, choices, keeping, (64, 64, 64)), *ways, most=whole.least * 0.5)
    assert cut is not None and none is not None
    assert cut.least == whole.least
    assert none.least == np.inf
    assert (none.beyond(0, np.ones((1, 3), dtype=np.int64)) == np.inf).all()


def test_runs_are_followed_where_the_tiles_that_the_fanouts_leave_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole grid of a convolution has too many tiles; what one way to fill the fanout leaves is a fifth of them."""
    bounds = {"N": 1, "C": 16, "M": 16, "R": 3, "S": 1, "P": 16, "Q": 1}
    space = space_of(document([None, 64, 4], [1, 16, 1], bounds, CONVOLUTION))
    choices = choices_of(space)
    filling: Filling = {next(i for i, s in enumerate(choices.slots) if s.spatial): (1, 16, 1, 1, 1, 1, 1)}
    with_runs = path(space, choices, tuple(bounds.values()), filling)
    sizes = with_runs.programmes[0].window.size, with_runs.programmes[0].window.grid.size
    assert sizes == (50, 250)
    profiles = max(len(rows) for rows in with_runs.programmes[0].steps.rows)
    for factor, follows in ((2, True), (0.5, False)):
        monkeypatch.setattr("flexloop.embedded.mapper.paths.shortest.FOLLOWED", factor * sizes[0] * profiles)
        found = path(space, choices, tuple(bounds.values()), filling)
        assert (found.least == with_runs.least) == follows
        assert found.least <= with_runs.least


def test_words_at_some_tiles_are_those_at_all_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where words at all tiles are too many to be kept, those at the tiles of a single way are worked out alone."""
    bounds = {"N": 1, "C": 8, "M": 8, "R": 3, "S": 3, "P": 16, "Q": 4}
    space = space_of(document([None, 64, 4], [4, 8, 1], bounds, CONVOLUTION))
    choices = choices_of(space)
    inner, outer = (i for i, s in enumerate(choices.slots) if s.spatial)
    filling: Filling = {inner: (1, 4, 1, 1, 1, 2, 1), outer: (1, 1, 1, 1, 1, 4, 1)}
    at_all = path(space, choices, tuple(bounds.values()), filling)
    monkeypatch.setattr("flexloop.embedded.mapper.paths.bank._HELD", 0)
    at_some = path(space, choices, tuple(bounds.values()), filling)
    assert at_some.least == at_all.least
    for some, every in zip(at_some.programmes[0].values, at_all.programmes[0].values, strict=True):
        assert (some == every).all()


def test_a_window_of_a_grid_holds_the_tiles_that_some_factors_leave() -> None:
    grid = Grid((12, 1, 5))
    assert grid.size == len([n for n in range(1, 13) if 12 % n == 0]) * 2
    for place, tile in enumerate(grid.tiles.astype(np.int64)):
        assert grid.index(tile[None])[0] == place
    window = grid.window((2, 1, 5))
    assert sorted(grid.tiles[window.index, 0].tolist()) == [1, 2, 3, 6]
    moved = window.index + grid.index(np.array([[2, 1, 5]]))
    assert (grid.tiles[moved] == grid.tiles[window.index] * [2, 1, 5]).all()
    assert (window.places_of(window.index) == np.arange(window.size)).all()
    for (d, prime), (way, shape) in zip([(0, 2), (0, 3), (2, 5)], window.axes.tolist(), strict=True):
        here = np.flatnonzero(grid.tiles[window.index, d] % prime != 0)
        if shape > 1:
            assert (grid.tiles[window.index[here + way], d] == prime * grid.tiles[window.index[here], d]).all()


@pytest.mark.parametrize("steps", [(1, 1), (1, 2), (2, 1), (2, 2), (4, 2), (2, 3)])
def test_a_tile_needs_no_more_words_than_there_are_positions_in_it(steps: tuple[int, int]) -> None:
    """I[a * p + b * r]: with strides and dilations some positions are met more than once, and some never."""
    one, other = steps
    facts = Facts((), (TensorFacts((((0, one), (1, other)),), False),), 0.0)
    words = Words(facts, Grid((12, 6)))
    for tile, least in zip(words.grid.tiles.astype(int).tolist(), words.least[0].tolist(), strict=True):
        positions = {one * p + other * r for p in range(tile[0]) for r in range(tile[1])}
        assert least <= len(positions) * (12 / tile[0]) * (6 / tile[1])


def test_a_child_gets_the_gaps_that_a_stride_leaves_in_its_tile() -> None:
    """I[2 * p]: two children of two positions get 3 words each, and what they consist of at least is one word each."""
    facts = Facts((), (TensorFacts((((0, 2),),), False),), 0.0)
    words = Words(facts, Grid((4,)))
    place = int(words.grid.index(np.array([[2]]))[0])
    assert words.whole[0][place] == 6
    assert words.least[0][place] == 4


@pytest.mark.parametrize("steps", [(1, 2), (2, 1), (1, 3), (1, 1)])
def test_children_of_another_fanout_may_overlap_more_than_steps_say(steps: tuple[int, int]) -> None:
    """I[p + 2r]: with two of p in a fanout inside, those outside lie two apart, as tiles along r do."""
    bounds = (8, 6)
    facts = Facts((), (TensorFacts((tuple(enumerate(steps)),), False),), 0.0)
    words = Words(facts, Grid(bounds))
    for d, inside in ((0, 2), (0, 4), (1, 2), (1, 3)):
        apart = [[1, 1]]
        apart[0][d] = inside
        least = words.closer(0, words.lesser[0] & {d})[0]
        for tile, needed in zip(words.grid.tiles.astype(int).tolist(), least.tolist(), strict=True):
            stretch = [step * n for step, n in zip(steps, apart[0], strict=True)]
            positions = {stretch[0] * p + stretch[1] * r for p in range(tile[0]) for r in range(tile[1])}
            assert needed <= len(positions) * (bounds[0] / tile[0]) * (bounds[1] / tile[1])


def test_steps_of_two_never_cancel_against_a_filter_of_three() -> None:
    """I[2p + r], a register of one word: two outputs and then three filter rows bring six words, none twice."""
    facts = Facts((), (TensorFacts((((0, 2), (1, 1)),), False),), 0.0)
    words = Words(facts, Grid((8, 3)))
    place = int(words.grid.index(np.array([[2, 1]]))[0])
    run = Run(child=0, d=0, of_two=True)
    sliding = Sliding(words, 0)
    assert sliding.brought(0, sliding.ended(run, 1.0, by=1, prime=3))[place] == 2 * (8 / 2 * 3)


def test_a_loop_over_channels_makes_all_children_begin_anew() -> None:
    """I[c][p + r], four children along P, three steps along R: of six words a channel neighbours hold none before."""
    facts = Facts((), (TensorFacts((((2, 1),), ((0, 1), (1, 1))), False),), 0.0)
    words = Words(facts, Grid((4, 3, 4)))
    place = int(words.grid.index(np.array([[4, 3, 1]]))[0])
    run = Run(child=0, d=1, of_two=False)
    assert Handed(words, 0).new(run, 1.0, first=1, by=2, prime=2, apart=True)[place] == 6 * 4


def test_a_loop_that_leads_away_from_all_children_makes_the_parent_send_everything() -> None:
    """I[p + r][q + s], children spread along Q and S: a run along Q, and what lies outside of it."""
    facts = Facts((), (TensorFacts((((0, 1), (1, 1)), ((2, 1), (3, 1))), False),), 0.0)
    words = Words(facts, Grid((4, 3, 4, 3, 5)))
    handed, run, along = Handed(words, 0), Run(child=0, d=2, of_two=False), np.zeros(9, dtype=np.bool_)

    def by_parent(by: int, tile: tuple[int, ...], single: Sequence[int] = (0, 1)) -> float:
        share = handed.by_parent(run, by, 2, frozenset(single), along)
        return float(share[words.grid.index(np.array([tile]))[0]])

    assert by_parent(0, (1, 3, 4, 3, 1)) == 1.0  # a step along P, and nothing along R may lead back
    assert by_parent(0, (1, 1, 4, 3, 5)) == 1 / 2  # loops over R may, every second step at most
    assert by_parent(0, (1, 1, 4, 3, 5), single=()) == 1 / 12  # children spread along R may hold it
    assert by_parent(END, (1, 3, 4, 3, 5)) == 1.0  # P alone is left
    assert by_parent(END, (1, 3, 4, 3, 1)) == 1 / 5  # five iterations that do not move inputs may be inside of it
    assert by_parent(END, (4, 3, 1, 1, 5)) == 1.0  # no step along Q and S is served


def test_the_tile_of_one_child_has_the_gaps_that_a_stride_leaves() -> None:
    """I[2q + s], a buffer of Q = 4 and S = 1: it takes in 7 words, and two more for each of two steps along S."""
    shape = {"Weights": [[["S"]]], "Inputs": [[["S"], ["Q", "stride"]]], "Outputs": [[["Q"]]]}
    content = document([None, 64, 8], [1, 1, 1], {"S": 3, "Q": 4}, shape)
    content["problem"]["shape"]["coefficients"] = [{"name": "stride", "default": 2}]
    space = space_of(content, keep=True)
    dram, buffer, register = space.spec.level_names[::-1]
    pinned = {dram: {"S": 3, "Q": 1}, buffer: {"S": 1, "Q": 4}, register: {"S": 1, "Q": 1}}
    loops = tuple(LoopConstraint(name, factors=factors) for name, factors in pinned.items())
    space = replace(space, constraints=replace(space.constraints, loops=loops))
    choices = choices_of(space)
    mapspace = Decided(exact(facts_of(space.spec)), choices, keeping_of(choices.kept, choices.free_bypass), (3, 4))
    ((_, _, energy, _),) = mappings(space)
    found = shortest(mapspace, Fillings.of(choices, [{}]), np.array([0]), coarse=True)
    assert found is not None
    assert found.least == pytest.approx(energy, rel=1e-12)


def test_what_neighbours_pass_on_is_asked_of_each_run_and_of_what_ends_it() -> None:
    """I[c][p + r][q + s], three neighbours: runs of two steps or more along R that Q, channels or a slot's end end."""
    facts = Facts((), (TensorFacts((((4, 1),), ((0, 1), (1, 1)), ((2, 1), (3, 1))), False),), 0.0)
    words = Words(facts, Grid((6, 6, 3, 4, 2)))
    passing = Passing(most=1.0, around=3.0, is_dense=True, single=frozenset(range(4)))
    bank, seen = Bank(words), []
    for of_two, by in itertools.product((False, True), (3, 4, END)):
        charge = Charge(t=0, child=0, parent=1, level=1, first=0, run=Run(0, 0, of_two), by=by, prime=2)
        one = Bank(words)
        asked, kind = (
            some.kind(charge, 1.0, some.given(charge.t, passing, NOT_APART, alone=True)) for some in (bank, one)
        )
        of_all, alone = bank.rows[asked], one.rows[kind]
        assert (of_all == alone).all()
        seen.append(alone.tolist())
    assert len({tuple(some) for some in seen}) > 4


def with_open_inputs(content: dict[str, Any], without_loops: Sequence[int]) -> Space:
    """Three levels, the middle one of which may keep inputs or not, and some of which have no loops."""
    space = space_of(content)
    names, data_spaces = space.spec.level_names, space.spec.data_space_names
    kept = [DataspaceConstraint(names[i], data_spaces) for i in (0, 2)]
    kept.append(DataspaceConstraint(names[1], ("Weights", "Outputs")))
    loops = (LoopConstraint(names[i], factors={"R": 1, "P": 1}) for i in without_loops)
    return replace(space, constraints=Constraints(tuple(loops), tuple(kept)))


def test_a_level_that_may_be_kept_is_thought_of_where_no_loop_stands_in_it() -> None:
    """Two PEs below a buffer that may keep inputs or not: if it does, DRAM gives what its tile needs, no more."""
    shape = {"Weights": [[["R"]]], "Inputs": [[["R"], ["P"]]], "Outputs": [[["P"]]]}
    content = document([None, 64, 8], [1, 2, 1], {"R": 3, "P": 4}, shape)
    for action in content["ERT"]["tables"][1]["actions"]:
        action["energy"] = 0.0
    space = with_open_inputs(content, without_loops=(1,))
    for (bounds, _), (filling, energy, _) in least_of_each(space).items():
        assert path(space, choices_of(space), bounds, filling).least <= energy * (1 + 1e-9)


def test_gaps_between_the_tiles_of_a_fanout_are_handed_on_by_no_level_that_may_be_bypassed() -> None:
    """I[r][2p], four PEs of a word each: DRAM gives them 4 words, 7 only to a buffer that keeps inputs for all four."""
    shape = {"Weights": [[["R"]]], "Inputs": [[["R"]], [["P", "stride"]]], "Outputs": [[["P"]]]}
    content = document([None, 64, 8], [1, 4, 1], {"R": 2, "P": 8}, shape)
    content["problem"]["shape"]["coefficients"] = [{"name": "stride", "default": 2}]
    space = with_open_inputs(content, without_loops=(0, 1))
    found = least_of_each(space)
    assert len(found) == 5
    for (bounds, _), (filling, energy, _) in found.items():
        assert path(space, choices_of(space), bounds, filling).least == pytest.approx(energy, rel=1e-12)
