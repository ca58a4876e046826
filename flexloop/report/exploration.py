"""The HTML report of an exploration: its designs, the Pareto front among them, and how it was made."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import pandas as pd

from flexloop.atomic import write_file
from flexloop.errors import SpecError
from flexloop.report.page import plain_value, render_page
from flexloop.resources import is_file

_SCRIPTS = ("dom.js", "format.js", "colour.js", "download.js", "tables.js", "exploration.js")


@dataclass(frozen=True)
class Exploration:
    """What an exploration wrote: ``trials`` with a column ``front``, and what was asked."""

    trials: pd.DataFrame
    meta: dict[str, Any]


def is_exploration(folder: Path) -> bool:
    """Whether a folder holds the files of an exploration."""
    return is_file(folder / "trials.csv") and is_file(folder / "front.csv")


def load_exploration(folder: Path) -> Exploration:
    """Read what `ExploreOutcome.save` wrote.

    Raises:
        SpecError: if a file is missing or damaged.
    """
    try:
        trials, front = pd.read_csv(folder / "trials.csv"), pd.read_csv(folder / "front.csv")
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        return Exploration(trials.assign(front=trials["trial"].isin(front["trial"])), meta)
    except (OSError, ValueError, KeyError) as error:
        raise SpecError(f"{folder}: damaged results of an exploration ({error}); run it again") from error


def write_exploration_report(exploration: Exploration, path: Path) -> Path:
    """Write the report of an exploration and return its path.

    Raises:
        OutputError: if the file cannot be written.
    """
    return write_file(path, render_exploration(exploration))


def render_exploration(exploration: Exploration) -> str:
    """The report's HTML."""
    trials, meta = exploration.trials, exploration.meta
    networks = [str(network["name"]) for network in meta["networks"]]
    return render_page(
        "exploration.html.j2",
        _SCRIPTS,
        {name: [plain_value(v) for v in trials[name].tolist()] for name in trials.columns},
        arch=meta["arch"]["name"],
        networks=networks,
        budget=f"{meta['area_budget_mm2']:g}",
        designs=len(trials),
        front=int(trials["front"].sum()),
        command=_command(meta.get("command")),
        facts=_facts(meta),
        space=[(knob, ", ".join(f"×{factor:g}" for factor in factors)) for knob, factors in meta["space"].items()],
        meta=json.dumps(meta, indent=1, sort_keys=True),
    )


def _command(words: Any) -> str:
    if not isinstance(words, list) or not words:
        return ""
    return shlex.join([PurePath(str(words[0])).name, *map(str, words[1:])])


def _facts(meta: dict[str, Any]) -> list[tuple[str, str]]:
    shown = ("objective", "effort", "energy", "sampler", "seed", "designed", "flexloop", "python")
    facts = [(name, str(meta[name])) for name in shown if name in meta]
    return [*facts, ("classes", ", ".join(meta["classes"]))]
