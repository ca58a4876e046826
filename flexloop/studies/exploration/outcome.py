"""What an exploration found: the designs that were run, and the Pareto front among them."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from flexloop._version import __version__
from flexloop.arch.base import Arch
from flexloop.atomic import write_files
from flexloop.studies.exploration.measure import OBJECTIVES


@dataclass(frozen=True)
class ExploreOutcome:
    """Designs that were run, and how the search went.

    Attributes:
        trials: one row a design within the budget: trial, class, the factors, pes, array_x, array_y, the three
            objectives, area_base_mm2, area_flexibility_mm2 and area_dram_mm2 (which add up to area_mm2), and cycles
            and energy by network.
        specs: the arch of each, by trial.
        proposals: designs that were proposed, those over the budget and repeated ones included.
        candidates: size of the space: hardwares times classes.
        meta: what was asked.
        notes: what the figures leave out.
    """

    trials: pd.DataFrame
    specs: Mapping[int, Arch]
    proposals: int
    candidates: int
    meta: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

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
        found = (
            f"{len(self.trials)} designs run of {self.proposals} proposed and {self.candidates:,} candidates; "
            f"{len(self.front)} of them make the front, which is the best of those run, not proved for the rest"
        )
        return "; ".join([found, *self.notes])

    def save(self, folder: str | Path) -> Path:
        """Write ``trials.csv``, ``front.csv``, ``meta.json`` and the arch of every design on the front.

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


def pareto(costs: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which rows no other row beats: none is at most as much in every column and less in one."""
    no_more = (costs[:, None, :] <= costs[None, :, :]).all(axis=2)
    less = (costs[:, None, :] < costs[None, :, :]).any(axis=2)
    return np.asarray(~(no_more & less).any(axis=0))
