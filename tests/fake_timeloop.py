"""Stand-ins for Timeloop's programs: shell scripts that answer as Timeloop does, from stored reports."""

from __future__ import annotations

from pathlib import Path

DATA = Path(__file__).parent / "data" / "timeloop"
REPORT = f"cp {DATA}/timeloop-model.stats.txt"
ANSWER = f"cp {DATA}/timeloop-mapper.stats.txt {DATA}/timeloop-mapper.map.yaml ."
"""What the mapper does when it has found a mapping."""

NOTHING = ": > timeloop-mapper.stats.txt; : > timeloop-mapper.map.yaml; echo 'MESSAGE: no valid mappings found'"
"""What it does when it has found none; its exit status is 0 all the same."""


def install(folder: Path, *, model: str = "exit 0", mapper: str = "exit 0") -> Path:
    """Write the two programs, given as shell code, into a folder that can be put on PATH."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, code in (("timeloop-model", model), ("timeloop-mapper", mapper)):
        program = folder / name
        program.write_text(f"#!/bin/sh\n{code}\n")
        program.chmod(0o755)
    return folder
