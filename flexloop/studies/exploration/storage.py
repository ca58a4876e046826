"""The storage file of an exploration, and what it was asked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flexloop.arch.base import Arch
from flexloop.classes import FlexClass
from flexloop.errors import OutputError, SpecError, UnsupportedError
from flexloop.overhead import load_overhead
from flexloop.studies.exploration.measure import OBJECTIVES
from flexloop.studies.exploration.options import ExploreOptions
from flexloop.workloads.layers import Network

if TYPE_CHECKING:
    import optuna


def open_storage(storage: str | Path | None, meta: dict[str, Any]) -> optuna.Study:
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


def asked_of(
    arch: Arch,
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
