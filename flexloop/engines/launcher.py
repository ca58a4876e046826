"""How Timeloop's programs are found and started."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from flexloop.engines.base import EngineInfo
from flexloop.engines.process import Finished, run_program
from flexloop.errors import EngineError

MODEL, MAPPER = "timeloop-model", "timeloop-mapper"

DROP_IN = "served by flexloop"
"""What stands in the first lines of a script that serves Timeloop's commands with flexloop's own model."""


@dataclass(frozen=True)
class Job:
    """One start of a program.

    Attributes:
        program: MODEL or MAPPER.
        files: names of its input files in the folder.
        folder: its working directory, which takes its output too.
        label: which cell it is for.
        threads: that it uses.
        timeout_s: seconds it may run, or None.
        arguments: that stand before the files.
    """

    program: str
    files: Sequence[str]
    folder: Path
    label: str
    threads: int = 1
    timeout_s: float | None = None
    arguments: tuple[str, ...] = ()

    @property
    def command(self) -> list[str]:
        """Program, arguments and files."""
        return [self.program, *self.arguments, *self.files]

    @property
    def log(self) -> Path:
        """The file that takes the program's standard output and error."""
        return self.folder / f"{self.program}.log"


class Launcher(Protocol):
    """Where Timeloop's programs are and how they are started."""

    def info(self) -> EngineInfo:
        """Name and version; EngineError with the way out where the programs cannot be started."""
        ...

    def provides(self, program: str) -> bool:
        """Whether a further program is there too."""
        ...

    def run(self, job: Job) -> Finished:
        """Start a program and wait for it; EngineError where it does not start."""
        ...


class PathLauncher:
    """Timeloop's programs on PATH."""

    def info(self) -> EngineInfo:
        """Where the programs are; their version is a digest, for they have no version of their own."""
        paths = {program: shutil.which(program) for program in (MODEL, MAPPER)}
        absent = [program for program, path in paths.items() if path is None]
        if absent:
            raise EngineError(
                f"{' and '.join(absent)} not found on PATH; build Timeloop (github.com/NVlabs/timeloop), or use "
                "--engine container or --engine embedded; `flexloop doctor` says what works here"
            )
        found = tuple(Path(path) for path in paths.values() if path is not None)
        return EngineInfo("timeloop", _version(found), str(found[0].parent))

    def provides(self, program: str) -> bool:
        """Whether a further program is on PATH."""
        return shutil.which(program) is not None

    def run(self, job: Job) -> Finished:
        """Start a program and wait for it."""
        return run_program(job.command, job.folder, job.log, job.timeout_s)


@lru_cache(maxsize=8)
def _version(programs: tuple[Path, ...]) -> str:
    digest = hashlib.sha256()
    for program in programs:
        content = program.read_bytes()
        if DROP_IN.encode() in content[:256]:
            raise EngineError(f"{program} is flexloop's own drop-in, not Timeloop; use --engine embedded")
        digest.update(content)
    return f"sha256:{digest.hexdigest()[:12]}"
