"""The search: who proposes designs, and how one that was stopped goes on as it would have gone at one stretch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from flexloop.classes import FlexClass
from flexloop.running.progress import Progress
from flexloop.studies.exploration.measure import Designer

if TYPE_CHECKING:
    import optuna

SAMPLERS = ("tpe", "nsga2")

IDLE_PROPOSALS = 100
"""Proposals in a row that are over the budget or known already, after which a search ends."""

POPULATION = 20
"""Of NSGA-II: its usual 50 would be random for most of a search that takes minutes a generation."""


def run_search(
    study: optuna.Study,
    designer: Designer,
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
