"""The mapper's front door: mapspaces of three groups are proved in their own way, all others by the general search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf

from flexloop.deadline import Deadline
from flexloop.embedded.mapper.general.incumbent import Incumbent
from flexloop.embedded.mapper.general.known_forms import KnownForms
from flexloop.embedded.mapper.general.part import Part
from flexloop.embedded.mapper.general.search import search_general
from flexloop.embedded.mapper.prepare import prepare
from flexloop.embedded.mapper.space import BestSoFar, Guide, Objective, Optimum, Seed, Space, ranked
from flexloop.embedded.model import evaluate
from flexloop.evaluation import Evaluation


def find_best(
    spaces: Sequence[Space],
    objective: Objective,
    seeds: Sequence[Seed] = (),
    *,
    deadline: Deadline | None = None,
    rng_seed: int = 0,
    so_far: BestSoFar | None = None,
    floor: tuple[float, float] = (0.0, 0.0),
    guides: Sequence[Guide] = (),
) -> Optimum:
    """Find the best mapping of several mapspaces, taken as one.

    Args:
        spaces: the mapspaces.
        objective: what to minimise; ties of latency are broken by energy, of energy by latency, of EDP by energy.
        seeds: mappings known to be in the spaces, such as the best of subclasses; they speed the search up.
        deadline: when to end where the proof does not end before; compiling the kernels does not count. Absent, that of
            effort ``normal``.
        rng_seed: seed of what is random outside the exact search.
        so_far: receives the best cost and its bound whenever they improve.
        floor: the objective and its tie-break, of which no mapping is below both, as far as is known; the general
            search ends where it finds a mapping of that cost.
        guides: mappings of mapspaces that hold these; the general search begins with their bounds and fanouts.

    Raises:
        UnmappableError: if no mapping fits, with the reason.
        NoVerdictError: if no mapping was found within the time limit, and it is not proved that there is none.
    """
    deadline, so_far = deadline or Deadline.of(), so_far or BestSoFar()
    seeds = [replace(seed, mapping=spaces[seed.space].limited(seed.mapping)) for seed in seeds]
    with deadline.paused():
        prepare(general=False)
    incumbent = Incumbent(spaces, objective, deadline, so_far, floor)
    with so_far.searched():
        incumbent.start(seeds)
        KnownForms.of(incumbent, patterns=1).prove(incumbent)
        if incumbent.open_parts:
            with deadline.paused():
                prepare(general=True)
            search_general(incumbent, seeds, rng_seed, guides=guides)
        return _detailed(incumbent)


def cost_of(objective: Objective, evaluation: Evaluation) -> tuple[float, float]:
    """The objective and its tie-break."""
    return ranked(objective, float(evaluation.cycles), evaluation.energy_pj)


def _detailed(incumbent: Incumbent) -> Optimum:
    """The best mapping with what the model says of it, whose figures are the ones that count."""
    best = incumbent.result()
    spec = incumbent.parts[best.space].space.spec
    problem = replace(spec.problem, bounds={**spec.problem.bounds, **best.bounds})
    evaluation = evaluate(replace(spec, problem=problem), best.mapping)
    if not evaluation.valid:
        raise AssertionError(f"the search found a mapping that the model refuses: {evaluation}")
    proved = best.certificate
    excluded = max(_mappings(incumbent.parts) - proved.evaluated, 0.0) if proved.optimal else 0.0
    cost = cost_of(incumbent.objective, evaluation)
    return replace(best, cost=cost, certificate=replace(proved, excluded=excluded), evaluation=evaluation)


def _mappings(parts: Sequence[Part]) -> float:
    """Mappings of all spaces as Timeloop counts them; infinite where a floating-point number does not hold them."""
    try:
        return float(sum(part.choices.raw_size() for part in parts))
    except OverflowError:
        return inf
