"""Compile the kernels of model and search before they are needed, on two cores where there are two.

The kernels are independent of each other once translated, so processes that need them at the same time share the work:
each takes one that no other is at, and whoever needs it later reads it from disk.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from functools import lru_cache
from multiprocessing import parent_process
from pathlib import Path
from typing import Any

from flexloop.cores import available_cores
from flexloop.embedded import kernelcache
from flexloop.embedded.jit import Kernel
from flexloop.embedded.mapper.exact.explore import gather, settle
from flexloop.embedded.mapper.exact.grid import least_above, outer_tables
from flexloop.embedded.mapper.exact.placing import spatial_choices
from flexloop.embedded.mapper.exact.spread import spatial_bounds, tile_extremes
from flexloop.embedded.mapper.paths.kernels import forward, priced, through
from flexloop.embedded.rules.rows import evaluate_rows

_ENTRIES: tuple[Any, ...] = (
    settle, evaluate_rows, gather, outer_tables, spatial_bounds, tile_extremes, spatial_choices, least_above, through,
    forward, priced,
)  # fmt: skip
"""Those that take longest come first."""


def entries() -> list[Kernel]:
    """The kernels that Python calls."""
    return [kernel for kernel in _ENTRIES if isinstance(kernel, Kernel)]


def is_prepared() -> bool:
    """Whether every kernel is on disk, so that none has to be compiled."""
    return all(kernel.is_stored() for kernel in entries())


@lru_cache(maxsize=1)
def prepare() -> None:
    """Have every kernel compiled and on disk, unless it is; once a process."""
    missing = [kernel for kernel in entries() if not kernel.is_stored()]
    if not missing:
        return
    helper = _helper() if len(missing) > 1 else None
    for kernel in missing:
        kernel.compile_ahead()
    if helper is not None:
        with suppress(subprocess.TimeoutExpired):  # what it does not finish is compiled when it is called
            helper.wait(kernelcache.PATIENCE_S)


def _helper() -> subprocess.Popen[bytes] | None:
    """A second process that compiles too; none where that is a worker's sibling, or there is nothing to share by."""
    if parent_process() is not None or available_cores() < 2 or not kernelcache.is_writable() or not sys.executable:
        return None
    code = f"import sys; sys.path.insert(0, sys.argv[1]); from {__name__} import compile_all; compile_all()"
    home = str(Path(__file__).parents[4])
    try:
        return subprocess.Popen(
            [sys.executable, "-c", code, home], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
    except OSError:
        return None


def compile_all() -> None:
    """Compile what nobody has compiled or is compiling; last the kernel that the process which asks has begun with."""
    first, *others = entries()
    for kernel in (*others, first):
        kernel.compile_ahead()
