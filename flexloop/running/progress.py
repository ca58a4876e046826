"""How far a study is: the cells that are done, the one that is waited for, and how long the rest takes."""

from __future__ import annotations

import sys
import time
from typing import Protocol

from flexloop.running.cells import CellResult, CellTask
from flexloop.running.pace import Pace, in_words


class Progress(Protocol):
    """Told of a study's progress. A cell is a row of the results: one layer of a network in one class on one arch."""

    def plan(self, cells: int, parts: int) -> None:
        """A study of several parts says how many cells and parts are still to come, and again where that changes."""

    def begin(self, cells: int, mapper: str, engine: str) -> None:
        """The study or a part of it starts: that many cells, searched and evaluated by these engines."""

    def submitted(self, task: CellTask) -> None:
        """Cells of a layer wait for their turn or are being computed from now on."""

    def finished(self, result: CellResult) -> None:
        """One cell is done; layers of one shape share a result, and each of them is reported."""


class StudyProgress:
    """Keeps track of a study's progress and says how far it is; subclasses show it."""

    def __init__(self) -> None:
        self.cells = self.done = 0
        self.searching = "preparing"
        self._planned = False
        self._pace = Pace(time.monotonic())
        self._awaited: dict[str, None] = {}

    def changed(self) -> None:
        """Something is new; here nobody is told."""

    def plan(self, cells: int, parts: int) -> None:
        """So many cells in so many parts are still to come."""
        self._planned, self.cells = True, self.done + cells
        self._pace.parts = parts
        self.changed()

    def begin(self, cells: int, mapper: str, engine: str) -> None:
        """The study starts, or its next part: of the cells planned, else joining those of the parts before."""
        self.searching = f"searching ({mapper if mapper == engine else f'{mapper}, evaluated by {engine}'})"
        self.cells = max(self.cells, self.done + cells) if self._planned else self.cells + cells
        self._pace.begin(cells, time.monotonic())
        self._awaited.clear()
        self.changed()

    def submitted(self, task: CellTask) -> None:
        """Cells of a layer wait for their turn or are being computed from now on."""
        for flexclass in task.classes:
            self._awaited[f"{flexclass} {task.layer.name}"] = None
        self._pace.expect((str(flexclass), task.layer.shape_key) for flexclass in task.classes)
        self.changed()

    def finished(self, result: CellResult) -> None:
        """One cell is done."""
        self.done += 1
        kind = str(result.flexclass), result.layer.shape_key
        self._pace.finished(kind, result.wall_s, time.monotonic(), computed=not result.from_store)
        self._awaited.pop(f"{result.flexclass} {result.layer.name}", None)
        self.changed()

    @property
    def awaited(self) -> str | None:
        """The class and layer that was handed in before all others that are not done."""
        return next(iter(list(self._awaited)), None)

    @property
    def left(self) -> str:
        """How long the rest takes, in words."""
        return f"{in_words(self._pace.left(self.cells - self.done, time.monotonic()))} left"

    @property
    def compiling(self) -> str | None:
        """How many of the kernels are compiled, in words; None while none is being compiled in this process."""
        prepare = sys.modules.get("flexloop.embedded.mapper.prepare")
        count = prepare.under_way() if prepare else None
        return count and f"compiling kernels, once ({count[0]} of {count[1]})"

    def line(self) -> str:
        """How far the study is, in words."""
        now = self.compiling or (f"waiting for {self.awaited}" if self.awaited else "")
        return f"{self.done} of {self.cells} cells, {self.left}" + (f", {now}" if now else "")
