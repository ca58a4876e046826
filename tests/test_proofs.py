"""What the general search says of mapspaces: proved with few mappings costed, known already, or left open."""

from __future__ import annotations

import itertools
from math import inf

import pytest
import random_spaces
from deadlines import after_looks
from enumeration import best_of_all, find_best_general
from test_imperfect_search import some_space

import flexloop
from flexloop.arch.load import load_arch_spec
from flexloop.deadline import Deadline
from flexloop.embedded.mapper.costing import Costing
from flexloop.embedded.mapper.general import proof
from flexloop.embedded.mapper.general import search as general
from flexloop.embedded.mapper.general.incumbent import Incumbent
from flexloop.embedded.mapper.general.roots import Roots
from flexloop.embedded.mapper.sampler import choices_of
from flexloop.embedded.mapper.space import Objective, Seed
from flexloop.errors import NoVerdictError
from flexloop.workloads.layers import Layer, Network


def test_remainders_of_fixed_tiles_are_proved_with_few_mappings_costed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a layer whose M = 24 the base's tile of 16 does not divide, in a class whose tiles are not free."""
    monkeypatch.delattr(proof.Proof, "_improve")  # nothing is sampled in between
    arch = load_arch_spec("kao_tpu", "a test").model_copy(update={"edge": "remainder"})
    net = Network(name="net", layers=(Layer(name="conv", C=48, M=24, P=28, Q=28),))
    found = flexloop.run("T0O1P1S0", net, arch, use_store=False, engine="embedded", objective="latency").rows.iloc[0]
    assert found["optimal"]
    assert found["cycles"] == 48 * 24 * 28 * 28 // 1024
    assert found["evaluated"] < 5_000 < found["excluded"]


@pytest.fixture
def not_enumerated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(general, "_ENUMERATED", 0)


MAPPABLE = [0, 1, 5, 9, 11]


@pytest.mark.parametrize("seed", MAPPABLE)
def test_what_is_known_need_not_be_found_again(seed: int, not_enumerated: None) -> None:
    space = some_space(seed, 1_000)
    best = find_best_general([space], "energy", samples=0)
    again = find_best_general([space], "energy", [Seed(0, best.bounds, best.mapping)], samples=0)
    assert again.cost == best.cost and again.mapping == best.mapping
    assert again.certificate.optimal and again.certificate.evaluated <= best.certificate.evaluated + 1  # the seed


def test_what_is_claimed_of_mappings_left_open_holds(not_enumerated: None) -> None:
    """A search that is stopped claims no bound above the best of all mappings."""
    partly = 0
    for seed in range(12):
        space = some_space(seed, 1_500)
        choices = choices_of(space)
        best = best_of_all(Costing(space.spec, choices), choices, "energy")
        if best is None:
            continue
        for looks in (2, 4, 6, 9, 14):
            try:
                claim = find_best_general([space], "energy", deadline=after_looks(looks), samples=0).certificate
            except NoVerdictError:
                continue
            assert claim.bound <= (best.key[0] * (1 + 1e-12), best.key[1])
            partly += not claim.optimal and claim.lower_bound > 0
    assert partly


@pytest.mark.parametrize("objective", ["latency", "energy", "edp"])
def test_no_padded_bounds_hide_better_ones_behind_them(objective: Objective) -> None:
    """Of the bounds that a mapspace allows only the next by its product is looked at; networks may take energy off."""
    spaces = [random_spaces.some_space(seed, 800, networks=1.0) for seed in range(380, 400)]
    several = 0
    for space in [*spaces, *(some_space(seed, 800) for seed in range(380, 400))]:
        incumbent = Incumbent([space], objective, Deadline(60))
        roots, keys = Roots(incumbent.filled, incumbent.key, itertools.count(0, -1)), []
        while roots.least() is not None:
            keys.append(roots.pop().key[0])
        assert all(after >= before - 1e-12 * abs(before) for before, after in itertools.pairwise(keys) if before > -inf)
        several += len(keys) > 1
    assert several > 3
