"""The general mapper: any chain of storage levels, several fanouts, any constraints, free bypass.

Small mapspaces are enumerated. Others are searched by branch and bound: bypass and bounds first, then factors slot by
slot from the innermost outwards, then orders. Partial mappings whose bound (see `paths`) is no better than the best
mapping known are cut off with everything below them. At the time limit the least bound left open certifies.
"""

from __future__ import annotations

from collections.abc import Sequence

from flexloop.deadline import TimeUp
from flexloop.embedded.mapper.general.arrays import as_arrays
from flexloop.embedded.mapper.general.incumbent import Incumbent
from flexloop.embedded.mapper.general.known_forms import KnownForms
from flexloop.embedded.mapper.general.proof import SAMPLED, Proof, has_paths
from flexloop.embedded.mapper.slots import concatenate
from flexloop.embedded.mapper.space import Guide, Seed

_ENUMERATED = 50_000
"""Mapspaces of at most this many mappings together are enumerated."""
_PATTERNS = 512
"""Patterns of bypass of a mapspace that are told apart for the search that knows some of them closely."""
_SAMPLES = 20_000
"""Mappings sampled before branch and bound, over all spaces, where nothing else is asked."""


def search_general(
    incumbent: Incumbent,
    seeds: Sequence[Seed] = (),
    rng_seed: int = 0,
    samples: int = _SAMPLES,
    guides: Sequence[Guide] = (),
) -> None:
    """Find the best mapping of an incumbent's mapspaces and prove it, or how far from it the answer may be.

    Args:
        incumbent: has been started; hears of all that is found, and of what the end of the time left open.
        seeds: mappings known to be in the spaces, to start from.
        rng_seed: seed of the sampler that finds the first mappings.
        samples: mappings sampled before branch and bound, over all spaces.
        guides: mappings of mapspaces that hold these, to begin the proof with.
    """
    if incumbent.is_done or _enumerated(incumbent):
        return
    forms = KnownForms.of(incumbent, patterns=_PATTERNS)
    # What the exact search proves is left out of the mapspaces that are taken together.
    parts = [] if forms.forms else as_arrays(incumbent.open_parts)
    # Where shortest paths lead to good mappings none need be sampled, but the exact search needs a good incumbent.
    are_paths = bool(parts) and all(has_paths(part, incumbent.deadline) for part in parts if part.is_open)
    at_first = 0 if are_paths else samples
    # A bad incumbent makes the exact search prove much about patterns of bypass that a good one excludes at once.
    _sample(incumbent, seeds, at_first // 3, rng_seed)
    if not incumbent.is_done:
        forms.prove(incumbent)
    _sample(incumbent, seeds, at_first - at_first // 3, rng_seed + 1)
    proof = Proof(incumbent, parts or as_arrays(incumbent.open_parts), are_paths=are_paths)
    proof.follow(guides)
    proof.run(samples, rng_seed + 2)


def _enumerated(incumbent: Incumbent) -> bool:
    """Cost everything if that is little and there is time for it; return whether all was costed."""
    left: float = _ENUMERATED
    for part in incumbent.open_parts:
        left -= part.choices.size(left)
        if left < 0 or incumbent.deadline.passed():
            return False
    try:
        for part in incumbent.open_parts:
            for genomes in part.choices.listed(1024, incumbent.deadline):
                incumbent.note(part, genomes)
                incumbent.deadline.check()
    except TimeUp:
        return False
    return not any(part.costing.uncounted for part in incumbent.parts)


def _sample(incumbent: Incumbent, seeds: Sequence[Seed], samples: int, rng_seed: int) -> None:
    """Improve the seeds by sampling the spaces that the exact search has not covered."""
    sampled = incumbent.open_parts
    until = incumbent.deadline.part(SAMPLED)
    for place, part in enumerate(sampled):
        if samples <= 0 or until.passed() or incumbent.is_done:
            return
        starts = [part.costing.genomes(seed.mapping) for seed in seeds if seed.space == part.index]
        begin = concatenate(starts) if starts else None
        incumbent.sample(part, samples // len(sampled), rng_seed, begin, until.part(1 / (len(sampled) - place)))
