"""A drop-in for ``timeloop-model``: the same files in, the same files out, the same words for an invalid mapping."""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection, Sequence
from collections.abc import Mapping as Map
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from flexloop.atomic import write_files
from flexloop.embedded.model import evaluate
from flexloop.embedded.report import make_report
from flexloop.embedded.spec import Spec, read_config, refuse_unmodelled
from flexloop.energysources.complete import Completed, EnergyChoice, complete_energies
from flexloop.errors import SpecError, UnmappableError
from flexloop.evaluation import Evaluation
from flexloop.timeloop.configconstraints import from_config
from flexloop.timeloop.constraints import Constraints, LoopConstraint, Subject
from flexloop.timeloop.inputs import read_inputs
from flexloop.timeloop.mapping import LevelMapping, Mapping
from flexloop.timeloop.mapwriter import map_text, map_yaml
from flexloop.timeloop.statswriter import stats_text
from flexloop.validation import short

_TOO_LARGE = re.compile(r"couldn't map level (.+): mapped tile size \d+ (exceeds buffer capacity|is less than) ")


def run_model(
    files: Sequence[Path],
    out_dir: Path,
    energy: EnergyChoice | None = None,
    *,
    defines: Map[str, Any] = MappingProxyType({}),
    roots: Sequence[Path] = (),
) -> Evaluation:
    """Evaluate one mapping as ``timeloop-model`` does and write ``timeloop-model.stats.txt`` and ``.map.txt``.

    Beside them stand ``timeloop-model.map.yaml``, which Timeloop writes for its mapper alone,
    ``timeloop-model.energy.yaml`` with the energies and where they are from, and what Timeloop's run leaves of
    Accelergy's (``.ERT.yaml`` and others).

    Args:
        files: YAML or libconfig files that together hold the top-level keys architecture, problem and mapping, and ERT
            if there is one, or folders with such files.
        out_dir: a folder, which is made.
        energy: where energies come from; absent, from the first source that is there.
        defines: values of variables of templates.
        roots: folders below which templates may take in files, beside those of the files.

    Raises:
        SpecError, UnknownNameError: a file that is malformed or contradicts itself.
        UnsupportedError: a feature that is not modelled.
        EngineError: if a source of energies that was named is missing or fails.
        UnmappableError: if the mapping is invalid, in Timeloop's words; nothing is written then.
        OutputError: if the files cannot be written.
    """
    found = read_with_notes(files, defines, roots, for_model=True)
    refuse_unmodelled(found)
    energies = complete_energies(found, files, energy or EnergyChoice())
    config = energies.config
    spec = read_config(config)
    if config.get("mapping") is None:
        raise SpecError("no mapping is given; add a file with the top-level key mapping, a list of directives")
    mapping = Mapping.from_directives(config["mapping"], spec.level_names, spec.problem.bounds)
    for level in mapping.levels:
        if (level.x_loops or level.y_loops) and level.target not in spec.fanouts:
            raise SpecError(
                f"mapping: spatial factors at {level.target}, but the next inner level has as many instances, so there "
                "is no fanout below it"
            )
    if _auto_bypass(config.get("model")):
        mapping = _bypass_where_too_large(spec, mapping)
    evaluation = evaluate(spec, mapping)
    mapping = complete(spec, mapping)
    check_energies(spec, energies, idle={level.target for level in mapping.levels if not level.keep})
    factorizes = mapping.bounds() == spec.problem.bounds
    if factorizes and not _satisfies(mapping, _constraints(spec, config), spec.problem.dimensions):
        raise UnmappableError("mapping violates architecture constraints.")
    if not evaluation.valid:
        raise UnmappableError(evaluation.reason)
    write_results(spec, mapping, evaluation, out_dir, "timeloop-model", energies.written())
    return evaluation


def check_energies(spec: Spec, energies: Completed, idle: Collection[str]) -> None:
    """Refuse components without energies, or warn where Timeloop counts with its own figures, as it does in silence.

    Args:
        spec: what was read of the configuration.
        energies: where its energies are from.
        idle: levels that keep no data space and so need none.

    Raises:
        SpecError: if the ERT that is given lacks one.
    """
    if not energies.lenient:
        spec.require_energies(idle)
    elif energies.tables is not None and (names := spec.without_energies(idle)):
        warnings.warn(
            f"{energies.tables.source} gave no energies for {', '.join(names)}: Timeloop's own figures count for them, "
            "as in Timeloop's run; give them required_actions, or take another --energy",
            stacklevel=3,
        )
    for component in (spec.mac, *spec.levels):
        if component.missing_actions and component.name not in idle:
            wanted = "an action such as compute" if component is spec.mac else "actions such as read, write and update"
            warnings.warn(
                f"ERT: {component.name} has no action for {' and '.join(component.missing_actions)}: Timeloop's own "
                f"figures count for them; add {wanted}",
                stacklevel=3,
            )


def read_with_notes(
    files: Sequence[Path], defines: Map[str, Any], roots: Sequence[Path], *, for_model: bool
) -> dict[str, Any]:
    """The merged document of the files; what is to be noted about them goes out as warnings."""
    inputs = read_inputs(files, defines, roots, for_model=for_model)
    for note in inputs.notes:
        warnings.warn(note, stacklevel=3)
    return inputs.config


