"""Decorators of the numeric kernels: what Python calls is compiled with all that it calls, and kept on disk.

`flexloop.embedded.wholes` does that with parts of numba that are its own business. Where these are not as they were in
the versions that it was made with, numba's own decorator and cache take its place: 1.7 times slower to compile and 2.8
times slower to run, and right all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeVar, cast

import numba
from numba.core import config

NEWEST = (0, 68)
"""The newest series of numba that `flexloop.embedded.wholes` is tested with; pyproject.toml has the same bound."""


def _find_wholes() -> ModuleType | None:
    """The compiler of whole call trees, if this numba has what it leans on."""
    if tuple(int(part) for part in numba.__version__.split(".")[:2]) > NEWEST:
        return None
    try:
        from flexloop.embedded import wholes
    except (ImportError, AttributeError):
        return None
    return wholes


_wholes = _find_wholes()

_Function = TypeVar("_Function", bound=Callable[..., Any])


def kernel(function: _Function) -> _Function:
    """Compile a function when it is first called, for the types it is called with, without the GIL.

    With ``NUMBA_DISABLE_JIT=1`` in the environment kernels stay plain Python, for debuggers and profilers.
    """
    return _compiled(function)


def allocating(function: _Function) -> _Function:
    """As `kernel`, for a function that makes arrays.

    Only then are references to arrays counted. That takes an atomic instruction for each array that is handed on, and
    costs the other kernels half their speed: they hold no array that their caller does not hold meanwhile.
    """
    return _compiled(function, allocates=True)


def seldom(function: _Function) -> _Function:
    """As `kernel`, for a function that most runs do not reach: its callers call it instead of taking in its code.

    They stay small then, and the compiler keeps in registers what they need all the time: a tenth of their speed.
    """
    return _compiled(function, is_seldom=True)


def entry(*argument_types: Any, allocates: bool = False) -> Callable[[_Function], _Function]:
    """As `kernel` or `allocating`, for a function that Python calls with these types: it can be compiled ahead."""

    def decorate(function: _Function) -> _Function:
        built = allocating(function) if allocates else kernel(function)
        if built is not function:
            built.__dict__["ahead"] = argument_types
        return built

    return decorate


def interpreted(function: _Function) -> _Function:
    """A kernel as plain Python, for the few calls that are not worth the time to compile it."""
    return cast(_Function, getattr(function, "py_func", function))


def _compiled(function: _Function, *, allocates: bool = False, is_seldom: bool = False) -> _Function:
    if config.DISABLE_JIT:
        return function
    if _wholes is None:
        return cast(_Function, numba.njit(cache=True, nogil=True, error_model="numpy")(function))
    options = _wholes.COUNTING if allocates else _wholes.OPTIONS
    return cast(_Function, _wholes.Kernel(function, targetoptions=options, seldom=is_seldom))
