"""Small ONNX models for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flexloop.networks import load_network
from flexloop.workloads.layers import Layer

onnx = pytest.importorskip("onnx", reason="the extra `onnx` is not installed")
from onnx import TensorProto, helper  # noqa: E402

FLOAT = TensorProto.FLOAT
Shape = Sequence[int | str | None]
MICROSOFT = "com.microsoft"
"""The domain of ONNX Runtime's operators."""


def tensor(name: str, shape: Sequence[int]) -> Any:
    """A parameter; its values do not matter."""
    return helper.make_tensor(name, FLOAT, shape, np.zeros(shape, np.float32).tobytes(), raw=True)


def model(
    nodes: Sequence[Any],
    inputs: Mapping[str, Shape],
    parameters: Mapping[str, Sequence[int]] | None = None,
    opset: int = 17,
    **extra: Any,
) -> Any:
    """A model whose output is the last node's first."""
    graph = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(nodes[-1].output[0], FLOAT, None)],
        [tensor(name, shape) for name, shape in (parameters or {}).items()],
    )
    versions = {"": opset, "local": 1, "com.example": 1, MICROSOFT: 1}
    opsets = [helper.make_opsetid(domain, version) for domain, version in versions.items()]
    return helper.make_model(graph, opset_imports=opsets, producer_name="test", **extra)


def save(
    folder: Path,
    nodes: Sequence[Any],
    inputs: Mapping[str, Shape],
    parameters: Mapping[str, Sequence[int]] | None = None,
    **extra: Any,
) -> Path:
    """Write such a model (see `model`)."""
    path = folder / "model.onnx"
    onnx.save(model(nodes, inputs, parameters, **extra), str(path))
    return path


def one(folder: Path, kind: str, shapes: Sequence[Shape | None], *, weights: str = "", **attributes: Any) -> Path:
    """A model of one operator on inputs a, b, c, ...; those named in ``weights`` are parameters, None is one left out.

    A relu follows, so that the operator's output has no shape but the inferred one.
    """
    domain, _, name = kind.rpartition(".")
    names = ["" if shape is None else "abcdefghij"[index] for index, shape in enumerate(shapes)]
    known: dict[str, Any] = {name: shape for name, shape in zip(names, shapes, strict=True) if name}
    inputs = {name: shape for name, shape in known.items() if name not in weights}
    parameters = {name: shape for name, shape in known.items() if name in weights}
    opset = attributes.pop("opset", 17)
    nodes = [
        helper.make_node(name, names, ["made"], domain=domain, name="node", **attributes),
        helper.make_node("Relu", ["made"], ["y"]),
    ]
    return save(folder, nodes, inputs, parameters, opset=opset)


def only_layer(path: Path, **sizes: int) -> Layer:
    """The one layer of a model."""
    (layer,) = load_network(path, **sizes).layers
    return layer


def dims(layer: Layer) -> dict[str, int]:
    """The bounds that are not 1."""
    return {d: b for d, b in layer.bounds.items() if b > 1}
