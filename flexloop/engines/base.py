"""What every engine offers, and what passes between engines and the runner.

An engine does one or both of two things: `map` searches a mapspace for its best mapping, `evaluate` costs one mapping.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, get_args

from flexloop.energy.source import EnergyTables
from flexloop.errors import UnknownNameError
from flexloop.evaluation import Evaluation
from flexloop.mapspace import MapSpace, Variant
from flexloop.timeloop.mapping import Mapping

Objective = Literal["latency", "energy", "edp"]
Effort = Literal["quick", "normal", "thorough"]


def cost(objective: Objective, evaluation: Evaluation) -> tuple[float, float]:
    """The searched cost and its tie-break: latency by energy, energy by latency, EDP by energy."""
    if objective == "latency":
        return evaluation.cycles, evaluation.energy_pj
    if objective == "energy":
        return evaluation.energy_pj, evaluation.cycles
    return evaluation.edp, evaluation.energy_pj


def parse_objective(name: str) -> Objective:
    """Read an objective's name (UnknownNameError with the nearest ones if it is none)."""
    for objective in get_args(Objective):
        if str(name).lower() == objective:
            return objective  # type: ignore[no-any-return]
    raise UnknownNameError("objective", name, get_args(Objective))


def parse_effort(name: str) -> Effort:
    """Read an effort's name (UnknownNameError with the nearest ones if it is none)."""
    for effort in get_args(Effort):
        if str(name).lower() == effort:
            return effort  # type: ignore[no-any-return]
    raise UnknownNameError("effort", name, get_args(Effort))


@dataclass(frozen=True)
class Candidate:
    """A mapping in a mapspace: the variant it belongs to, the padded bounds it factorises, and the mapping."""

    variant: Variant
    bounds: dict[str, int]
    mapping: Mapping


@dataclass(frozen=True)
class Winner:
    """The best mapping that an engine found in a mapspace.

    Attributes:
        candidate: the mapping and where it stands.
        evaluation: its figures, from the engine that found it.
        optimal: whether it is proved to be the best of the mapspace.
        lower_bound: no mapping of the mapspace costs less in the objective searched (None: no bound is known).
        tie_bound: where it is proved to be the best, none of its equals in the objective costs less in the tie-break.
        evaluated: mappings costed one by one.
        excluded: mappings excluded by proof.
        notes: what a reader of the row should know (paddings searched, inherited from a subclass).
    """

    candidate: Candidate
    evaluation: Evaluation
    optimal: bool = False
    lower_bound: float | None = None
    evaluated: int = 0
    excluded: float = 0.0
    notes: tuple[str, ...] = ()
    tie_bound: float = 0.0

    @property
    def floor(self) -> tuple[float, float]:
        """The objective and its tie-break, of which no mapping of the mapspace is below both."""
        return self.lower_bound or 0.0, self.tie_bound if self.optimal else 0.0


@dataclass(frozen=True)
class SearchOptions:
    """What a search is asked for.

    Attributes:
        objective: what is minimised.
        effort: how long to search where the search does not end by itself.
        time_limit: the same in seconds by a clock on the wall, in place of the effort; for the embedded mapper.
        seed: of random choices.
        threads: that one search may use.
        timeout_s: seconds after which an engine's process is stopped, be it searching or evaluating, or None.
        floor: no mapping costs less in the objective and its tie-break, as is known of a mapspace that holds this one;
            an engine may end its search when it has found a mapping of that cost.
        guides: mappings of that cost in mapspaces that hold this one; an engine may look first for one alike.
    """

    objective: Objective = "edp"
    effort: Effort = "normal"
    time_limit: float | None = None
    seed: int = 0
    threads: int = 1
    timeout_s: float | None = None
    floor: tuple[float, float] = (0.0, 0.0)
    guides: tuple[Candidate, ...] = ()


@dataclass(frozen=True)
class EngineInfo:
    """What an engine says of itself.

    Attributes:
        name: as ``--engine`` takes it.
        version: it changes whenever the engine's figures may, since the store keeps cells under it.
        detail: where it runs, for people.
    """

    name: str
    version: str
    detail: str = field(default="")


class Engine(Protocol):
    """One way to search mapspaces and to cost mappings.

    An engine is pickled for the processes that run cells. docs/extending.md shows one in full.
    """

    @property
    def exhaustive(self) -> bool:
        """Whether what `map` finds does not depend on the seeds.

        The classes of a layer then come as one task, in any order, so that what their searches share is made once.
        """
        ...

    @property
    def keeps_time_limit(self) -> bool:
        """Whether `map` ends its search by ``SearchOptions.time_limit``; where not, users are told so."""
        ...

    def info(self) -> EngineInfo:
        """Name and version; raises EngineError with the way out where the engine does not work here."""
        ...

    def map(
        self,
        space: MapSpace,
        energy: EnergyTables,
        options: SearchOptions,
        seeds: Sequence[Candidate],
        run_dir: Path,
    ) -> Winner:
        """Search a mapspace.

        Args:
            space: the mapspace of one class and layer.
            energy: energy reference table.
            options: objective, effort, seed.
            seeds: known-good mappings of this mapspace (the best of subclasses) to start from.
            run_dir: a folder of this search's own, which it may leave files in.

        Raises:
            UnmappableError: if no mapping of the mapspace is valid, with the reason.
            EngineError: if the engine failed.
        """
        ...

    def evaluate(
        self, candidate: Candidate, energy: EnergyTables, run_dir: Path, timeout_s: float | None = None
    ) -> Evaluation:
        """Cost one mapping; an invalid one is an Evaluation that says so.

        Args:
            candidate: the mapping.
            energy: energy reference table.
            run_dir: a folder of this evaluation's own, which it may leave files in.
            timeout_s: seconds after which the engine's process is stopped, or None.

        Raises:
            NoVerdictError: if its time was over.
            EngineError: if the engine failed.
        """
        ...
