"""Shapes of all values of a model: ONNX's inference, with ONNX Runtime's operators and the states of loops."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from flexloop.errors import SpecError
from flexloop.importers.onnx.fused import known_to_onnx

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, TypeProto

_DEPTH = 8
"""Loops inside loops whose states' shapes are followed."""


def inferred(model: ModelProto, path: Path) -> ModelProto:
    """The model with the shapes of its values.

    A loop's states are taken to keep the shape that they begin with: each step is like the first.

    Raises:
        SpecError: if ONNX finds an operator that contradicts itself.
    """
    from onnx import shape_inference

    try:
        with known_to_onnx():
            model = shape_inference.infer_shapes(model, data_prop=True)
            for _ in range(_DEPTH):
                if not _begin_loops(model.graph, {}):
                    break
                model = shape_inference.infer_shapes(model, data_prop=True)
    except (shape_inference.InferenceError, ValueError, RuntimeError) as error:
        raise SpecError(f"{path}: ONNX cannot infer the shapes of its values: {error}") from error
    return model


def _begin_loops(graph: GraphProto, around: Mapping[str, TypeProto]) -> bool:
    """Give the states in loops' bodies the shapes that they begin with; whether there were any without."""
    from onnx import helper

    types = {**around, **{value.name: value.type for value in (*graph.input, *graph.value_info, *graph.output)}}
    for tensor in graph.initializer:
        types[tensor.name] = helper.make_tensor_type_proto(tensor.data_type, tuple(tensor.dims))
    changed = False
    for node in graph.node:
        for attribute in node.attribute:
            body = attribute.g
            if not attribute.HasField("g"):
                continue
            if node.op_type == "Loop":
                for inside, outside in zip(body.input[2:], node.input[2:], strict=False):
                    first = types.get(outside)
                    if first is not None and _has_shape(first) and not _has_shape(inside.type):
                        inside.type.CopyFrom(first)
                        changed = True
            changed |= _begin_loops(body, types)
    return changed


def _has_shape(kind: TypeProto) -> bool:
    return bool(kind.tensor_type.HasField("shape"))
