"""What a search that was stopped says of its mapping's equals: no more than enumeration of all mappings confirms."""

from __future__ import annotations

import pytest
from deadlines import after_looks
from enumeration import best_of_all
from random_cases import random_case
from random_spaces import some_space

from flexloop.embedded.mapper import Optimum, Space, find_best
from flexloop.embedded.mapper.costing import Costing
from flexloop.embedded.mapper.general import known_forms
from flexloop.embedded.mapper.general import search as general_module
from flexloop.embedded.mapper.sampler import choices_of
from flexloop.embedded.metrics import goal_of
from flexloop.errors import NoVerdictError


def checked(spaces: list[Space], best: tuple[float, ...], looks: int) -> Optimum | None:
    """Search for the least latency for a while, and compare what is claimed with the best of all mappings."""
    try:
        found = find_best(spaces, "latency", deadline=after_looks(looks))
    except NoVerdictError:
        return None
    claim = found.certificate
    assert claim.lower_bound <= best[0]
    assert not claim.optimal or found.cost[0] == best[0]
    assert not claim.optimal or claim.tie_bound <= best[1] * (1 + 1e-12)
    assert not claim.optimal or found.tie_gap or found.cost == pytest.approx(best[:2], rel=1e-12)
    return found


@pytest.mark.slow
def test_what_is_claimed_of_equals_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(general_module, "_ENUMERATED", 0)
    monkeypatch.setattr(known_forms, "recognise", lambda space: None)
    open_ties = 0
    for seed in range(0, 200, 10):
        space = some_space(seed, 1_500)
        choices = choices_of(space)
        best = best_of_all(Costing(space.spec, choices), choices, "latency")
        if best is None:
            continue
        stopped = [checked([space], best.key, looks) for looks in (1, 20, 80, 300)]
        open_ties += sum(found is not None and found.certificate.optimal and found.tie_gap > 0 for found in stopped)
        whole = checked([space], best.key, looks=10**6)
        assert whole and whole.certificate.optimal and whole.tie_gap == 0
    assert open_ties, "some searches had proved the latency and not yet the energy"


def test_what_the_exact_search_claims_of_equals_holds() -> None:
    claims = []
    for seed in range(10):
        case = random_case(seed)
        if not 0 < case.size <= 6_000 or not (expected := case.enumerated()):
            continue
        claims += [checked(case.spaces, expected["latency"], looks) for looks in (1, 3, 5, 8, 10**6)]
        assert claims[-1] and claims[-1].certificate.optimal and claims[-1].tie_gap == 0
    assert any(found and not found.certificate.optimal for found in claims), "some searches were stopped"


@pytest.mark.parametrize(
    ("metrics", "second", "others"),
    [
        (["delay"], None, ()),
        (["delay", "energy"], "energy", ()),
        (["delay", "edp"], "edp", ()),
        (["delay", "energy", "edp"], "energy", ()),
        (["delay", "energy", "last_level_accesses"], "energy", ("last_level_accesses",)),
        (["delay", "accesses-0", "energy"], "accesses-0", ("energy",)),
        (["energy", "delay"], "delay", ()),
        (["energy", "accesses-1"], None, ("accesses-1",)),
        (["edp", "energy"], "energy", ()),
        (["edp", "delay"], None, ("delay",)),
        (["accesses-1", "delay", "energy"], "delay", ("energy",)),
        (["accesses-1", "energy"], None, ("energy",)),
    ],
)
def test_which_metrics_a_proof_is_about(metrics: list[str], second: str | None, others: tuple[str, ...]) -> None:
    assert goal_of(metrics, ["Reg", "Buffer", "DRAM"]).after_first() == (second, others)
