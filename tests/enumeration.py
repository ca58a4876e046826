"""The best mapping of a small mapspace by costing every one, and what is held against it: the general search's."""

from __future__ import annotations

from collections.abc import Sequence

from flexloop.deadline import Deadline
from flexloop.embedded.mapper.choices import Choices
from flexloop.embedded.mapper.costing import Costing
from flexloop.embedded.mapper.general.incumbent import Incumbent
from flexloop.embedded.mapper.general.search import search_general
from flexloop.embedded.mapper.sampler import Found, best_of
from flexloop.embedded.mapper.space import Guide, Objective, Optimum, Seed, Space


def best_of_all(costing: Costing, choices: Choices, objective: Objective) -> Found | None:
    """Cost every mapping that fits the array and return the best; None where none is valid."""
    found = (best_of(genomes, costing.cost(genomes), objective) for genomes in choices.listed())
    return min((best for best in found if best is not None), key=lambda best: best.key, default=None)


def find_best_general(
    spaces: Sequence[Space],
    objective: Objective,
    seeds: Sequence[Seed] = (),
    *,
    time_limit: float = 60.0,
    deadline: Deadline | None = None,
    rng_seed: int = 0,
    samples: int = 20_000,
    floor: tuple[float, float] = (0.0, 0.0),
    guides: Sequence[Guide] = (),
) -> Optimum:
    """The best mapping by the general search, whatever form the spaces have; ``time_limit`` in seconds of CPU time."""
    incumbent = Incumbent(spaces, objective, deadline or Deadline(time_limit), floor=floor)
    incumbent.start(seeds)
    search_general(incumbent, seeds, rng_seed, samples, guides)
    return incumbent.result()
