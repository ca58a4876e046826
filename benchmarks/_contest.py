"""What ``timeloop-mapper`` finds in a given time in a mapspace, beside a mapping that the embedded mapper has found."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from _timeloop import MAPPER

from flexloop.energy.source import EnergyTables
from flexloop.engines.base import Candidate, Objective, SearchOptions, cost
from flexloop.engines.launcher import Job, PathLauncher
from flexloop.engines.process import Finished
from flexloop.engines.timeloop import TimeloopEngine
from flexloop.errors import EngineError, UnmappableError
from flexloop.mapspace import MapSpace
from flexloop.rendering.bundle import run_variants

LEAST_RUN_S = 2.0
"""Seconds that each run gets at least: starting ``timeloop-mapper`` takes a part of them."""

ROUNDING = 1e-8
"""Relative; Timeloop prints the energies of a level to 0.01 pJ."""


@dataclass(frozen=True)
class Contest:
    """Two mappings of one mapspace by ``timeloop-model``.

    Costs are in the objective (cycles, pJ, or pJ * cycles) and its tie-break.

    Attributes:
        embedded: cost of the embedded mapper's mapping.
        timeloop: cost of ``timeloop-mapper``'s best mapping; None where it found none.
        seconds: wall time of its runs together.
        runs: of ``timeloop-mapper``, one for each array shape and padding.
        mappings: both in one line each, or why there is no second one.
    """

    embedded: tuple[float, float]
    timeloop: tuple[float, float] | None
    seconds: float
    runs: int
    mappings: tuple[str, str]

    @property
    def worse(self) -> bool:
        """Whether the embedded mapping costs more, ties decided by the tie-break."""
        if self.timeloop is None:
            return False
        for own, theirs in zip(self.embedded, self.timeloop, strict=True):
            if abs(own - theirs) > ROUNDING * theirs:
                return own > theirs
        return False

    @property
    def ratio(self) -> float | None:
        """Timeloop's cost over the embedded mapper's: above 1 the embedded mapping is better."""
        return None if self.timeloop is None else self.timeloop[0] / self.embedded[0]


class _Watched(PathLauncher):
    """Counts runs of ``timeloop-mapper`` and their wall time."""

    def __init__(self) -> None:
        self.runs, self.seconds = 0, 0.0

    def run(self, job: Job) -> Finished:
        finished = super().run(job)
        if job.program == MAPPER:
            self.runs, self.seconds = self.runs + 1, self.seconds + finished.seconds
        return finished


def contest(
    space: MapSpace, energy: EnergyTables, objective: Objective, found: Candidate, seconds: float, threads: int = 1
) -> Contest:
    """Let ``timeloop-mapper`` search a mapspace too, and ``timeloop-model`` evaluate what either found.

    Args:
        space: the mapspace.
        energy: what its components cost.
        objective: what is minimised.
        found: the embedded mapper's mapping.
        seconds: wall time for ``timeloop-mapper``, shared among its runs, each of which gets ``LEAST_RUN_S`` at least.
        threads: of ``timeloop-mapper``.
    """
    watched = _Watched()
    engine = TimeloopEngine(watched)
    share = max(seconds / len(list(run_variants(space.variants))), LEAST_RUN_S)
    options = SearchOptions(objective=objective, effort="thorough", threads=threads, timeout_s=share)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        embedded = cost(objective, engine.evaluate(found, energy, folder / "embedded"))
        timeloop = None
        try:
            theirs = engine.map(space, energy, options, (), folder / "search").candidate
        except (EngineError, UnmappableError) as error:
            line = str(error)
        else:
            timeloop = cost(objective, engine.evaluate(theirs, energy, folder / "timeloop"))
            line = theirs.mapping.one_line()
    return Contest(embedded, timeloop, watched.seconds, watched.runs, (found.mapping.one_line(), line))
