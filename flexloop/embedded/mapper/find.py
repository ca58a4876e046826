"""The mapper's front door: mapspaces of three groups go to the exact search, all others to the general one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf, isfinite
from typing import Literal

from flexloop.deadline import Deadline
from flexloop.embedded.mapper.costing import Costing
from flexloop.embedded.mapper.exact.form import Form, recognise
from flexloop.embedded.mapper.exact.optimal import Outcome, Search, families
from flexloop.embedded.mapper.general.incumbent import NOT_FOUND
from flexloop.embedded.mapper.general.search import find_best_general, find_better
from flexloop.embedded.mapper.prepare import prepare
from flexloop.embedded.mapper.sampler import choices_of
from flexloop.embedded.mapper.space import Certificate, Objective, Optimum, Seed, Space, Standing
from flexloop.embedded.model import evaluate
from flexloop.errors import NoVerdictError, UnmappableError
from flexloop.evaluation import Evaluation
from flexloop.timeloop.mapping import Mapping


def find_best(
    spaces: Sequence[Space],
    objective: Objective,
    seeds: Sequence[Seed] = (),
    *,
    effort: Literal["quick", "normal", "thorough"] = "normal",
    time_limit: float | None = None,
    deadline: Deadline | None = None,
    rng_seed: int = 0,
    standing: Standing | None = None,
    floor: tuple[float, float] = (0.0, 0.0),
) -> Optimum:
    """Find the best mapping of several mapspaces, taken as one.

    Args:
        spaces: the mapspaces.
        objective: what to minimise; ties of latency are broken by energy, of energy by latency, of EDP by energy.
        seeds: mappings known to be in the spaces, such as the best of subclasses; they speed the search up.
        effort: how long to search where the proof does not end before, in CPU time.
        time_limit: the same in seconds by a clock on the wall.
        deadline: the same, begun before; compiling the kernels does not count.
        rng_seed: seed of what is random outside the exact search.
        standing: called with the best mapping and its bound whenever they improve.
        floor: the objective and its tie-break, of which no mapping is below both, as far as is known; the general
            search ends where it finds a mapping of that cost.

    Raises:
        UnmappableError: if no mapping fits, with the reason.
        NoVerdictError: if no mapping was found within the time limit, and it is not proved that there is none.
    """
    deadline, standing = deadline or Deadline.of(effort, time_limit), standing or Standing()
    seeds = [replace(seed, mapping=spaces[seed.space].limited(seed.mapping)) for seed in seeds]
    with deadline.paused():
        prepare()
    with standing.searched():
        return _find_best(spaces, objective, seeds, deadline, rng_seed, standing, floor)


def _find_best(
    spaces: Sequence[Space],
    objective: Objective,
    seeds: Sequence[Seed],
    deadline: Deadline,
    rng_seed: int,
    standing: Standing,
    floor: tuple[float, float],
) -> Optimum:
    forms = [(place, form) for place, space in enumerate(spaces) if (form := recognise(space)) is not None]
    best = _best_seed(spaces, objective, seeds)
    incumbent = best.cost if best else (float("inf"),) * 2
    search = Search(families(forms, objective), objective, incumbent, deadline, standing)
    found = search.run()
    if found is not None:
        best = _optimum(spaces, objective, found)
    elif best is None and isfinite(search.lower_bound):
        best = _smallest(spaces, objective, forms)
    bound = min(search.open, (float(search.best["cost"][0]), float(search.best["cost"][1])))
    certificate = Certificate(True, bound[0], int(search.best["counts"][0]), 0.0, bound[1])
    if rest := sorted(set(range(len(spaces))) - {place for place, _ in forms}):
        best, certificate = _with_general(
            spaces, rest, objective, seeds, best, certificate, deadline, rng_seed, standing, floor
        )
    if best is None and isfinite(certificate.lower_bound):
        raise NoVerdictError(NOT_FOUND)
    if best is None:
        raise UnmappableError(_why_not(spaces, forms))
    proved = Certificate.of(best.cost, certificate.bound, certificate.evaluated)
    excluded = max(_mappings(spaces) - proved.evaluated, 0.0) if proved.optimal else 0.0
    return replace(best, certificate=replace(proved, excluded=excluded))


def cost_of(objective: Objective, evaluation: Evaluation) -> tuple[float, float]:
    """The objective and its tie-break."""
    if objective == "latency":
        return float(evaluation.cycles), evaluation.energy_pj
    if objective == "energy":
        return evaluation.energy_pj, float(evaluation.cycles)
    return evaluation.edp, evaluation.energy_pj


def _evaluated(space: Space, bounds: dict[str, int], mapping: Mapping) -> Evaluation:
    problem = replace(space.spec.problem, bounds={**space.spec.problem.bounds, **bounds})
    return evaluate(replace(space.spec, problem=problem), mapping)


_UNKNOWN = Certificate(False, 0.0, 0, 0.0)


def _best_seed(spaces: Sequence[Space], objective: Objective, seeds: Sequence[Seed]) -> Optimum | None:
    best: Optimum | None = None
    for seed in seeds:
        bounds = dict(seed.bounds)
        evaluation = _evaluated(spaces[seed.space], bounds, seed.mapping)
        if evaluation.valid and (best is None or cost_of(objective, evaluation) < best.cost):
            best = Optimum(seed.space, bounds, seed.mapping, cost_of(objective, evaluation), _UNKNOWN, evaluation)
    return best


def _optimum(spaces: Sequence[Space], objective: Objective, found: Outcome) -> Optimum:
    """What the exact search found, costed by the model (whose figures are the ones that count)."""
    evaluation = _evaluated(spaces[found.place], found.bounds, found.mapping)
    if not evaluation.valid:
        raise AssertionError(f"the search found a mapping that the model refuses: {evaluation.reason}")
    return Optimum(found.place, found.bounds, found.mapping, cost_of(objective, evaluation), _UNKNOWN, evaluation)


def _smallest(spaces: Sequence[Space], objective: Objective, forms: Sequence[tuple[int, Form]]) -> Optimum | None:
    """The best of the mappings with the smallest tiles inside, for want of time to look for a better one."""
    best: Optimum | None = None
    for place, form in forms:
        choices = choices_of(spaces[place])
        if choices.empty_dimension:
            continue
        bounds, mapping = Costing(form.spec, choices).mapping(choices.smallest())
        evaluation = _evaluated(spaces[place], bounds, mapping)
        if evaluation.valid and (best is None or cost_of(objective, evaluation) < best.cost):
            best = Optimum(place, bounds, mapping, cost_of(objective, evaluation), _UNKNOWN, evaluation)
    return best


def _with_general(
    spaces: Sequence[Space],
    rest: Sequence[int],
    objective: Objective,
    seeds: Sequence[Seed],
    best: Optimum | None,
    certificate: Certificate,
    deadline: Deadline,
    rng_seed: int,
    standing: Standing,
    floor: tuple[float, float],
) -> tuple[Optimum | None, Certificate]:
    """Search the mapspaces of other forms as well."""
    place = {index: i for i, index in enumerate(rest)}
    own = [replace(seed, space=place[seed.space]) for seed in seeds if seed.space in place]
    others = [spaces[i] for i in rest]
    if best is not None:
        other, proved = find_better(others, objective, best.cost, own, deadline, rng_seed, standing, floor)
    else:
        try:
            other = find_best_general(
                others, objective, own, deadline=deadline, rng_seed=rng_seed, standing=standing, floor=floor
            )
        except UnmappableError:
            if not isfinite(certificate.lower_bound):
                raise
            return None, certificate
        proved = other.certificate
    lower = min(proved.bound, certificate.bound)
    merged = Certificate(True, lower[0], certificate.evaluated + proved.evaluated, 0.0, lower[1])
    if other is not None:
        best = replace(other, space=rest[other.space])
    return best, merged


def _mappings(spaces: Sequence[Space]) -> float:
    """Mappings of all spaces as Timeloop counts them; infinite where a floating-point number does not hold them."""
    try:
        return float(sum(choices_of(space).raw_size() for space in spaces))
    except OverflowError:
        return inf


def _why_not(spaces: Sequence[Space], forms: Sequence[tuple[int, Form]]) -> str:
    """Why the smallest tiles of the first mapspace do not fit, in the model's words."""
    place, form = forms[0]
    choices = choices_of(spaces[place])
    if choices.empty_dimension:
        return f"no factors of {choices.empty_dimension} within the constraints multiply to an allowed bound"
    return f"no mapping fits: {Costing(form.spec, choices).reason(choices.smallest())}"
