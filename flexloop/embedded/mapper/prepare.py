"""Compile the kernels of model and search before they are needed, on two cores where there are two.

The kernels are independent of each other once translated, so processes that need them at the same time share the work:
each takes one that no other is at, and whoever needs it later reads it from disk.
"""

from __future__ import annotations

import subprocess
from contextlib import suppress
from functools import lru_cache
from typing import Any

from flexloop.embedded import kernelcache
from flexloop.embedded.helper import helper
from flexloop.embedded.mapper.exact.explore import gather, settle
from flexloop.embedded.mapper.exact.grid import outer_tables
from flexloop.embedded.mapper.exact.placing import spatial_choices
from flexloop.embedded.mapper.exact.spatialbounds import spatial_bounds, tile_extremes
from flexloop.embedded.mapper.paths.kernels import forward, priced, through, through_fanout
from flexloop.embedded.rules.residual_rows import evaluate_residual_rows
from flexloop.embedded.rules.rows import evaluate_rows

_ALWAYS: tuple[Any, ...] = (
    settle, evaluate_rows, gather, outer_tables, spatial_bounds, tile_extremes, spatial_choices,
)  # fmt: skip
"""Those that take longest come first."""

_GENERAL: tuple[Any, ...] = (through, forward, through_fanout, priced)
"""What the general search needs beside them."""

_RARE: tuple[Any, ...] = (evaluate_residual_rows,)
"""What only some designs need; it takes as long as the longest of the others."""

_wanted: list[Any] | None = None
"""The kernels that are needed, while `prepare` compiles in this process."""


def entries(*, general: bool = True) -> list[Any]:
    """The kernels that Python calls; none where they are not compiled as wholes (see `flexloop.embedded.jit`)."""
    every = (*_ALWAYS, *_GENERAL) if general else _ALWAYS
    return [kernel for kernel in every if hasattr(kernel, "compile_ahead")]


def under_way() -> tuple[int, int] | None:
    """While `prepare` compiles in this process: how many kernels are done, and how many there are."""
    return None if _wanted is None else (sum(kernel.is_stored() for kernel in _wanted), len(_wanted))


def is_prepared() -> bool:
    """Whether every kernel is on disk, so that none has to be compiled."""
    return all(kernel.is_stored() for kernel in entries())


@lru_cache(maxsize=2)
def prepare(*, general: bool = True) -> None:
    """Have every kernel compiled and on disk, unless it is; once a process.

    Args:
        general: whether the general search is to come, too.
    """
    global _wanted
    every = entries(general=general)
    if not (missing := [kernel for kernel in every if not kernel.is_stored()]):
        return
    _wanted = every
    try:
        _compile_with_help(missing, "general" if general else "always")
    finally:
        _wanted = None


def compile_everything() -> tuple[int, int]:
    """Compile the kernels that only some searches need, too; how many were missing, and how many there are."""
    everything = [kernel for kernel in (*_RARE, *_ALWAYS, *_GENERAL) if hasattr(kernel, "ahead")]
    missing = [kernel for kernel in everything if not (hasattr(kernel, "is_stored") and kernel.is_stored())]
    if all(hasattr(kernel, "compile_ahead") for kernel in missing):
        _compile_with_help(missing, "rare")
    for kernel in missing:  # what another process is at is waited for
        kernel.compile(tuple(kernel.ahead))
    return len(missing), len(everything)


def _compile_with_help(kernels: list[Any], which: str) -> None:
    other = helper(which) if len(kernels) > 1 else None
    for kernel in kernels:
        kernel.compile_ahead()
    if other is not None:
        with suppress(subprocess.TimeoutExpired):  # what it does not finish is compiled when it is called
            other.wait(kernelcache.MAX_WAIT_S)


def help_compile(which: str) -> None:
    """Compile what nobody has compiled or is compiling; last the kernel that the process which asks has begun with."""
    first, *others = (*_RARE, *entries()) if which == "rare" else entries(general=which == "general")
    for kernel in (*others, first):
        kernel.compile_ahead()
