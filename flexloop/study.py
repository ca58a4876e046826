"""Whole questions, each one function: what a class costs on a network, and how classes compare.

`run_study` lists the pipeline in one place: spec and networks, energies, engines, unique layers, cells, rows.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Protocol

import flexloop
from flexloop.arch.load import load_arch
from flexloop.arch.spec import ArchSpec
from flexloop.classes import FlexClass, all_classes
from flexloop.energy.choose import energy_tables, keep
from flexloop.engines.base import SearchOptions, parse_effort, parse_objective
from flexloop.engines.select import EngineSettings, select_engines
from flexloop.errors import StudyInterrupt, UnknownNameError
from flexloop.results.rows import build_results
from flexloop.results.table import Results, check_lattice
from flexloop.running.cells import CellResult, CellTask, Plan
from flexloop.running.cores import available_cores, processes
from flexloop.running.runner import Placement, run_layers
from flexloop.running.store import Store, default_folder
from flexloop.studies.overhead import class_areas
from flexloop.timeloop.render import Renderer
from flexloop.workloads.layers import Layer, Network
from flexloop.workloads.networks import load_network

DEFAULT_ARCH = "edge256"


@dataclass(frozen=True)
class StudyOptions:
    """How a study is carried out; every field is an option of the command line too.

    Attributes:
        objective: ``latency``, ``energy`` or ``edp``.
        effort: ``quick``, ``normal`` or ``thorough``.
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
    """

    objective: str = "edp"
    effort: str = "normal"
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

    @classmethod
    def of(cls, **options: Any) -> StudyOptions:
        """Make options of their own fields and those of `EngineSettings`, in one list of names.

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
        engines = replace(rest.pop("engines", EngineSettings()), **chosen)
        return cls(engines=engines, **rest)


class Progress(Protocol):
    """Hears of a study's progress."""

    def begin(self, cells: int, mapper: str, engine: str) -> None:
        """The study starts: that many cells, searched and evaluated by these engines."""

    def handed_in(self, task: CellTask) -> None:
        """Cells of a layer wait for their turn or are being computed from now on."""

    def finished(self, result: CellResult) -> None:
        """One cell is done."""


def run_study(
    classes: Sequence[str | FlexClass],
    networks: Sequence[str | Network],
    arch: str | ArchSpec = DEFAULT_ARCH,
    options: StudyOptions | None = None,
    progress: Progress | None = None,
) -> Results:
    """Find the best mapping of every class on every layer of the networks, and tabulate their costs.

    Args:
        classes: class names or classes, degrees allowed.
        networks: shipped names, files, or networks.
        arch: shipped name, file, or arch spec.
        options: how; the defaults suit a first look.
        progress: hears of finished cells.

    Returns:
        One row a layer and class, with the files of every winning mapping.

    Raises:
        FlexloopError: for anything the caller can mend; its text says how.
        LatticeError: if a class costs more than one of its subclasses.
    """
    options = options or StudyOptions()
    chosen = [FlexClass.of(name) for name in classes]
    spec = load_arch(arch) if isinstance(arch, str) else arch
    nets = load_networks(networks, options.network_parameters)
    plan = _plan(spec, options)
    layers = _unique_layers(nets)

    found: dict[tuple[FlexClass, tuple[int, ...]], CellResult] = {}
    if progress:
        progress.begin(len(chosen) * len(layers), plan.mapper.info().name, plan.evaluator.info().name)
    placement = Placement(processes(options.jobs, options.threads, available_cores()), options.dask)
    try:
        for result in run_layers(plan, chosen, layers, placement, *([progress.handed_in] if progress else [])):
            found[result.flexclass, result.layer.shape_key] = result
            if progress:
                progress.finished(result)
    except KeyboardInterrupt:
        raise StudyInterrupt(_what_is_kept(plan, len(found), len(chosen) * len(layers))) from None

    meta, renderer = _meta(plan, options, chosen), Renderer(options.engines.templates)
    results = build_results(plan, chosen, nets, found, meta, renderer)
    check_lattice(results.rows)
    return results