def write_results(
    spec: Spec,
    mapping: Mapping,
    evaluation: Evaluation,
    out_dir: Path,
    prefix: str,
    beside: Map[str, str] = MappingProxyType({}),
) -> None:
    """Write ``stats.txt``, ``map.txt`` and ``map.yaml`` of a valid mapping, each name after a prefix.

    Args:
        spec: what was evaluated.
        mapping: the mapping.
        evaluation: its figures.
        out_dir: an existing folder.
        prefix: of the names of the files.
        beside: contents of other files, by the end of their names.

    Raises:
        OutputError: if the folder cannot be made or written to.
    """
    mapping = complete(spec, mapping)
    held = {
        level.name: {name: tensor.utilized_capacity for name, tensor in level.tensors.items()}
        for level in evaluation.levels
    }
    contents = {
        "stats.txt": stats_text(make_report(spec, mapping, evaluation)),
        "map.txt": map_text(mapping, held),
        "map.yaml": map_yaml(mapping, spec.problem.dimensions),
        **beside,
    }
    write_files(out_dir, {f"{prefix}.{suffix}": content for suffix, content in contents.items()})


def complete(spec: Spec, mapping: Mapping) -> Mapping:
    """Fill in what a mapping leaves open, as Timeloop does: levels, factors of 1, orders, and that levels keep."""
    given = {level.target: level for level in mapping.levels}
    dimensions, spaces = spec.problem.dimensions, spec.data_space_names
    levels = []
    for name in spec.level_names:
        level = given.get(name, LevelMapping(name))
        permutation = (*level.permutation, *(d for d in dimensions if d not in level.permutation))
        levels.append(
            replace(
                level,
                factors={d: level.factors.get(d, 1) for d in dimensions},
                permutation=permutation,
                keep=tuple(t for t in spaces if t not in level.bypass),
                bypass=tuple(t for t in spaces if t in level.bypass),
            )
        )
    return Mapping(tuple(levels))


def _auto_bypass(settings: Any) -> bool:
    """Whether levels whose tiles do not fit are to be bypassed, of the settings under ``model``."""
    if settings is None:
        return False
    if not isinstance(settings, Map):
        raise SpecError(f"model is {short(settings)}, not a mapping of settings")
    for key in settings:
        if key not in ("verbose", "auto_bypass_on_failure", "out_prefix", "version"):
            warnings.warn(f"model: {short(key)} has no effect: timeloop-model has no such setting", stacklevel=3)
    return settings.get("auto_bypass_on_failure") in (True, "true", "True")


def _bypass_where_too_large(spec: Spec, mapping: Mapping) -> Mapping:
    """Bypass every level whose tiles exceed its capacity, for all data spaces, as ``timeloop-model`` does if asked."""
    mapping = complete(spec, mapping)
    for _ in spec.levels:
        found = _TOO_LARGE.match(evaluate(spec, _all_held(mapping)).reason)
        if found is None:
            break
        warnings.warn(f"{found[0]}; bypassing {found[1]}", stacklevel=3)
        all_spaces = spec.data_space_names
        levels = (replace(v, keep=(), bypass=all_spaces) if v.target == found[1] else v for v in mapping.levels)
        mapping = Mapping(tuple(levels))
    return mapping


def _all_held(mapping: Mapping) -> Mapping:
    """A mapping whose levels need room for all that they keep: Timeloop looks for it before it leaves any out."""
    return Mapping(tuple(replace(v, limits=replace(v.limits, no_coalesce=())) for v in mapping.levels))


def _constraints(spec: Spec, config: Map[str, Any]) -> Constraints:
    """The architecture constraints, which ``timeloop-model`` checks a mapping against, not those on mapspaces."""
    subject = Subject(spec.level_names, spec.fanouts, spec.problem.bounds, spec.data_space_names)
    keys = ("arch", "architecture", "arch_constraints", "architecture_constraints")
    return from_config({key: config[key] for key in keys if key in config}, subject)


def _satisfies(mapping: Mapping, constraints: Constraints, dimensions: Sequence[str]) -> bool:
    levels = {level.target: level for level in mapping.levels}
    return all(_accepted(levels[rule.target], rule, dimensions) for rule in constraints.loops)


def _accepted(level: LevelMapping, rule: LoopConstraint, dimensions: Sequence[str]) -> bool:
    """Whether ``timeloop-model`` finds that a level keeps to a rule; it looks at factors, order and split alone.

    Its split of a mapping is the number of loops above 1 on X, whatever the mapping's directive says.
    """
    factors = level.spatial_factors if rule.spatial else level.factors
    if any(factors.get(d, 1) != n for d, n in rule.factors.items()):
        return False
    if any(factors.get(d, 1) > n for d, n in rule.max_factors.items()):
        return False
    if rule.split not in (None, len(level.x_loops)):
        return False
    moving = [d for d, _ in ((*level.x_loops, *level.y_loops) if rule.spatial else level.loops)]
    return _in_order([*moving, *(d for d in dimensions if d not in moving)], rule.permutation, factors)


def _in_order(order: Sequence[str], wanted: Sequence[str], factors: Map[str, int]) -> bool:
    """Timeloop's comparison of an order (loops of 1 last) with the innermost loops that a rule wants.

    Where they differ it skips a loop of 1, but asks for the factor at its place in the rule, not in the order. So it
    refuses some mappings that keep to the rule, among them some that its own mapper found under that rule.
    """
    place = other = 0
    while place < len(wanted) and other < len(order):
        if wanted[place] == order[other]:
            place += 1
        elif factors.get(order[place], 1) > 1:
            return False
        other += 1
    return True
