"""The shapes that ONNX Runtime's own operators make.

ONNX infers the shapes of the standard's operators alone. Here each has the rule of the standard operator that it is
like, or one of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flexloop.importers.onnx import attention, products
from flexloop.importers.onnx.elementwise import MICROSOFT, SHAPED_AS_INPUT, STANDARD_LOOKING
from flexloop.importers.onnx.values import Operands
from flexloop.importers.operators import Shape, Unfit

Outputs = Callable[[Operands], Sequence[Shape]]


def like(name: str, *inputs: int) -> Outputs:
    """The rule of a standard operator, on the inputs of the given indices."""

    def outputs(node: Operands) -> Sequence[Shape]:
        return [_standard_output(name, [node.shape(index) for index in inputs], node.attributes)]

    return outputs


def _standard_output(name: str, shapes: Sequence[Shape], attributes: Mapping[str, Any]) -> Shape:
    from onnx import TensorProto, checker, defs, helper, shape_inference

    schema = defs.get_schema(name, 17)
    kept = {key: value for key, value in attributes.items() if key in schema.attributes}
    node = helper.make_node(name, [str(i) for i in range(len(shapes))], ["out"], **kept)
    types = {str(i): helper.make_tensor_type_proto(TensorProto.FLOAT, shape) for i, shape in enumerate(shapes)}
    try:
        made = shape_inference.infer_node_outputs(schema, node, types)["out"]
    except (shape_inference.InferenceError, checker.ValidationError) as error:
        raise Unfit(f"its inputs do not fit: {error}") from error
    return tuple(dim.dim_value for dim in made.tensor_type.shape.dim)


def _product(node: Operands) -> Sequence[Shape]:
    return [_standard_output("MatMul", products.transposed_operands(node, 0, 1), {})]


def _concatenated(node: Operands) -> Sequence[Shape]:
    parts = [node.shape(index) for index in range(2, len(node.shapes), 3)]
    return [_standard_output("Concat", parts, node.attributes)]


def _packed(node: Operands) -> Sequence[Shape]:
    return [(*node.shape(0)[:-1], node.number("N"))]


def _split(node: Operands) -> Sequence[Shape]:
    *rows, width = node.shape(0)
    return [(*rows, width // 2)]


def _embedded(node: Operands) -> Sequence[Shape]:
    tokens, width = node.shape(0), node.shape(2)[1]
    return [(*tokens, width), tokens[:1], (*tokens, width)]


def _pooled(node: Operands) -> Sequence[Shape]:
    batch, *_, last = shape = node.shape(0)
    ones = (1,) * (len(shape) - 2)
    return [(batch, *ones, last) if node.number("channels_last") else (*shape[:2], *ones)]


def _skipping(node: Operands) -> Sequence[Shape]:
    """Output, two statistics that nothing reads, and the sum before the normalisation."""
    shape = node.shape(0)
    return [shape, (*shape[:-1], 1), (*shape[:-1], 1), shape]


def _attended(geometry: Callable[[Operands], attention.Heads]) -> Outputs:
    return lambda node: geometry(node).outputs


def _projected(past: int) -> Outputs:
    def outputs(node: Operands) -> Sequence[Shape]:
        context, keys, _ = attention.projected(past)(node).outputs
        return [context, (2, *keys)]

    return outputs


_OUTPUTS: dict[str, Outputs] = {
    **dict.fromkeys(SHAPED_AS_INPUT, like("Identity", 0)),
    "SkipLayerNormalization": _skipping,
    "SkipSimplifiedLayerNormalization": _skipping,
    "EmbedLayerNormalization": _embedded,
    "BiasSplitGelu": _split,
    "QLinearAdd": like("Add", 0, 3),
    "QLinearMul": like("Mul", 0, 3),
    "QLinearAveragePool": like("AveragePool", 0),
    "QLinearConcat": _concatenated,
    "QLinearGlobalAveragePool": _pooled,
    "FusedConv": like("Conv", 0, 1),
    "QLinearConv": like("Conv", 0, 3),
    "FusedGemm": like("Gemm", 0, 1),
    "GemmFastGelu": _product,
    "QGemm": like("Gemm", 0, 3),
    "FusedMatMul": _product,
    "TransposeMatMul": _product,
    "DynamicQuantizeMatMul": _product,
    "MatMulIntegerToFloat": _product,
    "MatMulNBits": _packed,
    "MatMulBnb4": _packed,
    "Attention": _projected(past=4),
    "QAttention": _projected(past=8),
    "MultiHeadAttention": _attended(attention.multihead),
    "GroupQueryAttention": _attended(attention.grouped),
}

OUTPUTS = (
    {f"{MICROSOFT}.{name}": rule for name, rule in _OUTPUTS.items()}
    | {name: _OUTPUTS[name] for name in STANDARD_LOOKING}
    | {"Einsum": products.einsum_outputs}
    | dict.fromkeys(("GroupNormalization", "MeanVarianceNormalization"), like("Identity", 0))
)
"""The shapes of the outputs of ONNX Runtime's operators, and of the standard's where ONNX has no safe rule, by kind."""
