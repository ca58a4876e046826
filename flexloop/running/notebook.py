"""Progress of a study in a notebook: a bar and a line below the cell, which are gone when the study is over.

They are one output of IPython's own, updated in place, so they need no widgets and also work where a notebook is
executed without a person before it.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from contextvars import copy_context
from html import escape
from threading import Event, Thread
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from flexloop.running.progress import StudyProgress

_Arguments = ParamSpec("_Arguments")
_Results = TypeVar("_Results")

PATIENCE_S = 0.5
"""Seconds before anything is shown, and between two updates: a study that is over sooner shows nothing."""


def in_notebook() -> bool:
    """Whether this process is a notebook's kernel."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return getattr(shell, "kernel", None) is not None


class NotebookProgress(StudyProgress):
    """Shows how far a study is below the notebook's cell that runs it."""

    def __init__(self) -> None:
        super().__init__()
        self._over = Event()
        # The context says which of the notebook's cells output belongs to.
        self._thread = Thread(target=copy_context().run, args=(self._show,), daemon=True)

    def __enter__(self) -> NotebookProgress:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _show(self) -> None:
        from IPython import display

        if self._over.wait(PATIENCE_S):
            return
        show: Any = display.display  # untyped
        shown = show(self._formats(), raw=True, display_id=True)
        while not self._over.wait(PATIENCE_S):
            shown.update(self._formats(), raw=True)
        shown.update({"text/html": "", "text/plain": ""}, raw=True)

    def _formats(self) -> dict[str, str]:
        line = self.line() if self.cells else "preparing"
        bar = f'<progress value="{self.done}" max="{max(self.cells, 1)}" style="width: 20em"></progress>'
        return {"text/html": f"{bar} <small>{escape(line)}</small>", "text/plain": line}


def shown_in_notebooks(study: Callable[_Arguments, _Results]) -> Callable[_Arguments, _Results]:
    """Have a bar hear of a study's progress in a notebook, where its argument ``progress`` is not given."""
    signature = inspect.signature(study)

    @functools.wraps(study)
    def run(*arguments: _Arguments.args, **options: _Arguments.kwargs) -> _Results:
        given = signature.bind(*arguments, **options)
        if given.arguments.get("progress") is not None or not in_notebook():
            return study(*arguments, **options)
        with NotebookProgress() as given.arguments["progress"]:
            return study(*given.args, **given.kwargs)

    return run
