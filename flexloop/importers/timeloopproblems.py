"""Layers from Timeloop's problem files: a folder of them, or some by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from flexloop.embedded.problem import Problem, read_problem
from flexloop.errors import SpecError, UnsupportedError
from flexloop.timeloop.inputs import read_inputs
from flexloop.workloads.layers import DIMENSIONS

CONVOLUTION = {"K": "M", "H": "Q", "W": "P"}
"""Names of dimensions in use for those of the canonical layer."""

STEPS = {"Wstride": "P", "Hstride": "Q", "Wdilation": "R", "Hdilation": "S"}
"""The canonical layer's steps, each the coefficient of a dimension in the ranks of the inputs."""


def problem_layers(files: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """One layer a file.

    Raises:
        SpecError: for a file that holds no problem, or a malformed one.
        UnsupportedError: for a problem that is no layer of the canonical shape, by the name that does not fit.
    """
    for file in files:
        config = read_inputs([file]).config
        if "problem" not in config:
            raise SpecError(f"{file}: holds no problem; its top-level key is `problem`")
        try:
            problem = read_problem(config["problem"])
        except (SpecError, UnsupportedError) as error:
            raise type(error)(f"{file}: {error}") from error
        yield {"name": file.stem, **_fields(problem, str(file))}


def _fields(problem: Problem, where: str) -> dict[str, Any]:
    names = {d: _canonical(d, problem) for d in problem.dimensions}
    for given, name in names.items():
        if name not in DIMENSIONS or list(names.values()).count(name) > 1:
            raise UnsupportedError(
                f"{where}: dimension {given} is none of a layer's ({', '.join(DIMENSIONS)}); `flexloop mapper` takes "
                "the file as it is"
            )
    fields: dict[str, Any] = {names[d]: bound for d, bound in problem.bounds.items()}
    reads = [space for space in problem.data_spaces if not space.read_write]
    steps = {names[d]: c for space in reads for rank in space.projection if len(rank) > 1 for d, c in rank}
    return fields | {step: steps[d] for step, d in STEPS.items() if steps.get(d, 1) > 1}


def _canonical(dimension: str, problem: Problem) -> str:
    """The canonical name of a dimension: K is the filters of a convolution, the inner dimension of a matrix product."""
    if "K" in problem.dimensions and not {"R", "S", "P", "Q"} & set(problem.dimensions):
        return {"M": "P", "N": "M", "K": "C"}.get(dimension, dimension)
    return CONVOLUTION.get(dimension, dimension)
