"""A drop-in for ``timeloop-mapper``: the same files in, the same files out, the optimum proved where it can be.

Read from the merged files: ``architecture`` (or ``arch``), ``problem``, ``mapper``, ``ERT`` if there is one, and the
constraints from wherever Timeloop looks for them. Of the mapper's settings the optimisation metrics matter; how long
and in what order Timeloop would search does not, because this search ends with a proof or at its time limit.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping as Map
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from flexloop.deadline import Deadline
from flexloop.dropin.model import check_energies, read_with_notes, write_results
from flexloop.embedded.mapper import BestSoFar, Optimum, Space
from flexloop.embedded.metrics import Goal, find_best_for, goal_of
from flexloop.embedded.model import evaluate
from flexloop.embedded.spec import Spec, read_config, refuse_unmodelled
from flexloop.energysources.complete import Completed, EnergyChoice, complete_energies
from flexloop.errors import SpecError
from flexloop.evaluation import Evaluation
from flexloop.timeloop.configconstraints import from_config
from flexloop.timeloop.constraints import LoopConstraint, Subject
from flexloop.timeloop.mapping import Mapping
from flexloop.timeloop.reuse import limit_entries
from flexloop.validation import short

_MIN_S = 0.3
"""Seconds that a search has however long reading took, unless its whole limit is less."""

_SETTINGS = """
    out_prefix num_threads optimization_metric optimization_metrics search_size timeout heartbeat victory_condition
    sync_interval log_interval max_temporal_loops_in_a_mapping log_orojenesis_mappings log_mappings_yaml
    log_mappings_verbose log_all_mappings log_stats log_suboptimal log_all live_status diagnostics
    penalize_consecutive_bypass_fails emit_whoop_nest algorithm filter_revisits max_permutations_per_if_visit
"""
SETTINGS = frozenset(_SETTINGS.split())
"""What ``timeloop-mapper`` reads under ``mapper``."""


@dataclass(frozen=True)
class MapperOutcome:
    """What the mapper found.

    Attributes:
        spec: architecture, problem and energies.
        goal: what was minimised.
        optimum: the mapping with its certificate.
        evaluation: its figures.
        energies: where the energies are from.
        ended: what ended a search without a proof.
    """

    spec: Spec
    goal: Goal
    optimum: Optimum
    evaluation: Evaluation
    energies: Completed
    ended: str = "time limit reached"

    @property
    def objective(self) -> str:
        """What was minimised first: latency, energy, edp, or Timeloop's name of accesses to a level."""
        return self.goal.name

    @property
    def proof(self) -> str:
        """How good the mapping is known to be, in each metric."""
        if not self.optimum.certificate.optimal:
            return f"the optimum for {self.objective} is at most {self.optimum.gap:.2%} lower ({self.ended})"
        second, others = self.goal.after_first()
        proof = f"proved optimal for {self.objective}"
        if second and self.optimum.tie_gap:
            proof += f"; among its equals {second} is at most {self.optimum.tie_gap:.2%} lower ({self.ended})"
        elif second:
            proof += f", then for {second}"
        return proof + (f"; {', '.join(others)} among its equals: best found, not proved" if others else "")

    def __str__(self) -> str:
        """Timeloop's summary, and how good the mapping is known to be."""
        found, certificate = self.evaluation, self.optimum.certificate
        return "\n".join(
            [
                "Summary stats for best mapping found by mapper:",
                f"  Utilization = {found.utilization:4.2f} | pJ/Compute = {found.energy_pj / found.computes:8.3f} | "
                f"Cycles = {found.cycles}",
                f"  {self.proof}; {certificate.evaluated:,} mappings evaluated, "
                f"{certificate.excluded:.4g} excluded by proof",
            ]
        )


def run_mapper(
    files: Sequence[Path],
    out_dir: Path,
    energy: EnergyChoice | None = None,
    *,
    time_limit: float | None = None,
    deadline: Deadline | None = None,
    so_far: BestSoFar | None = None,
    defines: Map[str, Any] = MappingProxyType({}),
    roots: Sequence[Path] = (),
) -> MapperOutcome:
    """Search as ``timeloop-mapper`` does; write ``timeloop-mapper.stats.txt``, ``.map.txt`` and ``.map.yaml``.

    Beside them stand the energies and where they are from (see `flexloop.dropin.model.run_model`).

    Args:
        files: YAML or libconfig files, merged, or folders with such files.
        out_dir: a folder, which is made.
        energy: where energies come from; absent, from the first source that is there.
        time_limit: seconds by a clock on the wall after which the proof is given up; absent, as effort ``normal``.
        deadline: takes the place of the time limit; making energies does not count.
        so_far: receives the best cost and its bound whenever they improve.
        defines: values of variables of templates.
        roots: folders below which templates may take in files, beside those of the files.

    Raises:
        SpecError, UnknownNameError, UnsupportedError, EngineError, UnmappableError, NoVerdictError: as `search_files`;
            nothing is written then.
        OutputError: if the files cannot be written.
    """
    outcome = search_files(
        files, energy, time_limit=time_limit, deadline=deadline, so_far=so_far, defines=defines, roots=roots
    )
    beside = outcome.energies.written()
    mapping = outcome.optimum.mapping
    write_results(outcome.spec, mapping, outcome.evaluation, out_dir, "timeloop-mapper", beside)
    absent = {"residuals": ("factors", _residuals(mapping)), "limits of reuse": ("directives", _limits(mapping))}
    for what, (where, written) in absent.items():
        if written:
            warnings.warn(
                f"timeloop-mapper.map.yaml is as Timeloop writes it, without {what}; before it is given to a model, "
                f"write these into its {where} ({written})",
                stacklevel=2,
            )
    return outcome


