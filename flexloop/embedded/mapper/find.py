"""The mapper's front door: mapspaces of three groups go to the exact search, all others to the general one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Mapping as Map
from dataclasses import dataclass, replace
from math import inf, isfinite

from flexloop.deadline import Deadline
from flexloop.embedded.mapper.costing import Costing
from flexloop.embedded.mapper.exact.form import Form, recognise
from flexloop.embedded.mapper.exact.optimal import Outcome, Search, families
from flexloop.embedded.mapper.general.incumbent import NOT_FOUND, Incumbent
from flexloop.embedded.mapper.general.roots import NOTHING
from flexloop.embedded.mapper.general.search import search_general
from flexloop.embedded.mapper.prepare import prepare
from flexloop.embedded.mapper.sampler import choices_of
from flexloop.embedded.mapper.space import BestSoFar, Certificate, Guide, Objective, Optimum, Seed, Space, ranked
from flexloop.embedded.model import evaluate
from flexloop.errors import NoVerdictError, UnmappableError
from flexloop.evaluation import Evaluation
from flexloop.timeloop.mapping import Mapping


@dataclass(frozen=True)
class _Query:
    """What `find_best` is asked."""

    spaces: Sequence[Space]
    objective: Objective
    seeds: Sequence[Seed]
    deadline: Deadline
    rng_seed: int
    so_far: BestSoFar
    floor: tuple[float, float]
    guides: Sequence[Guide]


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
    with so_far.searched():
        return _found(_Query(spaces, objective, seeds, deadline, rng_seed, so_far, floor, guides))


def _found(query: _Query) -> Optimum:
    spaces, objective = query.spaces, query.objective
    forms = [(place, form) for place, space in enumerate(spaces) if (form := recognise(space)) is not None]
    best = _best_seed(query)
    incumbent = best.cost if best else NOTHING
    search = Search(families(forms, objective), objective, incumbent, query.deadline, query.so_far)
    found = search.run()
    if found is not None:
        best = _optimum(query, found)
    elif best is None and isfinite(search.lower_bound):
        best = _smallest(query, forms)
    bound = min(search.open, (float(search.best["cost"][0]), float(search.best["cost"][1])))
    certificate = Certificate(True, bound[0], int(search.best["counts"][0]), 0.0, bound[1])
    if rest := sorted(set(range(len(spaces))) - {place for place, _ in forms}):
        best, certificate = _with_general(query, rest, best, certificate)
    if best is None and isfinite(certificate.lower_bound):
        raise NoVerdictError(NOT_FOUND)
    if best is None:
        place, form = forms[0]
        raise UnmappableError(Costing(form.spec, choices_of(spaces[place])).why_none())
    proved = Certificate.of(best.cost, certificate.bound, certificate.evaluated)
    excluded = max(_mappings(spaces) - proved.evaluated, 0.0) if proved.optimal else 0.0
    return replace(best, certificate=replace(proved, excluded=excluded))


def cost_of(objective: Objective, evaluation: Evaluation) -> tuple[float, float]:
    """The objective and its tie-break."""
    return ranked(objective, float(evaluation.cycles), evaluation.energy_pj)


_UNKNOWN = Certificate(False, 0.0, 0, 0.0)


def _costed(query: _Query, place: int, bounds: Map[str, int], mapping: Mapping) -> Optimum:
    """A mapping with what the model says of it, whose figures are the ones that count."""
    spec = query.spaces[place].spec
    problem = replace(spec.problem, bounds={**spec.problem.bounds, **bounds})
    evaluation = evaluate(replace(spec, problem=problem), mapping)
    return Optimum(place, dict(bounds), mapping, cost_of(query.objective, evaluation), _UNKNOWN, evaluation)


def _least(candidates: Iterable[Optimum]) -> Optimum | None:
    """The first of the best of those that are valid."""
    valid = [each for each in candidates if each.evaluation is not None and each.evaluation.valid]
    return min(valid, key=lambda each: each.cost, default=None)


def _best_seed(query: _Query) -> Optimum | None:
    return _least(_costed(query, seed.space, seed.bounds, seed.mapping) for seed in query.seeds)


def _optimum(query: _Query, found: Outcome) -> Optimum:
    """What the exact search found."""
    optimum = _costed(query, found.place, found.bounds, found.mapping)
    if optimum.evaluation is None or not optimum.evaluation.valid:
        raise AssertionError(f"the search found a mapping that the model refuses: {optimum.evaluation}")
    return optimum


def _smallest(query: _Query, forms: Sequence[tuple[int, Form]]) -> Optimum | None:
    """The best of the mappings with the smallest tiles inside, for want of time to look for a better one."""
    open_ones = [(place, form.spec, choices_of(query.spaces[place])) for place, form in forms]
    return _least(
        _costed(query, place, *Costing(spec, choices).mapping(choices.smallest()))
        for place, spec, choices in open_ones
        if not choices.empty_dimension
    )


def _with_general(
    query: _Query, rest: Sequence[int], best: Optimum | None, certificate: Certificate
) -> tuple[Optimum | None, Certificate]:
    """Search the mapspaces of other forms as well."""
    place = {index: i for i, index in enumerate(rest)}
    seeds = [replace(seed, space=place[seed.space]) for seed in query.seeds if seed.space in place]
    others, known = [query.spaces[i] for i in rest], best.cost if best else NOTHING
    with query.deadline.paused():
        prepare(general=True)
    incumbent = Incumbent(others, query.objective, query.deadline, query.so_far, query.floor, known)
    search_general(incumbent, seeds, query.rng_seed, guides=query.guides)
    if best is not None:
        found, proved = incumbent.outcome()
    else:
        try:
            found = incumbent.result()
        except UnmappableError:
            if not isfinite(certificate.lower_bound):
                raise
            return None, certificate
        proved = found.certificate
    lower = min(proved.bound, certificate.bound)
    merged = Certificate(True, lower[0], certificate.evaluated + proved.evaluated, 0.0, lower[1])
    return best if found is None else replace(found, space=rest[found.space]), merged


def _mappings(spaces: Sequence[Space]) -> float:
    """Mappings of all spaces as Timeloop counts them; infinite where a floating-point number does not hold them."""
    try:
        return float(sum(choices_of(space).raw_size() for space in spaces))
    except OverflowError:
        return inf
