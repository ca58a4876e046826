"""Progress over cells on stderr; nothing where stderr is no terminal."""

from __future__ import annotations

from types import TracebackType

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from flexloop.cells import CellResult
from flexloop.cli.common import console


class CellProgress:
    """A progress bar that hears of finished cells."""

    def __init__(self, *, quiet: bool) -> None:
        out = console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=out,
            transient=True,
            disable=quiet or not out.is_terminal,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> CellProgress:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def begin(self, cells: int, mapper: str, engine: str) -> None:
        """The study starts."""
        who = mapper if mapper == engine else f"{mapper}, evaluated by {engine}"
        self._task = self._bar.add_task(f"searching ({who})", total=cells)

    def finished(self, result: CellResult) -> None:
        """One cell is done."""
        if self._task is not None:
            self._bar.update(self._task, advance=1, description=f"{result.flexclass} {result.layer.name}")
