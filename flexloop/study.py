"""Whole questions, each one function: what a class costs on a network, and how classes compare.

`run_study` lists the pipeline in one place: spec and networks, energies, engines, unique layers, cells, rows.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import pandas as pd

from flexloop._version import __version__
from flexloop.arch.base import Arch
from flexloop.atomic import check_writable
from flexloop.classes import FlexClass, all_classes
from flexloop.cores import available_cores, processes
from flexloop.deadline import Deadline
from flexloop.energysources.choose import energy_tables
from flexloop.energysources.kept import keep
from flexloop.engines.base import Engine, SearchOptions, parse_effort, parse_objective
from flexloop.engines.select import EngineSettings, select_engines
from flexloop.errors import SpecError, StudyInterrupt, UnknownNameError
from flexloop.overhead import class_areas
from flexloop.rendering.render import Renderer
from flexloop.results.files import FORMAT
from flexloop.results.rows import Found, build_results, joined
from flexloop.results.table import Results
from flexloop.running.cells import CellTask
from flexloop.running.notebook import shown_in_notebooks
from flexloop.running.plan import Plan
from flexloop.running.progress import Progress
from flexloop.running.runner import Placement, run_layers
from flexloop.running.store import Store, default_folder
from flexloop.subjects import DIGITS, Archs, Networks, arch_digest, load_archs, load_networks, network_digest, some
from flexloop.tables.lattice import check_lattice
from flexloop.validation import fitting, make_fields_fit
from flexloop.workloads.layers import Layer, Network

DEFAULT_ARCH = "edge256"


@dataclass(frozen=True)
class StudyOptions:
    """How a study is carried out; every field is an option of the command line too.

    Attributes:
        objective: ``latency``, ``energy`` or ``edp``.
        effort: ``quick``, ``normal`` or ``thorough``.
        time_limit: seconds a search of the embedded mapper may take, in place of the effort's; None for these.
        engines: who searches and who evaluates.
        energy: ``table``, ``accelergy``, ``hwcomponents``, or a file with an energy reference table.
        jobs: processes; 0 takes as many as the cores allow at that many threads each.
        threads: of one Timeloop search.
        dask: address of a Dask scheduler, ``local``, or None.
        seed: of random choices.
        timeout_s: seconds an engine's process may take, be it searching or evaluating.
        store: folder of finished cells; None takes the default one.
        use_store: whether finished cells are kept and taken from the store.
        network_parameters: values for networks that take parameters, such as ``sequence_length``.
        keep_runs: folder where the files of each Timeloop process are left; None removes them.

    Texts are taken for paths and numbers where these are needed.

    Raises:
        SpecError: for a value of the wrong kind, or a number that makes no sense.
    """

    objective: str = "edp"
    effort: str = "normal"
    time_limit: float | None = None
    engines: EngineSettings = field(default_factory=EngineSettings)
    energy: str = "table"
    jobs: int = 0
    threads: int = 1
    dask: str | None = None
    seed: int = 0
    timeout_s: float | None = None
    store: Path | None = None
    use_store: bool = True
    network_parameters: dict[str, int] = field(default_factory=dict)
    keep_runs: Path | None = None

    def __post_init__(self) -> None:
        make_fields_fit(self, "option")
        if self.timeout_s is not None and not self.timeout_s > 0:
            raise SpecError(f"timeout is {self.timeout_s:g} s; give seconds above 0, or leave it out for no limit")
        if self.jobs < 0 or self.threads < 1:
            raise SpecError(f"jobs is {self.jobs}, threads {self.threads}; give at least 0 jobs and at least 1 thread")

    @classmethod
    def of(cls, given: StudyOptions | None = None, /, **options: Any) -> StudyOptions:
        """Make options of their own fields and those of `EngineSettings`, in one list of names.

        Args:
            given: options to start from; None takes the defaults.
            options: what differs from these.

        Raises:
            UnknownNameError: for a name that is neither's.

        Examples:
            >>> StudyOptions.of(objective="latency", engine="embedded").engines.engine
            'embedded'
        """
        of_engines = {f.name for f in fields(EngineSettings)}
        known = {f.name for f in fields(cls)} | of_engines
        for name in options:
            if name not in known:
                raise UnknownNameError("option", name, sorted(known))
        chosen = {name: value for name, value in options.items() if name in of_engines}
        rest = {name: value for name, value in options.items() if name not in of_engines}
        base = cls() if given is None else fitting(cls, given, "options")
        engines = fitting(EngineSettings, rest.pop("engines", base.engines), "option engines")
        return replace(base, engines=replace(engines, **chosen), **rest)


def count_cells(
    classes: Sequence[FlexClass], networks: Networks, parameters: Mapping[str, int] | None = None, archs: int = 1
) -> int:
    """How many cells a study has: the rows of its results."""
    layers = sum(len(network.layers) for network in load_networks(networks, dict(parameters or {})))
    return len(set(classes)) * layers * archs


@shown_in_notebooks
def run_study(
    classes: str | FlexClass | Sequence[str | FlexClass],
    networks: Networks,
    arch: Archs = DEFAULT_ARCH,
    options: StudyOptions | None = None,
    progress: Progress | None = None,
) -> Results:
    """Find the best mapping of every class on every layer of the networks, and tabulate their costs.

    What is given twice counts once.

    Args:
        classes: class names or classes, degrees allowed, or one of these.
        networks: one or several of what `flexloop.load_network` takes.
        arch: one or several of what `flexloop.load_arch` takes, each of which is run.
        options: how; the defaults suit a first look.
        progress: told of finished cells.

    Returns:
        One row for each arch, network, class and layer, with the files of every winning mapping.

    Raises:
        FlexloopError: for anything the caller can mend; its text says how.
        LatticeError: if a class costs more than one of its subclasses.
    """
    options = StudyOptions.of(options)
    chosen = list(dict.fromkeys(FlexClass.of(name) for name in some("class", classes)))
    nets = load_networks(networks, options.network_parameters)
    plans = [_plan(spec, options) for spec in load_archs(arch)]
    alike = _alike_layers(nets)
    cells = count_cells(chosen, nets, archs=len(plans))
    if progress:
        progress.begin(cells, plans[0].mapper.info().name, plans[0].evaluator.info().name)
    tables: list[pd.DataFrame] = []
    mappings: dict[tuple[str, str, str, str], dict[str, str]] = {}
    for plan in plans:
        found: Found = {}
        try:
            _find(plan, chosen, alike, options, progress, found)
        except KeyboardInterrupt:
            done = sum(map(len, tables)) + sum(len(alike[shape]) for _, shape in found)
            raise StudyInterrupt(_what_is_kept(plan, done, cells)) from None
        rows, files = build_results(plan, chosen, nets, found, Renderer(options.engines.templates))
        tables.append(rows)
        mappings |= files
    results = Results(joined(tables), _meta(plans, options, chosen, nets), mappings)
    check_lattice(results.rows)
    return results


def _find(
    plan: Plan,
    classes: Sequence[FlexClass],
    alike: Mapping[tuple[int, ...], Sequence[Layer]],
    options: StudyOptions,
    progress: Progress | None,
    found: Found,
) -> None:
    """Run each shape of one arch in each class; what comes out is put into ``found`` as soon as it is there."""
    placement = Placement(processes(options.jobs, options.threads, available_cores()), options.dask)
    layers = [same[0] for same in alike.values()]
    same_space: dict[FlexClass, list[FlexClass]] = {}
    for flexclass in classes:
        same_space.setdefault(plan.arch.least_equivalent(flexclass), []).append(flexclass)

    def submitted(task: CellTask) -> None:
        if progress:
            progress.submitted(replace(task, classes=tuple(c for least in task.classes for c in same_space[least])))

    for result in run_layers(plan, list(same_space), layers, placement, submitted):
        for flexclass in same_space[result.flexclass]:
            found[flexclass, result.layer.shape_key] = replace(result, flexclass=flexclass)
            if progress:
                for _ in alike[result.layer.shape_key]:
                    progress.finished(result)


def run(
    flexclass: str | FlexClass | Sequence[str | FlexClass],
    network: Networks,
    arch: Archs = DEFAULT_ARCH,
    **options: Any,
) -> Results:
    """What a class or several cost on a network or several; ``options`` as `StudyOptions.of` takes them."""
    return run_study(flexclass, network, arch, StudyOptions.of(**options))


def compare(
    network: Networks,
    arch: Archs = DEFAULT_ARCH,
    *,
    degrees: bool = False,
    **options: Any,
) -> Results:
    """All 16 classes, or the 81 points with ``degrees``, on one network or several; ``options`` as for `run`."""
    return run_study(all_classes(degrees=degrees), network, arch, StudyOptions.of(**options))


def _plan(arch: Arch, options: StudyOptions) -> Plan:
    mapper, evaluator = select_engines(options.engines)
    search = SearchOptions(
        objective=parse_objective(options.objective),
        effort=parse_effort(options.effort),
        time_limit=_time_limit(options.time_limit, mapper),
        seed=options.seed,
        threads=options.threads,
        timeout_s=options.timeout_s,
    )
    store = Store(options.store or default_folder()) if options.use_store else None
    renderer = Renderer(options.engines.templates)
    energy = energy_tables(options.energy, arch, options.engines)
    if store is not None:
        keep(energy, store.folder)
    if options.keep_runs is not None:
        check_writable(options.keep_runs)
    return Plan(arch, energy, mapper, evaluator, search, renderer.digest, store, options.keep_runs)


def _time_limit(seconds: float | None, mapper: Engine) -> float | None:
    if seconds is None:
        return None
    Deadline.of(time_limit=seconds)
    if not mapper.keeps_time_limit:
        name = mapper.info().name
        raise SpecError(f"time limit: the mapper {name} keeps none, as the embedded one does; its runs take a timeout")
    return seconds


def _what_is_kept(plan: Plan, done: int, cells: int) -> str:
    """What an interrupted study leaves behind, and how to go on."""
    if plan.store is None:
        return f"{done} of {cells} cells were finished, and none is kept without a store"
    if plan.store.full:
        return f"{done} of {cells} cells were finished, and not all are kept: {plan.store.folder} cannot be written"
    return f"{done} of {cells} cells are finished and kept; the same command goes on from there"


def _alike_layers(networks: Sequence[Network]) -> dict[tuple[int, ...], list[Layer]]:
    """The layers by their shape, whatever their names and counts: each shape is run once."""
    alike: dict[tuple[int, ...], list[Layer]] = {}
    for layer in (layer for network in networks for layer in network.layers):
        alike.setdefault(layer.shape_key, []).append(layer)
    return alike


def _meta(
    plans: Sequence[Plan], options: StudyOptions, classes: Sequence[FlexClass], networks: Sequence[Network]
) -> dict[str, Any]:
    mapper, engine = plans[0].mapper.info(), plans[0].evaluator.info()
    return {
        "format": FORMAT,
        "flexloop": __version__,
        "python": sys.version.split()[0],
        "command": sys.argv,
        "mapper": mapper.name,
        "engine": engine.name,
        "engine_version": engine.version,
        "energy_source": plans[0].energy.source,
        "objective": options.objective,
        "effort": options.effort,
        "time_limit": options.time_limit,
        "seed": options.seed,
        "archs": {plan.arch.name: _about_arch(plan, classes) for plan in plans},
        "networks": {
            net.name: {"parameters": net.parameters, "sha256": network_digest(net)[:DIGITS]} for net in networks
        },
        "parameters": options.network_parameters,
    }


def _about_arch(plan: Plan, classes: Sequence[FlexClass]) -> dict[str, Any]:
    return {
        "spec": plan.arch.model_dump(mode="json"),
        "sha256": arch_digest(plan.arch)[:DIGITS],
        "area_mm2": class_areas(plan.arch, classes, plan.energy.art),
        "energy_tool": plan.energy.tool,
        "energy_origin": dict(plan.energy.origin),
        "ert": plan.energy.ert,
        "art": plan.energy.art,
    }
