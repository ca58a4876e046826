"""A second process that compiles kernels while this one goes on; see `flexloop.embedded.mapper.prepare`."""

from __future__ import annotations

import atexit
import subprocess
import sys
from functools import lru_cache
from multiprocessing import parent_process
from pathlib import Path

from flexloop.cores import available_cores
from flexloop.embedded import kernelcache


def begin_at_first_use() -> None:
    """Have the kernels compiled that every search needs, if none is on disk yet: this process has much to import."""
    try:
        if next(kernelcache.folder().glob("*.bin"), None) is None:
            helper("always")
    except (OSError, RuntimeError):
        return


@lru_cache(maxsize=8)
def helper(which: str) -> subprocess.Popen[bytes] | None:
    """The process that compiles some kernels, started if it is not; it ends with this one, and keeps what is done.

    None where this process is a worker's sibling, or there is nothing to share by.

    Args:
        which: see `flexloop.embedded.mapper.prepare.help_compile`.
    """
    if parent_process() is not None or available_cores() < 2 or not kernelcache.is_writable() or not sys.executable:
        return None
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); "
        f"from flexloop.embedded.mapper.prepare import help_compile; help_compile({which!r})"
    )
    home = str(Path(__file__).parents[2])
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", code, home], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
    except OSError:
        return None
    atexit.register(process.terminate)
    return process
