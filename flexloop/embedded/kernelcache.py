"""Machine code of the numeric kernels on disk: one file a kernel and its types, named after all that it is made of.

A file's name is a hash of the kernel's bytecode and options, of every kernel that it may call and every constant that
they read, of the argument types, of how kernels are compiled, and of the versions of Python, numba and the processor.
So a stale one is never read, and several versions of flexloop share a folder.
"""

from __future__ import annotations

import contextlib
import dis
import hashlib
import os
import pickle
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from flexloop.resources import user_cache

fcntl: Any = None
with contextlib.suppress(ImportError):  # a system without it compiles in every process that needs a kernel
    import fcntl

MAX_WAIT_S = 180.0
"""Seconds to wait for a process that compiles the same kernel; then it is compiled here too."""


def folder() -> Path:
    """Where machine code is kept: ``NUMBA_CACHE_DIR`` if that is set, else in the user's cache folder."""
    if given := os.environ.get("NUMBA_CACHE_DIR"):
        return Path(given) / "flexloop"
    return user_cache() / "kernels"


def content(function: Callable[..., Any], inner: Callable[[Any], Callable[..., Any] | None]) -> str:
    """A hash of what a function does: its bytecode, and all functions and constants that it reaches.

    Args:
        function: the function.
        inner: the plain function behind a global that is a kernel, None for any other.

    Raises:
        TypeError: for a global that is neither a kernel nor a constant: what it does could change unseen.
    """
    digest = hashlib.sha256()
    waiting, seen = [function], {function}
    while waiting:
        here = waiting.pop()
        code: CodeType = here.__code__
        scope = here.__globals__
        parts = (code.co_name, code.co_code, code.co_consts, code.co_names, code.co_varnames)
        digest.update(repr((parts, here.__dict__.get("compiled_with"))).encode())
        enclosed = zip(code.co_freevars, (cell.cell_contents for cell in here.__closure__ or ()), strict=True)
        for name, value in (*((name, scope[name]) for name in code.co_names if name in scope), *enclosed):
            callee = inner(value)
            if callee is None and (_is_constant(value) or _loads(code, name)):
                digest.update(f"{name}={_constant(here, name, value)}".encode())
            elif callee is not None and callee not in seen:
                seen.add(callee)
                waiting.append(callee)
    return digest.hexdigest()


def _loads(code: CodeType, name: str) -> bool:
    """Whether code reads a variable of that name from around it, and not just an attribute or a field."""
    return any(i.opname in ("LOAD_GLOBAL", "LOAD_DEREF") and i.argval == name for i in dis.get_instructions(code))


def _is_constant(value: Any) -> bool:
    if isinstance(value, (ModuleType, BuiltinFunctionType, FunctionType, type)):
        return not str(getattr(value, "__module__", "")).startswith("flexloop")
    return value is None or isinstance(value, (bool, int, float, str, tuple, np.generic, np.ndarray))


def _constant(function: Callable[..., Any], name: str, value: Any) -> str:
    if not _is_constant(value):
        raise TypeError(f"{function.__name__} reads {name}, which is neither a kernel nor a constant: {value!r}")
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{value.shape}{value.tobytes().hex()}"
    if isinstance(value, (ModuleType, BuiltinFunctionType, FunctionType, type)):
        return f"{getattr(value, '__module__', '')}.{value.__name__}"
    return repr(value)


def file_of(function: Callable[..., Any], made_of: str, types: object, target: object) -> Path | None:
    """The file of a kernel for these types and this processor, or None where there is no home folder."""
    import numba

    versions = (_compiler(), sys.version_info[:3], numba.__version__, np.__version__)
    name = hashlib.sha256(repr((made_of, types, target, versions)).encode()).hexdigest()[:20]
    try:
        return folder() / f"{function.__name__.strip('_')}-{name}.bin"
    except RuntimeError:
        return None


@lru_cache(maxsize=1)
def _compiler() -> str:
    """A hash of the code that compiles: machine code made in another way must not be mixed with what it makes."""
    here = Path(__file__)
    return hashlib.sha256(here.read_bytes() + here.with_name("calltrees.py").read_bytes()).hexdigest()


def is_writable() -> bool:
    """Whether machine code can be kept, so that other processes may use it."""
    try:
        folder().mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return False
    return os.access(folder(), os.W_OK)


def read(file: Path) -> Any:
    """What a file holds; None where it cannot be read, or not whole."""
    try:
        return pickle.loads(file.read_bytes())  # noqa: S301 - this user's own cache, as numba's own is
    except Exception:
        return None


def write(file: Path, data: bytes) -> None:
    """Write a file whole or not at all; where the folder cannot be written, machine code lives in memory alone."""
    part = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        part.replace(file)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


@contextmanager
def claimed(file: Path, *, wait: bool) -> Iterator[bool]:
    """Claim the making of a file while others may want to make it too.

    Yields whether this process is to make it: False where another one is at it (or, with ``wait``, has been). A claim
    ends with its process, however that ends. Where claims are not possible, every process makes its own.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(file.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        yield True
        return
    try:
        got, waited = _lock(handle, wait=wait)
        yield got and not (waited and file.exists())
    finally:
        os.close(handle)


def _lock(handle: int, *, wait: bool) -> tuple[bool, bool]:
    """Whether the lock was taken, or need not be, and whether that took waiting."""
    if fcntl is None:
        return True, False
    deadline = time.monotonic() + MAX_WAIT_S
    waited = False
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not wait:
                return False, False
            if time.monotonic() > deadline:
                return True, True
        except OSError:  # a file system without locks
            return True, False
        else:
            return True, waited
        waited = True
        time.sleep(0.05)
