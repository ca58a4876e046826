"""Progress on stderr: over the cells of a study, and of a single search.

Over cells it is a bar on a terminal, now and then a line elsewhere; each says how far the study is, for which cell it
waits, and how long the rest takes. A single search shows a line on a terminal alone.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
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
        self._cells = self._done = 0
        self._planned = False
        self._pace = Pace(time.monotonic())
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

    def plan(self, cells: int, parts: int) -> None:
        """So many cells in so many parts are still to come."""
        self._planned, self._cells = True, self._done + cells
        self._pace.parts = parts
        if self._task is None:
            self._task = self._bar.add_task("preparing", total=self._cells, left="")
        self._show()

    def begin(self, cells: int, mapper: str, engine: str) -> None:
        """The study starts, or its next part: of the cells planned, else joining those of the parts before."""
        who = mapper if mapper == engine else f"{mapper}, evaluated by {engine}"
        self._cells = max(self._cells, self._done + cells) if self._planned else self._cells + cells
        self._pace.begin(cells, time.monotonic())
        if self._task is None:
            self._task = self._bar.add_task("", total=self._cells, left="")
        self._bar.update(self._task, description=f"searching ({who})")
        self._show()

    def handed_in(self, task: CellTask) -> None:
        """Cells of a layer wait for their turn or are being computed from now on."""
        for flexclass in task.classes:
            self._awaited[f"{flexclass} {task.layer.name}"] = None
        self._show()

    def finished(self, result: CellResult) -> None:
        """One cell is done."""
        self._done += 1
        self._pace.finished(time.monotonic(), computed=not result.from_store)
        self._awaited.pop(f"{result.flexclass} {result.layer.name}", None)
        self._show()

    def line(self) -> str:
        """How far the study is, in words; the cell named is the one that was handed in before all others."""
        cell = self._oldest()
        return f"{self._done} of {self._cells} cells, {self._left()} left" + (f", waiting for {cell}" if cell else "")

    def _show(self) -> None:
        if self._task is None:
            return
        if cell := self._oldest():
            self._bar.update(self._task, description=cell)
        self._bar.update(self._task, completed=self._done, total=self._cells, left=f"{self._left()} left")

    def _oldest(self) -> str | None:
        return next(iter(list(self._awaited)), None)

    def _left(self) -> str:
        return in_words(self._pace.left(self._cells - self._done, time.monotonic()))

    def _say_now_and_then(self) -> None:
        while not self._over.wait(LINE_S):
            self._out.print(self.line(), markup=False)


class SearchProgress:
    """Shows how long a search has taken, its best mapping and how far from the optimum that may be.

    Args:
        deadline: when the search has to end; an interrupt ends it before.
    """

    def __init__(self, deadline: Deadline) -> None:
        from flexloop.embedded.mapper import Standing

        self.standing = Standing()
        self._deadline = deadline
        self._out = console(stderr=True)
        self._began = time.monotonic()
        self._live = Live(
            get_renderable=self.line, console=self._out, refresh_per_second=2, transient=True, redirect_stdout=False
        )

    def __enter__(self) -> SearchProgress:
        from flexloop.embedded.mapper.prepare import is_prepared

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


@dataclass
class Pace:
    """How fast cells and what comes between them have been, and what that means for the rest.

    Attributes:
        since: when the present part began or, between parts, when the last one ended; a clock's seconds.
        parts: parts that are still to begin.
    """

    since: float
    parts: int = 0
    _open: int = 0
    _computed: int = 0
    _searching: float = 0.0
    _begun: int = 0
    _preparing: float = 0.0

    def begin(self, cells: int, now: float) -> None:
        """A part of so many cells begins; what it needed, such as a design, has taken until now."""
        if self._open:  # the part before ended early
            self._searching += now - self.since
        else:
            self._preparing += now - self.since
        self.since, self._open, self._begun, self.parts = now, cells, self._begun + 1, max(0, self.parts - 1)

    def finished(self, now: float, *, computed: bool) -> None:
        """A cell is done; one from the store tells nothing of the pace."""
        self._computed += computed
        self._open -= 1
        if not self._open:
            self._searching, self.since = self._searching + now - self.since, now

    def left(self, cells: int, now: float) -> float | None:
        """Seconds for so many cells and the parts to come; None before anything tells.

        >>> pace = Pace(since=0.0, parts=2)
        >>> pace.begin(2, now=10.0)
        >>> pace.finished(now=13.0, computed=True)
        >>> pace.left(cells=3, now=13.0)  # three cells of 3 s, and one more preparation of 10 s
        19.0
        """
        if not cells:
            return 0.0
        if not self._computed:
            return None
        searching = self._searching + (now - self.since if self._open else 0.0)
        preparing = self._preparing / self._begun * self.parts
        return searching / self._computed * cells + preparing


def in_words(seconds: float | None) -> str:
    """A time left in words.

    >>> in_words(300)
    'about 5 min'
    """
    if not seconds:
        return "?" if seconds is None else "0 s"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"about {seconds / size:.0f} {unit}"
    return f"about {seconds:.0f} s"
