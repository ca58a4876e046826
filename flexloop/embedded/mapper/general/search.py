"""The general mapper: any chain of storage levels, several fanouts, any constraints, free bypass.

Small mapspaces are enumerated, and where factors are few each choice of them is bounded (`general.listing`). Others are
searched by branch and bound: bypass and bounds first, then factors slot by slot from the innermost outwards, then
orders. Partial mappings whose bound (see `general.bounds`) is no better than the best mapping known are cut off with
everything below them. At the time limit the least bound left open certifies.
"""

from __future__ import annotations

from collections.abc import Sequence

from flexloop.deadline import Deadline, TimeUp
from flexloop.embedded.mapper.general.incumbent import Incumbent
from flexloop.embedded.mapper.general.known_forms import KnownForms
from flexloop.embedded.mapper.general.listing import prove_listed
from flexloop.embedded.mapper.general.proof import SAMPLED, Proof, has_paths
from flexloop.embedded.mapper.general.roots import Key
from flexloop.embedded.mapper.slots import concatenate
from flexloop.embedded.mapper.space import Certificate, Objective, Optimum, Seed, Space, Standing

_ENUMERATED = 200_000
"""Mapspaces of at most this many mappings together are enumerated."""
_LONGER = 40
"""How many times as long as others mappings with residuals take to cost, about."""
_SAMPLES = 20_000
"""Mappings sampled before branch and bound, over all spaces, where nothing else is asked."""
_FEWER = 20
"""By how much fewer mappings are sampled where shortest paths lead to good ones."""


def find_best_general(
    spaces: Sequence[Space],
    objective: Objective,
    seeds: Sequence[Seed] = (),
    *,
    time_limit: float = 60.0,
    deadline: Deadline | None = None,
    rng_seed: int = 0,
    samples: int = _SAMPLES,
    standing: Standing | None = None,
    floor: Key = (0.0, 0.0),
) -> Optimum:
    """Find the best mapping of all spaces, proved or with a lower bound.

    Args:
        spaces: the mapspaces, searched as one.
        objective: what to minimise.
        seeds: mappings known to be in the spaces, to start from.
        time_limit: seconds of CPU time after which the search ends with what it has.
        deadline: takes the place of the time limit.
        rng_seed: seed of the sampler that finds the first mappings.
        samples: mappings sampled before branch and bound, over all spaces.
        standing: called with the best mapping and its bound whenever they improve.
        floor: the objective and its tie-break, of which no mapping is below both, as far as is known.

    Raises:
        UnmappableError: if no mapping fits, with the reason for the one with the smallest tiles.
        NoVerdictError: if none was found within the time limit, and it is not proved that there is none.
        UnsupportedError: if none was found that the model can count.
    """
    incumbent = Incumbent(spaces, objective, deadline or Deadline(time_limit), standing or Standing(), floor)
    _search(incumbent, seeds, rng_seed, samples)
    return incumbent.result()


def find_better(
    spaces: Sequence[Space],
    objective: Objective,
    known: Key,
    seeds: Sequence[Seed],
    deadline: Deadline,
    rng_seed: int,
    standing: Standing,
    floor: Key,
) -> tuple[Optimum | None, Certificate]:
    """As `find_best_general`, where a mapping of elsewhere is known.

    Args:
        known: the objective and the tie-break of that mapping.
        spaces, objective, seeds, deadline, rng_seed, standing, floor: see `find_best_general`.

    Returns:
        A better mapping, or None, and what is proved of all mappings of the spaces and the known one.
    """
    incumbent = Incumbent(spaces, objective, deadline, standing, floor, known)
    _search(incumbent, seeds, rng_seed, _SAMPLES)
    return incumbent.outcome()


def _search(incumbent: Incumbent, seeds: Sequence[Seed], rng_seed: int, samples: int) -> None:
    """Everything in turn, until the time is over."""
    incumbent.start(seeds)
    if incumbent.is_done or _enumerated(incumbent):
        return
    prove_listed(incumbent)
    forms = KnownForms.of(incumbent)
    # Where shortest paths lead to good mappings few need be sampled, but the exact search needs a good incumbent.
    are_paths = (
        forms is not None
        and not forms.forms
        and all(has_paths(part, incumbent.deadline) for part in incumbent.filled if part.is_open)
    )
    samples = samples // _FEWER if are_paths else samples
    # A bad incumbent makes the exact search prove much about patterns of bypass that a good one excludes at once.
    _sample(incumbent, seeds, samples // 3, rng_seed)
    if forms is not None:
        forms.prove(incumbent)
    _sample(incumbent, seeds, samples - samples // 3, rng_seed + 1)
    Proof(incumbent, are_paths=are_paths).run(samples, rng_seed + 2)


def _enumerated(incumbent: Incumbent) -> bool:
    """Cost everything if that is little and there is time for it; return whether all was costed."""
    left: float = _ENUMERATED
    for part in incumbent.filled:
        left -= part.choices.size(left) * (_LONGER if part.choices.imperfect else 1)
        if left < 0 or incumbent.deadline.passed():
            return False
    try:
        for part in incumbent.filled:
            for genomes in part.choices.listed(1024, incumbent.deadline):
                incumbent.note(part, genomes)
                incumbent.deadline.check()
    except TimeUp:
        return False
    return not any(part.costing.uncounted for part in incumbent.parts)


def _sample(incumbent: Incumbent, seeds: Sequence[Seed], samples: int, rng_seed: int) -> None:
    """Improve the seeds by sampling the spaces that the exact search has not covered."""
    sampled = [part for part in incumbent.filled if part.is_open]
    until = incumbent.deadline.part(SAMPLED)
    for place, part in enumerate(sampled):
        if samples <= 0 or until.passed() or incumbent.is_done:
            return
        starts = [part.costing.genomes(seed.mapping) for seed in seeds if seed.space == part.index]
        begin = concatenate(starts) if starts else None
        incumbent.sample(part, samples // len(sampled), rng_seed, begin, until.part(1 / (len(sampled) - place)))
