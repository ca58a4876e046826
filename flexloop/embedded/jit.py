"""Decorators of the numeric kernels: a kernel that Python calls is compiled with all its callees, and kept on disk.

`flexloop.embedded.calltrees` does that with internal parts of numba. Where these differ from the versions that it was
written for, numba's own decorator and cache take its place: the results are the same, compilation takes 1.7 times and
running 2.8 times as long.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeVar, cast

import numba
from numba.core import config

NEWEST = (0, 68)
"""The newest series of numba that `flexloop.embedded.calltrees` is tested with; pyproject.toml has the same bound."""


types: Any = numba.types
i64, f64, flag = types.int64, types.float64, types.boolean
I1, I2, I3, I4 = i64[::1], i64[:, ::1], i64[:, :, ::1], i64[:, :, :, ::1]
F1, F2, F3, F4 = f64[::1], f64[:, ::1], f64[:, :, ::1], f64[:, :, :, ::1]
B3 = flag[:, :, ::1]
"""Numba's types of what Python hands to kernels, and of arrays by their dimensions."""


def _find_calltrees() -> ModuleType | None:
    """The compiler of call trees, if this numba has the internal parts that it needs."""
    if tuple(int(part) for part in numba.__version__.split(".")[:2]) > NEWEST:
        return None
    try:
        from flexloop.embedded import calltrees
    except (ImportError, AttributeError):
        return None
    return calltrees


_calltrees = _find_calltrees()

_Function = TypeVar("_Function", bound=Callable[..., Any])


def kernel(function: _Function) -> _Function:
    """Compile a function when it is first called, for the types it is called with, without the GIL.

    With ``NUMBA_DISABLE_JIT=1`` in the environment kernels stay plain Python, for debuggers and profilers.
    """
    return _compiled(function)


def allocating(function: _Function) -> _Function:
    """As `kernel`, for a function that makes arrays.

    Only such kernels count references to arrays. The others need not, since their caller holds every array that they
    use; counting takes an atomic instruction for each array that is passed on and would halve their speed.
    """
    return _compiled(function, allocates=True)


def noinline(function: _Function) -> _Function:
    """As `kernel`, for a function that most runs never call: it is not inlined into its callers.

    The callers stay small, so that the compiler can keep their variables in registers, which makes them a tenth faster.
    """
    return _compiled(function, is_noinline=True)


def entry(*argument_types: Any, allocates: bool = False) -> Callable[[_Function], _Function]:
    """As `kernel` or `allocating`, for a function that Python calls with these types: it can be compiled ahead."""

    def decorate(function: _Function) -> _Function:
        built = allocating(function) if allocates else kernel(function)
        if built is not function:
            built.__dict__["ahead"] = argument_types
        return built

    return decorate


def interpreted(function: _Function) -> _Function:
    """A kernel as plain Python, for a few calls, which take less time than compiling it."""
    return cast(_Function, getattr(function, "py_func", function))


def _compiled(function: _Function, *, allocates: bool = False, is_noinline: bool = False) -> _Function:
    if config.DISABLE_JIT:
        return function
    if _calltrees is None:
        return cast(_Function, numba.njit(cache=True, nogil=True, error_model="numpy")(function))
    options = _calltrees.COUNTING if allocates else _calltrees.OPTIONS
    return cast(_Function, _calltrees.Kernel(function, targetoptions=options, noinline=is_noinline))
