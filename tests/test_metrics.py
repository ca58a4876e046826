"""Timeloop's optimisation metrics: accesses to a level are searched as exactly as delay, energy and EDP."""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import cache

import pytest
from random_spaces import random_space

from flexloop.embedded.mapper import Space
from flexloop.embedded.mapper.costing import Costing
from flexloop.embedded.mapper.sampler import choices_of
from flexloop.embedded.metrics import Goal, find_best_for, goal_of
from flexloop.embedded.model import evaluate
from flexloop.errors import UnknownNameError, UnsupportedError
from flexloop.evaluation import Evaluation
from flexloop.timeloop.mapping import Mapping

LEVELS = ("Reg", "Buffer", "DRAM")


def accesses(space: Space, evaluation: Evaluation, level: int) -> int:
    """Reads, fills and updates of all instances of a level."""
    name = space.spec.level_names[level]
    tensors = [t for found in evaluation.levels if found.name == name for t in found.tensors.values()]
    return sum((t.reads + t.fills + t.updates) * t.utilized_instances for t in tensors)


def figures(space: Space, evaluation: Evaluation, metrics: tuple[str, ...]) -> tuple[float, ...]:
    last = len(space.spec.levels) - 1
    found = {"delay": float(evaluation.cycles), "energy": evaluation.energy_pj}
    found |= {f"accesses-{level}": accesses(space, evaluation, level) for level in range(last + 1)}
    return tuple((found | {"last_level_accesses": found[f"accesses-{last}"]})[metric] for metric in metrics)


def counted(space: Space, mapping: Mapping) -> Evaluation | None:
    """The figures of a mapping; None for one that the model does not count, which searches leave out."""
    try:
        return evaluate(space.spec, mapping)
    except UnsupportedError:
        return None


@cache
def small_spaces() -> list[tuple[Space, list[Evaluation]]]:
    """Random mapspaces of one padding, each with all its valid mappings evaluated."""
    found: list[tuple[Space, list[Evaluation]]] = []
    for seed in itertools.count():
        space = random_space(seed, 150, networks=0.5)
        if space is None or any(len(bounds) > 1 for bounds in space.bounds.values()):
            continue
        levels = tuple(replace(level, address_energy=0.3 * (seed % 2)) for level in space.spec.levels)
        space = replace(space, spec=replace(space.spec, levels=levels))
        choices = choices_of(space)
        costing = Costing(space.spec, choices)
        rows = [genomes.take(slice(i, i + 1)) for genomes in choices.listed() for i in range(len(genomes))]
        all_of_them = [counted(space, costing.mapping(row)[1]) for row in rows]
        if valid := [evaluation for evaluation in all_of_them if evaluation is not None and evaluation.valid]:
            found.append((space, valid))
        if len(found) == 12:
            return found
    raise AssertionError


@pytest.mark.parametrize(
    "metrics",
    [
        ("last_level_accesses",),
        ("last_level_accesses", "delay"),
        ("accesses-0", "delay"),
        ("accesses-1", "accesses-0"),
        ("delay", "last_level_accesses"),
        ("delay", "accesses-0", "energy"),
    ],
)
def test_the_search_finds_what_enumeration_finds(metrics: tuple[str, ...]) -> None:
    for space, mappings in small_spaces():
        found = find_best_for(space, Goal(metrics))
        assert found.certificate.optimal
        best = min(figures(space, evaluation, metrics) for evaluation in mappings)
        assert figures(space, evaluate(space.spec, found.mapping), metrics) == pytest.approx(best, rel=1e-9)
        assert found.cost[0] == pytest.approx(best[0], rel=1e-9)  # with no energies of networks or addresses in it


def test_energy_tells_equal_accesses_apart_up_to_a_row() -> None:
    metrics = ("last_level_accesses", "energy")
    for space, mappings in small_spaces():
        found = figures(space, evaluate(space.spec, find_best_for(space, Goal(metrics)).mapping), metrics)
        best = min(figures(space, evaluation, metrics) for evaluation in mappings)
        outermost = space.spec.levels[-1]
        row = max(outermost.read_energy, outermost.write_energy, outermost.update_energy) * outermost.instances
        assert found[0] == best[0]
        assert found[1] <= best[1] + 3 * row * len(space.spec.data_space_names)


def test_ordered_accesses_are_those_of_all_levels_from_the_outermost_on() -> None:
    assert goal_of(["ordered_accesses", "energy"], LEVELS).metrics == (
        "accesses-2",
        "accesses-1",
        "accesses-0",
        "energy",
    )


@pytest.mark.parametrize("metric", ["latency", "accesses-3", "accesses-", "Energy"])
def test_unknown_metrics_are_refused(metric: str) -> None:
    with pytest.raises(UnknownNameError, match=f"unknown optimization metric '{metric}'"):
        goal_of([metric], LEVELS)
