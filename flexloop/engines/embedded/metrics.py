"""Timeloop's optimisation metrics as goals of the embedded search.

Delay, energy and EDP are the search's own objectives. Accesses to a level are the energy of an architecture in which
one word read, written or updated there costs 1 pJ and all else nothing, so the same search finds, and proves, their
minimum.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from flexloop.deadline import Deadline
from flexloop.engines.embedded.mapper import Objective, Optimum, Seed, Space, Standing, find_best
from flexloop.engines.embedded.model import evaluate
from flexloop.engines.embedded.spec import Spec, StorageSpec
from flexloop.errors import UnknownNameError

OBJECTIVES: dict[str, Objective] = {"delay": "latency", "energy": "energy", "edp": "edp"}
"""Timeloop's metrics that are objectives of the search, and what they are called there."""

LAST, ALL = "last_level_accesses", "ordered_accesses"
_ACCESSES = re.compile(r"accesses-([0-9]{1,4})")


@dataclass(frozen=True)
class Goal:
    """What is minimised: the first metric, and among equals of each the one after it.

    Attributes:
        metrics: one or more of Timeloop's names; accesses to level n, counted from the innermost, are ``accesses-n``.
    """

    metrics: tuple[str, ...]

    @property
    def name(self) -> str:
        """The first metric as the search calls it: latency, energy, edp, or Timeloop's name of accesses."""
        return OBJECTIVES.get(self.metrics[0], self.metrics[0])


def goal_of(metrics: Sequence[str], levels: Sequence[str]) -> Goal:
    """The goal that a list of metrics sets.

    Args:
        metrics: Timeloop's names.
        levels: of the storage levels, innermost first.

    Raises:
        UnknownNameError: a metric that Timeloop does not have, or accesses to a level that does not exist.
    """
    found: list[str] = []
    for metric in metrics:
        if metric == ALL:
            found += [f"accesses-{level}" for level in reversed(range(len(levels)))]
            continue
        counted = _ACCESSES.fullmatch(metric)
        if metric not in (*OBJECTIVES, LAST) and not (counted and int(counted[1]) < len(levels)):
            raise UnknownNameError("optimization metric", metric, (*OBJECTIVES, LAST, ALL, "accesses-0"))
        found.append(metric)
    return Goal(tuple(found))


def find_best_for(
    space: Space, goal: Goal, deadline: Deadline | None = None, standing: Standing | None = None
) -> Optimum:
    """The best mapping of a mapspace for a goal.

    The proof is about the first metric. Where it is a number of accesses, or delay with accesses after it, a second
    search goes for the others among its equals, in the time that is left; a row that is not full then counts in part.
    Equals of energy and of EDP are told apart by the search itself.

    Args:
        space: the mapspace.
        goal: what is minimised.
        deadline: when to end with what is known; absent, that of effort ``normal``.
        standing: hears of the best mapping and its bound.

    Raises:
        UnmappableError, NoVerdictError: as `find_best`.
    """
    deadline = deadline or Deadline.of()
    first, *others = goal.metrics
    if first in ("energy", "edp") or (first == "delay" and (not others or others[0] in OBJECTIVES)):
        return find_best([space], OBJECTIVES[first], deadline=deadline, standing=standing)
    counted = others[0] if first == "delay" else first
    objective: Objective = "latency" if first == "delay" else "energy"
    first_alone = replace(space, spec=_weighted(space.spec, {counted: 1.0}))
    least = find_best([first_alone], objective, deadline=deadline, standing=standing)
    if not least.certificate.optimal:
        return least
    known = {"edp", "delay"} if objective == "latency" else {"edp"}
    rest = [metric for metric in dict.fromkeys((*goal.metrics, "delay", "energy")) if metric not in known]
    return _best_of_equals(space, objective, rest, least, deadline)


def _best_of_equals(
    space: Space, objective: Objective, metrics: Sequence[str], least: Optimum, deadline: Deadline
) -> Optimum:
    """Of the mappings that are as good as one in the first metric, the best in the others.

    They are weighed such that one access or cycle more costs more than all after it do in that mapping.
    """
    spec = space.spec
    weights: dict[str, float] = {}
    for metric in reversed(metrics):
        after = evaluate(_weighted(spec, weights), least.mapping).energy_pj if weights else 0.0
        weights[metric] = 16 * after if after else 1.0
    seed = Seed(0, least.bounds, least.mapping)
    weighed = replace(space, spec=_weighted(spec, weights))
    found = find_best([weighed], objective, [seed], deadline=deadline)
    first = evaluate(_weighted(spec, {metrics[0]: 1.0}), found.mapping)
    worse = first.energy_pj > least.cost[0] if objective == "energy" else (first.cycles, first.energy_pj) > least.cost
    return least if worse else replace(found, cost=least.cost, certificate=least.certificate)


def _level_of(metric: str, spec: Spec) -> int:
    """The level whose accesses a metric counts."""
    counted = _ACCESSES.fullmatch(metric)
    return int(counted[1]) if counted else len(spec.levels) - 1


def _weighted(spec: Spec, weights: Mapping[str, float]) -> Spec:
    """The architecture whose energy is a weighted sum of metrics.

    A cycle costs what the outermost level leaks, of which there is one instance (where there are more, nothing).
    """
    energy = weights.get("energy", 0.0)
    levels = [_scaled(storage, energy) for storage in spec.levels]
    for metric, weight in weights.items():
        if metric == "delay":
            outermost = levels[-1]
            leakage = outermost.leakage + (weight if outermost.instances == 1 else 0.0)
            levels[-1] = replace(outermost, leakage=leakage)
        elif metric != "energy":
            level = _level_of(metric, spec)
            levels[level] = _with_costly_words(levels[level], weight)
    mac = replace(spec.mac, compute_energy=spec.mac.compute_energy * energy)
    return replace(spec, levels=tuple(levels), mac=mac)


def _scaled(storage: StorageSpec, weight: float) -> StorageSpec:
    return replace(
        storage,
        read_energy=storage.read_energy * weight,
        write_energy=storage.write_energy * weight,
        update_energy=storage.update_energy * weight,
        leakage=storage.leakage * weight,
    )


def _with_costly_words(storage: StorageSpec, weight: float) -> StorageSpec:
    """A level where a word costs its share of a row, and so much more."""
    share = storage.block_size * storage.cluster_size
    return replace(
        storage,
        block_size=1,
        cluster_size=1,
        read_energy=storage.read_energy / share + weight,
        write_energy=storage.write_energy / share + weight,
        update_energy=storage.update_energy / share + weight,
    )
