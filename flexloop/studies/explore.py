"""What to build under an area budget: hardware and flexibility chosen together.

Optuna proposes designs (PEs, buffer sizes, DRAM bandwidth, class); every design that fits the budget is run on the
networks, and those that no other beats in latency, energy and area at once are the Pareto front. A storage file makes
the search resumable: stopped and started again it goes the way that it would have gone at one stretch.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from math import inf, prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from flexloop._version import __version__
from flexloop.arch.load import ArchSource, load_arch_spec
from flexloop.arch.spec import ArchSpec
from flexloop.arch.tree import levels_in_pe
from flexloop.atomic import write_files
from flexloop.classes import FULLY_FLEXIBLE, RIGID, FlexClass, all_classes
from flexloop.energy.ert import resize_art
from flexloop.energysources.choose import energy_tables
from flexloop.energysources.names import source_names
from flexloop.errors import EngineError, OutputError, SpecError, UnknownNameError, UnmappableError, UnsupportedError
from flexloop.overhead import OverheadModel, base_area, class_area, dram_interface_area, load_overhead
from flexloop.results.table import Results
from flexloop.running.notebook import shown_in_notebooks
from flexloop.running.progress import Progress
from flexloop.studies.design import design
from flexloop.studies.futureproof import neutral, scaled
from flexloop.study import DEFAULT_ARCH, StudyOptions, count_cells, run_study
from flexloop.subjects import Networks, load_networks, some
from flexloop.tables.totals import geomean
from flexloop.validation import fitting
from flexloop.workloads.layers import Network

if TYPE_CHECKING:
    import optuna

OBJECTIVES = ("cycles", "energy_pj", "area_mm2")
"""What is minimised: cycles and pJ (geometric means over the networks), and mm^2."""

SAMPLERS = ("tpe", "nsga2")

IDLE_PROPOSALS = 100
"""Proposals in a row that are over the budget or known already, after which a search ends."""

POPULATION = 20
"""Of NSGA-II: its usual 50 would be random for most of a search that takes minutes a generation."""


@dataclass(frozen=True)
class Space:
    """The designs to choose from: factors of the given hardware.

    Attributes:
        array: of the array's extent along X and along Y each; 2 is four times the PEs.
        buffer: of the depth of the buffers between DRAM and the array.
        spad: of the depth of the memories in a PE.
        bandwidth: of DRAM's bandwidth.
    """

    array: tuple[float, ...] = (0.25, 0.5, 1, 2, 4)
    buffer: tuple[float, ...] = (0.125, 0.25, 0.5, 1, 2, 4, 8)
    spad: tuple[float, ...] = (0.125, 0.25, 0.5, 1, 2)
    bandwidth: tuple[float, ...] = (0.25, 0.5, 1, 2, 4)

    def __post_init__(self) -> None:
        for knob, factors in self.knobs.items():
            if not factors or min(factors) <= 0 or list(factors) != sorted(set(factors)):
                raise SpecError(f"space: {knob} {factors}: give positive factors in rising order, such as 0.5 1 2")

    @property
    def knobs(self) -> dict[str, tuple[float, ...]]:
        """Factors by knob."""
        return {f.name: tuple(getattr(self, f.name)) for f in fields(self)}

    @property
    def hardware(self) -> int:
        """Number of hardwares to choose from."""
        return prod(len(factors) for factors in self.knobs.values())


@dataclass(frozen=True)
class ExploreOutcome:
    """Designs that were run, and how the search went.

    Attributes:
        trials: one row a design within the budget: trial, class, the factors, pes, array_x, array_y, the three
            objectives, area_base_mm2, area_flexibility_mm2 and area_dram_mm2 (which add up to area_mm2), and cycles
            and energy by network.
        specs: the arch spec of each, by trial.
        proposals: designs that were proposed, those over the budget and repeated ones included.
        candidates: size of the space: hardwares times classes.
        meta: what was asked.
    """

    trials: pd.DataFrame
    specs: dict[int, ArchSpec]
    proposals: int
    candidates: int
    meta: dict[str, Any] = field(default_factory=dict)

    @property
    def front(self) -> pd.DataFrame:
        """The designs that no other one beats, by latency."""
        if self.trials.empty:
            return self.trials
        kept = self.trials[pareto(self.trials[list(OBJECTIVES)].to_numpy(dtype=float))]
        return kept.sort_values(list(OBJECTIVES), ignore_index=True)

    @property
    def statement(self) -> str:
        """What was searched, in one sentence."""
        return (
            f"{len(self.trials)} designs run of {self.proposals} proposed and {self.candidates:,} candidates; "
            f"{len(self.front)} of them make the front, which is the best of those run, not proved for the rest"
        )

    def save(self, folder: str | Path) -> Path:
        """Write ``trials.csv``, ``front.csv``, ``meta.json`` and the arch spec of every design on the front.

        Raises:
            OutputError: if the folder cannot be written.
        """
        path = Path(folder)
        files = {"trials.csv": self.trials.to_csv(index=False), "front.csv": self.front.to_csv(index=False)}
        origin = {"command": sys.argv, "flexloop": __version__}
        files["meta.json"] = json.dumps(self.meta | origin, indent=2) + "\n"
        for number in self.front.get("trial", []):
            files[f"design{number}.yaml"] = self.specs[int(number)].text()
        return write_files(path, files)


@dataclass(frozen=True)
class ExploreOptions:
    """How the designs are chosen.

    Attributes:
        space: the designs to choose from.
        sampler: ``tpe`` (Optuna's multi-objective tree-structured Parzen estimator) or ``nsga2``.
        designed: whether the fixed values of each hardware are designed for the first network (`studies.design`);
            else its tiles are the smallest there are, which is quick and unfair to classes with fixed tiles.
        starts: random starts of that design.
        model: of the area; None takes the shipped one.
        study: how each design is run; its ``objective`` picks the mapping whose cycles and energy count.
    """

    space: Space = field(default_factory=Space)
    sampler: str = "tpe"
    designed: bool = True
    starts: int = 0
    model: OverheadModel | None = None
    study: StudyOptions = field(default_factory=StudyOptions)


@shown_in_notebooks
def explore(
    networks: Networks,
    arch: ArchSource = DEFAULT_ARCH,
    *,
    area_budget_mm2: float,
    trials: int = 100,
    storage: str | Path | None = None,
    classes: str | FlexClass | Sequence[str | FlexClass] | None = None,
    seed: int = 0,
    options: ExploreOptions | None = None,
    progress: Progress | None = None,
    **more: Any,
) -> ExploreOutcome:
    """Search hardware and class together for the Pareto front of latency, energy and area.

    Args:
        networks: what the designs run; each counts alike (geometric mean).
        arch: the hardware that the factors of the space refer to.
        area_budget_mm2: no design may be larger, DRAM interface included.
        trials: designs to run in all, those in the storage counted.
        storage: file of finished designs; the same search goes on from it. None keeps nothing.
        classes: to choose from; None takes all 16.
        seed: of the proposals.
        options: the space, the sampler, and how designs are run.
        progress: told of the finished cells of each design.
        more: single options of the study, as for `flexloop.run`; they count before those in ``options``.

    Raises:
        UnsupportedError: for hardware with an inner fanout, or if Optuna is not installed.
        UnmappableError: if no proposed design fits the budget and maps the networks.
        SpecError: if the storage file holds another search.
    """
    options = options or ExploreOptions()
    options = replace(options, study=StudyOptions.of(options.study, **more))
    spec = load_arch_spec(arch, "explore")
    chosen = all_classes() if classes is None else [FlexClass.of(c) for c in some("class", classes)]
    budget = fitting(float, area_budget_mm2, "area_budget_mm2")
    trials, seed = fitting(int, trials, "trials"), fitting(int, seed, "seed")
    nets = load_networks(networks, options.study.network_parameters)
    _check(spec, budget, trials, options)
    designer = _Designer(neutral(spec), nets, options)
    meta = _meta(spec, nets, chosen, budget, seed, options)
    study = _open(storage, meta)
    for flexclass in (RIGID, FULLY_FLEXIBLE):  # the given hardware first: what the front is compared with
        if flexclass in chosen and all(1 in factors for factors in options.space.knobs.values()):
            given = {knob: factors.index(1) for knob, factors in options.space.knobs.items()}
            study.enqueue_trial({**given, "class": str(flexclass)}, skip_if_exists=True)
    _search(study, designer, chosen, budget, trials, seed, progress)
    return _outcome(study, nets, meta, options.space.hardware * len(chosen))


def pareto(costs: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which rows no other row beats: none is at most as much in every column and less in one."""
    no_more = (costs[:, None, :] <= costs[None, :, :]).all(axis=2)
    less = (costs[:, None, :] < costs[None, :, :]).any(axis=2)
    return np.asarray(~(no_more & less).any(axis=0))


def _check(arch: ArchSpec, budget: float, trials: int, options: ExploreOptions) -> None:
    if arch.array.inner is not None:
        raise UnsupportedError(f"explore: {arch.name} has an inner fanout; its tiles cannot shrink with the array")
    if options.sampler not in SAMPLERS:
        raise UnknownNameError("sampler", options.sampler, SAMPLERS)
    if not 0 < budget < inf:
        raise SpecError(f"area budget {budget}: give a positive number of mm^2")
    if trials < 1:
        raise SpecError(f"trials {trials}: at least one design must be run")


# -- designs ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Measured:
    """A design's arch spec and figures; ``violation`` above 0 tells how far it is over the budget, or that it fails."""

    violation: float
    reason: str = ""
    arch: ArchSpec | None = None
    row: Mapping[str, Any] = field(default_factory=dict)

    @property
    def values(self) -> tuple[float, ...]:
        return tuple(float(self.row.get(objective, inf)) for objective in OBJECTIVES)


class _Designer:
    """Makes the arch spec of a design, and measures it."""

    def __init__(self, arch: ArchSpec, networks: Sequence[Network], options: ExploreOptions) -> None:
        self._arch = arch
        self._networks = list(networks)
        self._options = options
        self._model = options.model or load_overhead()
        self._designed: dict[tuple[float, ...], ArchSpec] = {}

    @property
    def cells(self) -> int:
        """Cells of one design."""
        return count_cells([FULLY_FLEXIBLE], self._networks)

    def measure(
        self, factors: dict[str, float], flexclass: FlexClass, budget: float, progress: Progress | None
    ) -> _Measured:
        """Area first, which costs nothing, then the networks where it fits."""
        try:
            plain = self._scaled(factors)
        except (SpecError, ValidationError) as error:
            return _Measured(1.0, str(error).splitlines()[0])
        try:
            least = base_area(plain, self._art(plain)) + dram_interface_area(plain, self._model)
            if least > budget:
                return _Measured(least / budget - 1, "over the budget")
            arch = plain if flexclass == FULLY_FLEXIBLE else self._fixed(plain, factors)
            areas = self._areas(arch, flexclass)
            if areas["area_mm2"] > budget:
                return _Measured(areas["area_mm2"] / budget - 1, "over the budget")
            results = run_study([flexclass], self._networks, arch, self._options.study, progress)
        except (UnmappableError, ValidationError) as error:
            return _Measured(1.0, str(error).splitlines()[0])
        failed = results.rows[results.rows["status"] == "failed"]
        if len(failed):  # says nothing about the design, so nothing may be kept of it
            first = failed.iloc[0]
            raise EngineError(f"layer {first['layer']}: {first['reason']}; the same command goes on from this design")
        totals = results.totals.set_index("network")
        if totals["unmappable"].any():
            return _Measured(1.0, "a layer has no mapping")
        return _Measured(0.0, "", arch, self._row(arch, areas, results, totals))

    def _scaled(self, factors: dict[str, float]) -> ArchSpec:
        pes, buffer, bandwidth = factors["array"], factors["buffer"], factors["bandwidth"]
        arch = scaled(self._arch, pes=pes, buffer=buffer, bandwidth=bandwidth)
        document = arch.model_dump(by_alias=True)
        inner = {level.name for level in levels_in_pe(arch)}
        for level in document["levels"]:
            if level["name"] in inner:
                level["depth"] = max(1, round(level["depth"] * factors["spad"]))
        return ArchSpec.model_validate(document)

    def _fixed(self, arch: ArchSpec, factors: dict[str, float]) -> ArchSpec:
        """The hardware with the fixed values that suit it."""
        if not self._options.designed:
            return arch
        key = tuple(factors.values())
        if key not in self._designed:
            study = self._options.study
            self._designed[key] = design(
                self._networks[0],
                arch,
                must_map=self._networks[1:],
                objective=study.objective,
                energy=study.energy,
                engines=study.engines,
                starts=self._options.starts,
                seed=study.seed,
                name=arch.name,
            ).arch.as_spec("explore")
        return self._designed[key]

    def _areas(self, arch: ArchSpec, flexclass: FlexClass) -> dict[str, float]:
        art = self._art(arch)
        base, whole = base_area(arch, art), class_area(arch, flexclass, self._model, art)
        dram = dram_interface_area(arch, self._model)
        return {
            "area_mm2": whole + dram,
            "area_base_mm2": base,
            "area_flexibility_mm2": whole - base,
            "area_dram_mm2": dram,
        }

    def _art(self, arch: ArchSpec) -> Mapping[str, Any] | None:
        """The areas of the energy source; a file's are of the given hardware, and are taken to the design's sizes."""
        study = self._options.study
        art = energy_tables(study.energy, arch, study.engines).art
        return art if art is None or study.energy in source_names() else resize_art(art, self._arch, arch)

    def _row(self, arch: ArchSpec, areas: dict[str, float], results: Results, totals: pd.DataFrame) -> dict[str, Any]:
        shape = arch.axes.shape.fixed
        row: dict[str, Any] = {"pes": arch.pes, "array_x": shape.X, "array_y": shape.Y}
        row |= {column: _mean(totals[column]) for column in ("cycles", "energy_pj")}
        row |= areas
        for column in ("cycles", "energy_pj"):
            row |= {f"{column}_{network}": value for network, value in totals[column].items()}
        row["proved"] = bool(results.rows["optimal"].all())
        return row


def _mean(values: pd.Series) -> float:
    """The geometric mean, and a single value as it is."""
    return float(values.iloc[0]) if len(values) == 1 else geomean(values)


# -- the search -------------------------------------------------------------------------------------------------------


def _search(
    study: optuna.Study,
    designer: _Designer,
    classes: Sequence[FlexClass],
    budget: float,
    trials: int,
    seed: int,
    progress: Progress | None,
) -> None:
    """Propose and measure until enough designs have been run, or nothing new turns up."""
    from optuna.trial import TrialState

    settings = study.user_attrs["search"]
    knobs = {knob: tuple(factors) for knob, factors in settings["space"].items()}
    names = [str(c) for c in classes]
    done = study.get_trials(states=[TrialState.COMPLETE])
    known = {_key(t.params): t for t in reversed(done)}  # the first of each: later ones repeat it
    for stale in study.get_trials(states=[TrialState.RUNNING]):  # an earlier search was stopped here
        study.enqueue_trial(stale.params or {})
        study.tell(stale.number, state=TrialState.FAIL)
    finished, run, idle = len(done), sum(t.user_attrs["run"] for t in done), 0
    while run < trials and idle < IDLE_PROPOSALS:
        if progress:
            progress.plan((trials - run) * designer.cells, trials - run)
        study.sampler = _sampler(settings["sampler"], seed, finished)
        trial = study.ask()
        factors = {knob: values[trial.suggest_int(knob, 0, len(values) - 1)] for knob, values in knobs.items()}
        flexclass = FlexClass.parse(trial.suggest_categorical("class", names))
        earlier = known.get(_key(trial.params))
        if earlier is not None:
            values, attributes = earlier.values, {"violation": earlier.user_attrs["violation"], "run": False}
        else:
            measured = designer.measure(factors, flexclass, budget, progress)
            values = measured.values
            attributes = {"violation": measured.violation, "run": measured.violation == 0, "reason": measured.reason}
            if measured.arch is not None:
                attributes |= {
                    "row": {"class": str(flexclass), **factors, **measured.row},
                    "arch": measured.arch.document(),
                }
        for name, value in attributes.items():
            trial.set_user_attr(name, value)
        trial.set_constraint("budget", attributes["violation"])
        frozen = study.tell(trial, values)
        known.setdefault(_key(frozen.params), frozen)
        finished, run = finished + 1, run + bool(attributes["run"])
        idle = 0 if attributes["run"] else idle + 1


def _sampler(name: str, seed: int, finished: int) -> optuna.samplers.BaseSampler:
    """A sampler whose random numbers depend on the seed and on how many designs there are, not on restarts."""
    import optuna

    own = int(np.random.SeedSequence([seed, finished]).generate_state(1)[0])
    if name == "tpe":
        return optuna.samplers.TPESampler(seed=own, multivariate=True, constant_liar=False)
    return optuna.samplers.NSGAIISampler(seed=own, population_size=POPULATION)


def _key(params: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(sorted(params.items()))


# -- the storage ------------------------------------------------------------------------------------------------------


def _open(storage: str | Path | None, meta: dict[str, Any]) -> optuna.Study:
    """The study of a storage file, which must have been asked the same."""
    try:
        import optuna
        from optuna.storages.journal import JournalFileBackend
    except ImportError as error:
        raise UnsupportedError("explore needs Optuna 5 or later: pip install 'flexloop[explore]'") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    backend = None
    try:
        if storage is not None:
            Path(storage).parent.mkdir(parents=True, exist_ok=True)
            backend = optuna.storages.JournalStorage(JournalFileBackend(str(storage)))
        study = optuna.create_study(
            storage=backend, study_name="explore", directions=["minimize"] * len(OBJECTIVES), load_if_exists=True
        )
    except OSError as error:
        raise OutputError(f"storage {storage}: {error.strerror or error}") from error
    except (ValueError, KeyError) as error:
        raise SpecError(f"storage {storage}: no journal of an exploration; give another file") from error
    asked = json.loads(json.dumps(meta))
    kept = study.user_attrs.get("search")
    if kept is None:
        study.set_user_attr("search", asked)
    elif differing := [name for name in asked if kept.get(name) != asked[name]]:
        raise SpecError(
            f"storage {storage}: it holds a search with another {', '.join(differing)}; "
            "give another file, or ask the same"
        )
    return study


def _meta(
    arch: ArchSpec,
    networks: Sequence[Network],
    classes: Sequence[FlexClass],
    budget: float,
    seed: int,
    options: ExploreOptions,
) -> dict[str, Any]:
    """What a search is asked; whatever changes a figure is in it."""
    model = options.model or load_overhead()
    return {
        "arch": arch.document(),
        "networks": [network.model_dump(mode="json") for network in networks],
        "classes": [str(c) for c in classes],
        "area_budget_mm2": budget,
        "space": options.space.knobs,
        "sampler": options.sampler,
        "seed": seed,
        "designed": options.designed,
        "starts": options.starts,
        "area_model": model.model_dump(mode="json"),
        "objective": options.study.objective,
        "effort": options.study.effort,
        "energy": options.study.energy,
    }


def _outcome(study: optuna.Study, networks: Sequence[Network], meta: dict[str, Any], candidates: int) -> ExploreOutcome:
    from optuna.trial import TrialState

    done = study.get_trials(states=[TrialState.COMPLETE])
    run = [t for t in done if t.user_attrs["run"]]
    if not run:
        reasons = sorted({t.user_attrs.get("reason", "") for t in done} - {""})
        raise UnmappableError(
            f"explore: none of {len(done)} proposed designs fits {meta['area_budget_mm2']} mm^2 and maps "
            f"{', '.join(n.name for n in networks)} ({'; '.join(reasons)}); raise the budget or widen the space"
        )
    table = pd.DataFrame.from_records([{"trial": t.number, **t.user_attrs["row"]} for t in run])
    specs = {t.number: ArchSpec.model_validate(t.user_attrs["arch"]) for t in run}
    return ExploreOutcome(table, specs, len(done), candidates, meta)
