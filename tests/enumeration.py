"""The best mapping of a small mapspace by costing every one."""

from __future__ import annotations

from flexloop.embedded.mapper.choices import Choices
from flexloop.embedded.mapper.costing import Costing
from flexloop.embedded.mapper.sampler import Found, better
from flexloop.embedded.mapper.space import Objective


def best_of_all(costing: Costing, choices: Choices, objective: Objective) -> Found | None:
    """Cost every mapping that fits the array and return the best; None where none is valid."""
    best: Found | None = None
    for genomes in choices.listed():
        best = better(best, genomes, costing.cost(genomes), objective, 0)
    return best
