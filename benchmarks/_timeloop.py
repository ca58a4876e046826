"""How fast the real ``timeloop-mapper`` is on this machine, for the benchmarks that print ratios against it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

MODEL, MAPPER = "timeloop-model", "timeloop-mapper"
SPECS = Path(__file__).resolve().parent.parent / "tests" / "golden" / "specs"
"""Golden cases: ``<case>/{arch,problem,ert}.yaml``, as Timeloop read them."""

TRIAL = 500
"""Valid mappings that show about how fast a case is."""

_SETTINGS = """\
mapper:
  optimization_metrics: [edp]
  algorithm: random_pruned
  num_threads: 1
  timeout: 1000000
  victory_condition: 0
  search_size: {search_size}
  sync_interval: 0
  live_status: false
  log_stats: {log_stats}
"""


@dataclass(frozen=True)
class Throughput:
    """Speed of one thread of ``timeloop-mapper`` on an unconstrained mapspace, start-up left out.

    Attributes:
        valid: valid mappings, which it evaluates in full.
        examined: mappings drawn, invalid ones (over capacity or fanout) among them.
        seconds: CPU time that these took.
    """

    valid: int
    examined: int
    seconds: float

    @property
    def valid_per_second(self) -> float:
        """Valid mappings evaluated a second."""
        return self.valid / self.seconds

    @property
    def examined_per_second(self) -> float:
        """Mappings drawn a second, valid or not."""
        return self.examined / self.seconds

    def __str__(self) -> str:
        """One line for a benchmark's output."""
        return (
            f"{MAPPER}, one thread: {self.valid_per_second:,.0f} valid mappings/s "
            f"({self.examined_per_second:,.0f} drawn/s; {self.valid:,} valid in {self.seconds:.2f} CPU s)"
        )


def missing() -> str | None:
    """Why there is nothing to compare with: which of Timeloop's programs are not on PATH; None if both are."""
    absent = [program for program in (MODEL, MAPPER) if shutil.which(program) is None]
    return f"{' and '.join(absent)} not on PATH: no comparison with Timeloop" if absent else None


def mapper_throughput(
    case: str = "base-conv3x3", valid: int = 10_000, seconds: float = 20.0, repeats: int = 2
) -> Throughput:
    """Measure one thread of ``timeloop-mapper``: the least CPU time of several runs, less that of starting up.

    Few valid mappings tell little: at first it comes upon them faster than later, on base-conv3x3 by a half.

    Args:
        case: a golden case, searched without constraints for EDP by random sampling.
        valid: valid mappings a run looks at.
        seconds: of CPU time that a run may take; it looks at fewer mappings where these would take more.
        repeats: runs, of which the fastest counts.

    Raises:
        RuntimeError: if the program is not on PATH or fails.
    """
    if (reason := missing()) is not None:
        raise RuntimeError(reason)
    start_up = min(_cpu_seconds(case, 1) for _ in range(repeats))
    trial = _cpu_seconds(case, TRIAL + 1) - start_up
    if trial > 0:
        valid = min(valid, max(TRIAL, int(TRIAL * seconds / trial)))
    searched = min(_cpu_seconds(case, valid + 1) for _ in range(repeats))
    return Throughput(valid, _drawn(case, valid + 1) - _drawn(case, 1), searched - start_up)


def _cpu_seconds(case: str, search_size: int) -> float:
    """User and system time of one run."""
    before = os.times()
    with tempfile.TemporaryDirectory() as folder:
        _run(case, search_size, Path(folder), log_stats=False)
    after = os.times()
    return (after.children_user - before.children_user) + (after.children_system - before.children_system)


def _drawn(case: str, search_size: int) -> int:
    """Mappings drawn until a number of valid ones was found; random sampling draws the same ones in every run."""
    with tempfile.TemporaryDirectory() as folder:
        log = _run(case, search_size, Path(folder), log_stats=True)
    # "[thread] INVALID <drawn so far> <valid so far> <invalid since the last valid one>" follows each valid mapping
    return max(int(line.split()[2]) for line in log.splitlines() if line.split()[1:2] == ["INVALID"])


def _run(case: str, search_size: int, folder: Path, *, log_stats: bool) -> str:
    """Run the mapper; return its log."""
    settings = folder / "mapper.yaml"
    settings.write_text(_SETTINGS.format(search_size=search_size, log_stats=str(log_stats).lower()), encoding="utf-8")
    files = [SPECS / case / f"{name}.yaml" for name in ("arch", "problem", "ert")]
    result = subprocess.run(
        [MAPPER, *map(str, files), str(settings)],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if result.returncode != 0:
        raise RuntimeError(
            f"{MAPPER} failed on {case} (exit status {result.returncode}): {result.stderr[-500:].strip()}"
        )
    return result.stderr


if __name__ == "__main__":
    print(missing() or mapper_throughput())
