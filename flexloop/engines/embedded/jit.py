"""Compilation of the numeric kernels, cached on disk.

numba notices when the file of a compiled function changes, but not when a function that it calls does. The cache of a
kernel therefore lies in a folder named after the content of all kernels that it may call: a stale one is never read.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numba

_Function = TypeVar("_Function", bound=Callable[..., Any])

_config: Any = numba.config

_RULES = Path(__file__).parent / "rules"


def compiled(signature: Any) -> Callable[[_Function], _Function]:
    """Compile a function for one signature, without the GIL and with IEEE arithmetic; numba's types say which.

    The machine code is kept in ``NUMBA_CACHE_DIR`` if that is set, else in the user's cache folder.
    """

    def decorate(function: _Function) -> _Function:
        folder = Path(function.__code__.co_filename).parent
        before = _config.CACHE_DIR
        _config.CACHE_DIR = before or str(_cache_folder(folder))
        try:
            built: _Function = numba.njit(signature, cache=True, nogil=True)(function)
        finally:
            _config.CACHE_DIR = before
        return built

    return decorate


@lru_cache(maxsize=8)
def _cache_folder(folder: Path) -> Path:
    digest = hashlib.sha256()
    for file in sorted({*_RULES.glob("*.py"), *folder.glob("*.py")}):
        digest.update(file.read_bytes())
    home = os.environ.get("XDG_CACHE_HOME")
    base = Path(home) if home else Path.home() / ".cache"
    return base / "flexloop" / "numba" / digest.hexdigest()[:16]
