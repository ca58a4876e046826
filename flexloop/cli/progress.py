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
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from flexloop.cli.common import console, printable
from flexloop.running.progress import StudyProgress

if TYPE_CHECKING:
    from flexloop.deadline import Deadline

LINE_S = 60.0
"""Seconds between two lines where stderr is no terminal."""


class _Now(ProgressColumn):
    """What is being done at the moment, whether or not anything has been finished lately."""

    def __init__(self, study: StudyProgress) -> None:
        super().__init__()
        self._study = study

    def render(self, task: Task) -> Text:
        """The kernels that are compiled, else the cell that is waited for."""
        return Text(printable(self._study.compiling or self._study.awaited or self._study.searching))


class CellProgress(StudyProgress):
    """Shows how far a study is."""

    def __init__(self, *, quiet: bool) -> None:
        super().__init__()
        self._out = console(stderr=True)
        self._bar = Progress(
            _Now(self),
            BarColumn(min(40, self._out.width // 5)),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=self._out,
            transient=True,
            disable=quiet or not self._out.is_terminal,
        )
        self._lines = not quiet and not self._out.is_terminal
        self._task: TaskID | None = None
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

    def changed(self) -> None:
        """Show how far the study is."""
        if self._task is None:
            self._task = self._bar.add_task("", total=self.cells, left="")
        self._bar.update(self._task, completed=self.done, total=self.cells, left=self.left)

    def _say_now_and_then(self) -> None:
        while not self._over.wait(LINE_S):
            self._out.print(self.line(), markup=False)


class SearchProgress:
    """Shows how long a search has taken, its best mapping and how far from the optimum that may be.

    Args:
        deadline: when the search has to end; an interrupt ends it before.
    """

    def __init__(self, deadline: Deadline) -> None:
        from flexloop.embedded.mapper import BestSoFar

        self.so_far = BestSoFar()
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
        if not self.so_far.searching:
            raise KeyboardInterrupt
        self._deadline.stop()

    def line(self) -> str:
        """How far the search is, in words."""
        return f"searching for {time.monotonic() - self._began:.0f} s: {self.so_far}"
