"""``--verbose``: what flexloop logs, as lines on stderr."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from flexloop.cli.common import printable

_FORMAT = logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S")


class _Lines(logging.Handler):
    """Writes to whatever stderr is at the moment: above a progress bar while there is one."""

    def emit(self, record: logging.LogRecord) -> None:
        print(printable(self.format(record)), file=sys.stderr, flush=True)


@contextmanager
def shown(asked: bool) -> Iterator[None]:
    """Show the log of what happens inside, if asked: a line for each cell, and for each program started and ended."""
    if not asked:
        yield
        return
    logger, lines = logging.getLogger("flexloop"), _Lines()
    lines.setFormatter(_FORMAT)
    before = logger.level
    logger.addHandler(lines)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(lines)
        logger.setLevel(before)
