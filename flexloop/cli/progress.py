"""Progress on stderr: over the cells of a study, and of a single search.

Over cells it is a bar on a terminal, now and then a line elsewhere; each says how far the study is, for which cell it
waits, and how long the rest takes. A single search shows a line on a terminal alone.
"""

from __future__ import annotations

import time
from threading import Event, Thread
from types import TracebackType
from typing import TYPE_CHECKING

from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from flexloop.cli.common import console

if TYPE_CHECKING:
    from flexloop.deadline import Deadline
    from flexloop.running.cells import CellResult, CellTask

LINE_S = 60.0
"""Seconds between two lines where stderr is no terminal."""


class CellProgress:
    """Hears of finished cells and shows how far a study is."""

    def __init__(self, *, quiet: bool) -> None:
        self._out = console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=self._out,
            transient=True,
            disable=quiet or not self._out.is_terminal,
        )
        self._lines = not quiet and not self._out.is_terminal
        self._task: TaskID | None = None
        self._cells = self._computed = self._done = 0
        self._began = time.monotonic()
        self._awaited: dict[str, None] = {}
        self._over = Event()

    def __enter__(self) -> CellProgress:
        self._bar.start()
        if self._lines:
            Thread(target=self._say_now_and_then, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._bar.stop()

    def begin(self, cells: int, mapper: str, engine: str) -> None:
        """The study starts, or its next part: its cells join those that were announced before."""
        who = mapper if mapper == engine else f"{mapper}, evaluated by {engine}"
        self._cells += cells
        if self._task is None:
            self._task = self._bar.add_task(f"searching ({who})", total=cells, left="")
        self._bar.update(self._task, total=self._cells)

    def handed_in(self, task: CellTask) -> None:
        """Cells of a layer wait for their turn or are being computed from now on."""
        for flexclass in task.classes:
            self._awaited[f"{flexclass} {task.layer.name}"] = None
        self._show()

    def finished(self, result: CellResult) -> None:
        """One cell is done."""
        self._done += 1
        self._computed += not result.from_store
        self._awaited.pop(f"{result.flexclass} {result.layer.name}", None)
        self._show()

    def line(self) -> str:
        """How far the study is, in words; the cell named is the one that was handed in before all others."""
        cell = self._oldest()
        return f"{self._done} of {self._cells} cells, {self._left()} left" + (f", waiting for {cell}" if cell else "")

    def _show(self) -> None:
        if self._task is not None and (cell := self._oldest()):
            self._bar.update(self._task, description=cell)
        if self._task is not None:
            self._bar.update(self._task, completed=self._done, left=f"{self._left()} left")

    def _oldest(self) -> str | None:
        return next(iter(list(self._awaited)), None)

    def _left(self) -> str:
        return time_left(time.monotonic() - self._began, self._computed, self._cells - self._done)

    def _say_now_and_then(self) -> None:
        while not self._over.wait(LINE_S):
            self._out.print(self.line(), markup=False)


class SearchProgress:
    """Shows how long a search has taken, its best mapping and how far from the optimum that may be.

    Args:
        deadline: when the search has to end; an interrupt ends it before.
    """

    def __init__(self, deadline: Deadline) -> None:
        from flexloop.engines.embedded.mapper import Standing

        self.standing = Standing()
        self._deadline = deadline
        self._out = console(stderr=True)
        self._began = time.monotonic()
        self._live = Live(
            get_renderable=self.line, console=self._out, refresh_per_second=2, transient=True, redirect_stdout=False
        )

    def __enter__(self) -> SearchProgress:
        from flexloop.engines.embedded.mapper.prepare import is_prepared

        if not is_prepared():
            self._out.print("compiling the kernels of the embedded engine, once (about 20 s)", markup=False)
        if self._out.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def interrupt(self) -> None:
        """Have the search end with what it has; where it has not begun, there is nothing to keep."""
        if not self.standing.searching:
            raise KeyboardInterrupt
        self._deadline.stop()

    def line(self) -> str:
        """How far the search is, in words."""
        return f"searching for {time.monotonic() - self._began:.0f} s: {self.standing}"


def time_left(elapsed_s: float, computed: int, remaining: int) -> str:
    """How long the remaining cells take at the pace of those computed so far; what came from the store tells nothing.

    >>> time_left(elapsed_s=600, computed=100, remaining=50)
    'about 5 min'
    """
    if not remaining:
        return "0 s"
    if not computed:
        return "?"
    seconds = elapsed_s / computed * remaining
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"about {seconds / size:.0f} {unit}"
    return f"about {seconds:.0f} s"
