"""What to build under an area budget: hardware and flexibility chosen together.

Optuna proposes designs (PEs, buffer sizes, DRAM bandwidth, class); every design that fits the budget is run on the
networks, and those that no other beats in latency, energy and area at once are the Pareto front. A storage file makes
the search resumable: stopped and started again it goes the way that it would have gone at one stretch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from flexloop.arch.base import Arch
from flexloop.arch.load import ArchSource, load_arch
from flexloop.classes import FULLY_FLEXIBLE, RIGID, FlexClass, all_classes
from flexloop.errors import SpecError, UnknownNameError, UnmappableError
from flexloop.running.notebook import shown_in_notebooks
from flexloop.running.progress import Progress
from flexloop.studies.exploration.measure import OBJECTIVES, Designer
from flexloop.studies.exploration.options import ExploreOptions
from flexloop.studies.exploration.outcome import ExploreOutcome, pareto
from flexloop.studies.exploration.search import SAMPLERS, run_search
from flexloop.studies.exploration.space import Space
from flexloop.studies.exploration.storage import asked_of, open_storage
from flexloop.study import DEFAULT_ARCH, StudyOptions
from flexloop.subjects import Networks, load_networks, some
from flexloop.validation import fitting
from flexloop.workloads.layers import Network

if TYPE_CHECKING:
    import optuna

__all__ = ["OBJECTIVES", "SAMPLERS", "ExploreOptions", "ExploreOutcome", "Space", "explore", "pareto"]


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
        arch: the hardware that the factors of the space refer to: an arch spec, or a Timeloop design, whose constraints
            stand as they are at every size.
        area_budget_mm2: no design may be larger, DRAM interface included.
        trials: designs to run in all, those in the storage counted.
        storage: file of finished designs; the same search goes on from it. None keeps nothing.
        classes: to choose from; None takes all 16.
        seed: of the proposals.
        options: the space, the sampler, and how designs are run.
        progress: told of the finished cells of each design.
        more: single options of the study, as for `flexloop.run`; they count before those in ``options``.

    Raises:
        UnknownNameError: for factors of something that the hardware does not have.
        UnsupportedError: for an arch spec with an inner fanout, for a design whose energies are of its own sizes alone,
            or if Optuna is not installed.
        UnmappableError: if no proposed design fits the budget and maps the networks.
        SpecError: if the storage file holds another search.
    """
    options = options or ExploreOptions()
    options = replace(options, study=StudyOptions.of(options.study, **more))
    own = load_arch(arch)
    options = replace(options, space=options.space.on(own))
    chosen = all_classes() if classes is None else [FlexClass.of(c) for c in some("class", classes)]
    budget = fitting(float, area_budget_mm2, "area_budget_mm2")
    trials, seed = fitting(int, trials, "trials"), fitting(int, seed, "seed")
    nets = load_networks(networks, options.study.network_parameters)
    _check(budget, trials, options.sampler)
    designer = Designer(own, nets, options)
    meta = asked_of(own, nets, chosen, budget, seed, options)
    study = open_storage(storage, meta)
    for flexclass in (RIGID, FULLY_FLEXIBLE):  # the given hardware first: what the front is compared with
        if flexclass in chosen and all(1 in factors for factors in options.space.knobs.values()):
            given = {knob: factors.index(1) for knob, factors in options.space.knobs.items()}
            study.enqueue_trial({**given, "class": str(flexclass)}, skip_if_exists=True)
    run_search(study, designer, chosen, budget, trials, seed, progress)
    found = _outcome(study, nets, meta, options.space.hardware * len(chosen))
    top = own.memories[0]
    if min(top.read_bandwidth, top.write_bandwidth) == inf:
        note = f"the interface to {top.name} has no area, since no bandwidth limits it"
        found = replace(found, notes=(*found.notes, note))
    return found


def _check(budget: float, trials: int, sampler: str) -> None:
    if sampler not in SAMPLERS:
        raise UnknownNameError("sampler", sampler, SAMPLERS)
    if not 0 < budget < inf:
        raise SpecError(f"area budget {budget}: give a positive number of mm^2")
    if trials < 1:
        raise SpecError(f"trials {trials}: at least one design must be run")


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
    specs: Mapping[int, Arch] = {t.number: load_arch(t.user_attrs["arch"]) for t in run}
    return ExploreOutcome(table, specs, len(done), candidates, meta)