def _limits(mapping: Mapping) -> str:
    """What the levels of a mapping may not reuse, and where each limit stands."""
    found: dict[str, list[str]] = {}
    for level in mapping.levels:
        for kind in ("dataspace", "spatial", "temporal"):
            for key in limit_entries(kind, level.limits):
                found.setdefault(f"{key} ({kind})", []).append(level.target)
    return "; ".join(f"{key} at {', '.join(levels)}" for key, levels in found.items())


def _residuals(mapping: Mapping) -> str:
    """The loops of a mapping that have residuals: level and factor, as directives have it."""
    found = []
    for level in mapping.levels:
        for factors, residuals in (
            (level.factors, level.residuals),
            (level.spatial_factors, level.spatial_residuals),
        ):
            found += [f"{level.target} {d}={factors[d]},{r}" for d, r in residuals.items() if r != factors[d]]
    return "; ".join(found)


def search_files(
    files: Sequence[Path],
    energy: EnergyChoice | None = None,
    *,
    time_limit: float | None = None,
    deadline: Deadline | None = None,
    so_far: BestSoFar | None = None,
    defines: Map[str, Any] = MappingProxyType({}),
    roots: Sequence[Path] = (),
) -> MapperOutcome:
    """Read Timeloop's files and find the best mapping of their mapspace.

    Args:
        files: YAML or libconfig files, merged, or folders with such files.
        energy: where energies come from; absent, from the first source that is there.
        time_limit: seconds by a clock on the wall after which the proof is given up; absent, as effort ``normal``.
        deadline: takes the place of the time limit; making energies does not count.
        so_far: receives the best cost and its bound whenever they improve.
        defines: values of variables of templates.
        roots: folders below which templates may take in files, beside those of the files.

    Raises:
        SpecError, UnknownNameError: a file that is malformed or contradicts itself.
        UnsupportedError: a feature or a metric that is not modelled.
        EngineError: if a source of energies that was named is missing or fails.
        UnmappableError: if no mapping of the mapspace fits, with the reason.
        NoVerdictError: if none was found in time, and none is proved not to exist.
    """
    deadline = deadline or Deadline.of(time_limit=time_limit)
    config = read_with_notes(files, defines, roots, for_model=False)
    refuse_unmodelled(config)
    if "mapper" not in config:
        raise SpecError("no mapper given: add a top-level key mapper, for example with optimization_metrics: [edp]")
    with deadline.paused():
        energies = complete_energies(config, files, energy or EnergyChoice())
    spec = read_config(energies.config)
    tensors = set(spec.data_space_names)
    goal = _goal(config["mapper"], spec)
    space = space_of(spec, config)
    check_energies(spec, energies, idle={c.target for c in space.constraints.dataspaces if set(c.bypass) == tensors})
    deadline.grant(min(_MIN_S, deadline.seconds))
    optimum = find_best_for(space, goal, deadline, so_far)
    ended = "interrupted" if deadline.stopped else "time limit reached" if deadline.passed() else "not all was tried"
    return MapperOutcome(spec, goal, optimum, evaluate(spec, optimum.mapping), energies, ended)


def _most_loops(config: Map[str, Any]) -> int | None:
    """How many temporal loops > 1 a mapping may have; Timeloop takes a limit of 0 or less for none."""
    mapper = config.get("mapper")
    limit = mapper.get("max_temporal_loops_in_a_mapping", -1) if isinstance(mapper, Map) else -1
    if not isinstance(limit, int) or isinstance(limit, bool):
        raise SpecError(f"mapper.max_temporal_loops_in_a_mapping is {short(limit)}, not a whole number")
    return limit if limit > 0 else None


def space_of(spec: Spec, config: Map[str, Any]) -> Space:
    """The mapspace of a whole configuration.

    Raises:
        SpecError, UnknownNameError, UnsupportedError: constraints that are malformed, contradict each other or are not
            modelled.
    """
    bounds = spec.problem.bounds
    subject = Subject(spec.level_names, spec.fanouts, bounds, spec.data_space_names)
    constraints = from_config(config, subject)
    constraints = replace(constraints, loops=tuple(_ordered(spec, rule) for rule in constraints.loops))
    return Space(spec, {d: (bound,) for d, bound in bounds.items()}, constraints, _most_loops(config))


def _ordered(spec: Spec, rule: LoopConstraint) -> LoopConstraint:
    """On a fanout along one axis Timeloop has but one order, the problem's; a split then says what lies on X."""
    row = rule.spatial and 1 in spec.fanout_xy[spec.level_names.index(rule.target)]
    if row and rule.split is not None and not rule.permutation and not rule.suffix:
        return replace(rule, permutation=spec.problem.dimensions)
    return rule


def _goal(mapper: Any, spec: Spec) -> Goal:
    """What the mapper's settings ask for."""
    if mapper is None:
        mapper = {}
    if not isinstance(mapper, Map):
        raise SpecError(f"mapper is {mapper!r}, not a mapping of settings")
    for key, value in mapper.items():
        if key not in SETTINGS | {"version"} and value is not False:  # the v4 front end adds some that are off
            warnings.warn(f"mapper: {short(key)} has no effect: timeloop-mapper has no such setting", stacklevel=2)
    single, metrics = mapper.get("optimization_metric"), mapper.get("optimization_metrics")
    if isinstance(single, str):
        metrics = [single]
    elif metrics is None:  # a list under optimization_metric is passed over, as Timeloop passes it over
        warnings.warn("no optimization metric(s) specified, using edp as default.", stacklevel=2)
        metrics = ["edp"]
    if not isinstance(metrics, list) or not metrics or not all(isinstance(metric, str) for metric in metrics):
        raise SpecError(f"mapper.optimization_metrics is {short(metrics)}: write a list, for example [delay, energy]")
    return goal_of(metrics, spec.level_names)