def run(
    flexclass: str | FlexClass,
    network: str | Network,
    arch: str | ArchSpec = DEFAULT_ARCH,
    **options: Any,
) -> Results:
    """What one class costs on one network; ``options`` as `StudyOptions.of` takes them."""
    return run_study([flexclass], [network], arch, StudyOptions.of(**options))


def compare(
    network: str | Network | Sequence[str | Network],
    arch: str | ArchSpec = DEFAULT_ARCH,
    *,
    degrees: bool = False,
    **options: Any,
) -> Results:
    """All 16 classes, or the 81 points with ``degrees``, on one network or several; ``options`` as for `run`."""
    networks = [network] if isinstance(network, (str, Network)) else list(network)
    return run_study(all_classes(degrees=degrees), networks, arch, StudyOptions.of(**options))


def load_networks(networks: Sequence[str | Network], parameters: dict[str, int]) -> list[Network]:
    """Load networks; of the parameters each takes those it has, and each parameter must have a taker.

    Raises:
        FlexloopError: for a network or a parameter that does not exist.
    """
    if len(networks) == 1 and isinstance(networks[0], str):
        return [load_network(networks[0], **parameters)]
    loaded = [load_network(net) if isinstance(net, str) else net for net in networks]
    known = {name for net in loaded for name in net.parameters}
    for name in parameters:
        if name not in known:
            raise UnknownNameError("network parameter", name, sorted(known))
    return [
        load_network(net, **{n: v for n, v in parameters.items() if n in default.parameters})
        if isinstance(net, str)
        else net
        for net, default in zip(networks, loaded, strict=True)
    ]


def _plan(arch: ArchSpec, options: StudyOptions) -> Plan:
    mapper, evaluator = select_engines(options.engines)
    search = SearchOptions(
        objective=parse_objective(options.objective),
        effort=parse_effort(options.effort),
        seed=options.seed,
        threads=options.threads,
        timeout_s=options.timeout_s,
    )
    store = Store(options.store or default_folder()) if options.use_store else None
    renderer = Renderer(options.engines.templates)
    energy = energy_tables(options.energy, arch, options.engines)
    if store is not None:
        keep(energy, store.folder)
    return Plan(arch, energy, mapper, evaluator, search, renderer.digest, store)


def _what_is_kept(plan: Plan, done: int, cells: int) -> str:
    """What an interrupted study leaves behind, and how to go on."""
    if plan.store is None:
        return f"{done} of {cells} cells were finished, and none is kept without a store"
    if plan.store.full:
        return f"{done} of {cells} cells were finished, and not all are kept: {plan.store.folder} cannot be written"
    return f"{done} of {cells} cells are finished and kept; the same command goes on from there"


def _unique_layers(networks: Sequence[Network]) -> list[Layer]:
    """Each layer shape once, whatever its names and counts."""
    unique: dict[tuple[int, ...], Layer] = {}
    for network in networks:
        for layer in network.layers:
            unique.setdefault(layer.shape_key, layer)
    return list(unique.values())


def _meta(plan: Plan, options: StudyOptions, classes: Sequence[FlexClass]) -> dict[str, Any]:
    return {
        "flexloop": flexloop.__version__,
        "python": sys.version.split()[0],
        "command": sys.argv,
        "arch": plan.arch.model_dump(mode="json"),
        "area_mm2": class_areas(plan.arch, classes, plan.energy.art),
        "mapper": plan.mapper.info().name,
        "engine": plan.evaluator.info().name,
        "engine_version": plan.evaluator.info().version,
        "energy_source": plan.energy.source,
        "energy_tool": plan.energy.tool,
        "energy_origin": dict(plan.energy.origin),
        "ert": plan.energy.ert,
        "art": plan.energy.art,
        "objective": options.objective,
        "effort": options.effort,
        "seed": options.seed,
    }
