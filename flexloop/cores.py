"""How many processes a study starts on this machine."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

CGROUP_LIMIT = Path("/sys/fs/cgroup/cpu.max")
"""Where Linux says how much processor time a container gets, as ``quota period`` or ``max period``."""


def available_cores(limit: Path = CGROUP_LIMIT) -> int:
    """Cores that this process may use: those that it is bound to, and no more than its container's share."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = limit.read_text().split()
        return max(1, min(bound, int(quota) // int(period)))
    except (OSError, ValueError):
        return bound


def processes(jobs: int, threads: int, cores: int) -> int:
    """Number of processes, so that searches of several threads each do not ask for more cores than there are.

    Args:
        jobs: processes that were asked for; 0 takes as many as the cores allow.
        threads: of one search.
        cores: of this machine.
    """
    fitting = max(1, cores // threads)
    if jobs == 0:
        return fitting
    if threads > 1 and jobs > fitting:
        warnings.warn(
            f"--jobs {jobs} with --threads {threads} needs {jobs * threads} cores and there are {cores}; "
            f"running {fitting} at once",
            stacklevel=2,
        )
        return fitting
    return jobs
