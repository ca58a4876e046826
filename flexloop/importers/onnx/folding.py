"""Small values that follow from shapes alone, as exporters compute them in the graph, by ONNX's reference."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING

from flexloop.importers.onnx.values import Operator

if TYPE_CHECKING:
    import numpy as np
    from onnx import NodeProto, TensorProto

MOST = 2**16
"""Elements of the largest value that is carried along."""

FOLDED = frozenset(
    {
        *(
            "Abs",
            "Add",
            "And",
            "Cast",
            "Ceil",
            "Compress",
            "Concat",
            "Constant",
            "ConstantOfShape",
            "CumSum",
            "Div",
            "Equal",
        ),
        *("Expand", "Flatten", "Floor", "Gather", "GatherElements", "GatherND", "Greater", "GreaterOrEqual"),
        *("Identity", "Less", "LessOrEqual", "Max", "Min", "Mod", "Mul", "Neg", "NonZero", "Not", "Or", "Pow", "Range"),
        *("ReduceMax", "ReduceMin", "ReduceProd", "ReduceSum", "Reshape", "Round", "ScatterElements", "ScatterND"),
        *("Sign", "Slice", "Split", "Sqrt", "Squeeze", "Sub", "Tile", "Transpose", "Unsqueeze", "Where", "Xor"),
    }
)
"""Operators that shapes are computed with."""

_UNFORESEEN = ("NonZero", "Compress")
"""Those whose outputs have extents that their values decide; no output has more elements than the inputs and axes."""


def value_of(tensor: TensorProto) -> np.ndarray | None:
    """The value of a parameter; None where it is large, or lies in another file."""
    from onnx import numpy_helper

    if prod(tensor.dims) > MOST or tensor.external_data:
        return None
    try:
        return numpy_helper.to_array(tensor)
    except (ValueError, TypeError):
        return None


def folded(node: NodeProto, seen: Operator, data: Mapping[str, np.ndarray], version: int) -> list[np.ndarray] | None:
    """The values of a node's outputs; None where they are not known, or not small.

    Args:
        node: the node.
        seen: the view of it; the shapes of its outputs among its values.
        data: values that are known.
        version: of the standard's operators.
    """
    import numpy as np

    if seen.kind in ("Shape", "Size") and isinstance(seen.shapes[0], tuple):
        shape = np.array(seen.shapes[0], dtype=np.int64)
        return [np.array(shape.prod()) if seen.kind == "Size" else shape[_part(seen)]]
    if seen.kind not in FOLDED or not all(name in data for name in node.input if name):
        return None
    shapes = [seen.values.shapes.get(name) for name in node.output]
    if seen.kind not in _UNFORESEEN and not all(isinstance(each, tuple) and prod(each) <= MOST for each in shapes):
        return None
    return _evaluated(node, {name: data[name] for name in node.input if name}, version)


def _part(seen: Operator) -> slice:
    end = seen.attributes.get("end")
    return slice(seen.number("start"), None if end is None else int(end))


def _evaluated(node: NodeProto, inputs: Mapping[str, np.ndarray], version: int) -> list[np.ndarray] | None:
    import numpy as np
    from onnx import TensorProto, helper
    from onnx.reference import ReferenceEvaluator

    try:
        graph = helper.make_graph(
            [node],
            "node",
            [
                helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
                for name, value in inputs.items()
            ],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in node.output],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", version)])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values = ReferenceEvaluator(model).run(None, dict(inputs))
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RuntimeError, AssertionError):
        return None
    return [np.asarray(value) for value in values]
