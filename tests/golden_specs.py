"""Mapspaces over the golden architectures and problems."""

from __future__ import annotations

from pathlib import Path

from flexloop.embedded.mapper import Space
from flexloop.embedded.spec import read_spec
from flexloop.timeloop.constraints import Constraints, DataspaceConstraint, LoopConstraint
from flexloop.timeloop.inputs import read_inputs

SPECS = Path(__file__).parent / "golden" / "specs"


def golden_files(case: str) -> list[Path]:
    """Architecture, problem and ERT of a case."""
    return [SPECS / case / f"{name}.yaml" for name in ("arch", "problem", "ert")]


def golden_space(
    case: str, keep: tuple[str, ...] = ("Spad", "GlobalBuffer", "DRAM"), loops: tuple[LoopConstraint, ...] = ()
) -> Space:
    """A case's mapspace; the levels named keep everything, bypass is free at the others."""
    files = read_inputs(golden_files(case)).config
    spec = read_spec(files["architecture"], files["problem"], files["ERT"])
    dataspaces = tuple(DataspaceConstraint(level, spec.data_space_names) for level in keep)
    bounds = {d: (bound,) for d, bound in spec.problem.bounds.items()}
    return Space(spec, bounds, Constraints(loops, dataspaces))
