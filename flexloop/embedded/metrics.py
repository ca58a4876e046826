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
from flexloop.embedded.mapper import BestSoFar, Objective, Optimum, Seed, Space, find_best
from flexloop.embedded.mapper.find import cost_of
from flexloop.embedded.model import evaluate
from flexloop.embedded.spec import Spec, StorageSpec
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

    @property
    def objective(self) -> Objective:
        """The objective of the search for the first metric: accesses are an energy."""
        return OBJECTIVES.get(self.metrics[0], "energy")

    @property
    def counted(self) -> str | None:
        """The accesses whose number the search goes for: the first metric, or that after delay."""
        first, *others = self.metrics
        wanted = others[:1] if first == "delay" else [first]
        return next((metric for metric in wanted if metric not in OBJECTIVES), None)

    @property
    def tie(self) -> str:
        """The metric by which the search tells equals of the first apart."""
        return {"latency": self.counted or "energy", "energy": "delay", "edp": "energy"}[self.objective]

    def after_first(self) -> tuple[str | None, tuple[str, ...]]:
        """The second metric, where the search's tie-break decides it, and those that no proof is about."""
        first, *others = dict.fromkeys(self.metrics)
        whole = {first, self.tie} <= set(OBJECTIVES)  # two of the three give the third
        decided = set(OBJECTIVES) if whole else {self.tie}
        if not others or others[0] not in decided or [first, others[0]] == ["edp", "delay"]:
            return None, tuple(others)
        return others[0], tuple(metric for metric in others if metric not in decided)


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
    space: Space, goal: Goal, deadline: Deadline | None = None, so_far: BestSoFar | None = None
) -> Optimum:
    """The best mapping of a mapspace for a goal.

    The proof is about the first metric and the search's tie-break (`Goal.tie`). Where accesses are counted, a second
    search goes for the other metrics among the equals, in the time that is left; a row that is not full then counts in
    part.

    Args:
        space: the mapspace.
        goal: what is minimised.
        deadline: when to end with what is known; absent, that of effort ``normal``.
        so_far: receives the best cost and its bound whenever they improve.

    Raises:
        UnmappableError, NoVerdictError: as `find_best`.
    """
    deadline = deadline or Deadline.of()
    if goal.counted is None:
        return find_best([space], goal.objective, deadline=deadline, so_far=so_far)
    first_alone = replace(space, spec=_weighted(space.spec, {goal.counted: 1.0}))
    least = find_best([first_alone], goal.objective, deadline=deadline, so_far=so_far)
    return _best_of_equals(space, goal, least, deadline) if least.certificate.optimal else least


def _best_of_equals(space: Space, goal: Goal, least: Optimum, deadline: Deadline) -> Optimum:
    """Of the mappings that are as good as one in what was searched for, the best in the other metrics.

    They are weighed such that one access or cycle more costs more than all after it do in that mapping.
    """
    spec = space.spec
    known = {"edp", "delay"} if goal.objective == "latency" else {"edp"}
    metrics = [metric for metric in dict.fromkeys((*goal.metrics, "delay", "energy")) if metric not in known]
    weights: dict[str, float] = {}
    for metric in reversed(metrics):
        after = evaluate(_weighted(spec, weights), least.mapping).energy_pj if weights else 0.0
        weights[metric] = 16 * after if after else 1.0
    seed = Seed(0, least.bounds, least.mapping)
    weighed = replace(space, spec=_weighted(spec, weights))
    found = find_best([weighed], goal.objective, [seed], deadline=deadline)
    cost = cost_of(goal.objective, evaluate(_weighted(spec, {metrics[0]: 1.0}), found.mapping))
    second, _ = goal.after_first()
    worse = cost > least.cost if second else cost[0] > least.cost[0]
    return least if worse else replace(found, cost=cost, certificate=least.certificate)


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
    networks = tuple(network.scaled(energy) for network in spec.networks)
    return replace(spec, levels=tuple(levels), mac=mac, networks=networks)


def _scaled(storage: StorageSpec, weight: float) -> StorageSpec:
    return replace(
        storage,
        read_energy=storage.read_energy * weight,
        write_energy=storage.write_energy * weight,
        update_energy=storage.update_energy * weight,
        leakage=storage.leakage * weight,
        address_energy=storage.address_energy * weight,
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
        address_energy=storage.address_energy / storage.cluster_size,
    )
