"""ONNX files: read with a sentence for each that is none, and the sizes of their open dimensions put in place."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flexloop.errors import FlexloopError, SpecError, UnknownNameError
from flexloop.workloads.parameters import MAX_PARAMETER, checked_parameters, evaluate

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto

_NAME = re.compile(r"[A-Za-z_]\w*")


def read_model(path: Path) -> ModelProto:
    """The model of a file, its local functions put in the place of their calls; weights in other files stay there.

    Raises:
        FlexloopError: if the package ``onnx`` is not installed.
        SpecError: if the file is no ONNX model.
    """
    try:
        import onnx
        import onnx.inliner
        from google.protobuf.message import DecodeError
    except ImportError as error:
        raise FlexloopError(
            f"{path}: reading ONNX models needs the package onnx: pip install 'flexloop[onnx]'"
        ) from error
    try:
        with path.open("rb") as file:
            start = file.read(40)
        if not start:
            raise SpecError(f"{path}: is empty; was the export or the download cut off? Make or fetch it again")
        if start.startswith(b"version https://git-lfs"):
            raise SpecError(f"{path}: is the pointer of a file in Git LFS; `git lfs pull` fetches the model itself")
        model = onnx.load(str(path), load_external_data=False)
    except (DecodeError, OSError) as error:
        raise SpecError(f"{path}: cannot be read as an ONNX model: {error}") from error
    return onnx.inliner.inline_local_functions(model) if model.functions else model


def set_sizes(graph: GraphProto, sizes: Mapping[str, int], path: Path) -> tuple[dict[str, int], list[str]]:
    """Put the given sizes in the place of open dimensions, everywhere in the graph.

    A nameless open dimension of an input is called ``<input>_<axis>``. One that is written as an expression of others,
    such as ``past_sequence_length + 1``, follows from them.

    Returns:
        The sizes given, and the names of those that are still open.

    Raises:
        UnknownNameError: for a size of no open dimension.
        SpecError: for a size that is none.
    """
    initialised = {tensor.name for tensor in graph.initializer}
    symbols: dict[str, None] = {}
    for value in graph.input:
        if value.name in initialised:
            continue
        for axis, dim in enumerate(value.type.tensor_type.shape.dim):
            if dim.dim_value < 1:
                dim.dim_param = dim.dim_param or f"{value.name}_{axis}"
                symbols[dim.dim_param] = None
    names = [symbol for symbol in symbols if _NAME.fullmatch(symbol)]
    own = [symbol for symbol in symbols if _value(symbol, dict.fromkeys(names, 1)) is None or symbol in names]
    given = checked_parameters(sizes, own, str(path))
    for dim in _dimensions(graph):
        size = _value(dim.dim_param, given) if dim.dim_param not in given else given[dim.dim_param]
        if size is not None and 0 < size <= MAX_PARAMETER:
            dim.dim_value = size
    return given, [symbol for symbol in own if symbol not in given]


def hint(names: Sequence[str]) -> str:
    """How open dimensions are given sizes."""
    return " ".join("--param " + shlex.quote(f"{name}=1") for name in names)


def _dimensions(graph: GraphProto) -> Iterator[Any]:
    for value in (*graph.input, *graph.value_info, *graph.output):
        yield from value.type.tensor_type.shape.dim


def _value(expression: str, names: Mapping[str, int]) -> int | None:
    try:
        return evaluate(expression, names)
    except (SpecError, UnknownNameError):
        return None
