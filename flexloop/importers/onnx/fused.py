"""The shapes that ONNX Runtime's own operators make.

ONNX infers the shapes of the standard's operators alone. Here these are added while a model is read, each by the
standard operator whose shapes it has, or by a rule of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from flexloop.errors import SpecError
from flexloop.importers.onnx import attention, products
from flexloop.importers.onnx.elementwise import MICROSOFT, SHAPED_AS_INPUT, STANDARD_LOOKING
from flexloop.importers.onnx.values import Operands, shape_of
from flexloop.importers.operators import Shape, Unfit

if TYPE_CHECKING:
    from onnx.shape_inference import InferenceContext

Outputs = Callable[[Operands], Sequence[Shape]]

_ATTRIBUTES = (
    "K",
    "N",
    "auto_pad",
    "axis",
    "ceil_mode",
    "channels_last",
    "count_include_pad",
    "dilations",
    "group",
    "k_blocks",
    "kernel_shape",
    "kv_num_heads",
    "num_heads",
    "pads",
    "perm",
    "qkv_hidden_sizes",
    "strides",
    "transA",
    "transB",
    "transBatchA",
    "transBatchB",
)
"""Attributes that the rules below ask for."""


def like(name: str, *inputs: int) -> Outputs:
    """The rule of a standard operator, on the inputs of the given indices."""

    def outputs(node: Operands) -> Sequence[Shape]:
        return [_standard_output(name, [node.shape(index) for index in inputs], node.attributes)]

    return outputs


def _standard_output(name: str, shapes: Sequence[Shape], attributes: Any) -> Shape:
    from onnx import TensorProto, defs, helper, shape_inference

    schema = defs.get_schema(name, 17)
    kept = {key: value for key, value in attributes.items() if key in schema.attributes}
    node = helper.make_node(name, [str(i) for i in range(len(shapes))], ["out"], **kept)
    types = {str(i): helper.make_tensor_type_proto(TensorProto.FLOAT, shape) for i, shape in enumerate(shapes)}
    made = shape_inference.infer_node_outputs(schema, node, types)["out"]
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


OUTPUTS: dict[str, Outputs] = {
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
"""The shapes of the outputs of ONNX Runtime's operators."""


@contextmanager
def known_to_onnx() -> Iterator[None]:
    """While the context lasts, ONNX infers the shapes of these operators too."""
    from onnx import defs

    names = [*((name, MICROSOFT) for name in OUTPUTS), *((name, "") for name in STANDARD_LOOKING)]
    added = [(name, domain) for name, domain in names if not defs.has(name, domain)]
    try:
        for name, domain in added:
            defs.register_schema(_schema(name, domain))
        yield
    finally:
        for name, domain in added:
            if defs.has(name, domain):
                defs.deregister_schema(name, 1, domain)


def _schema(name: str, domain: str) -> Any:
    from onnx.defs import OpSchema

    def parameter(kind: str) -> Any:
        return OpSchema.FormalParameter(
            kind, kind, param_option=OpSchema.FormalParameterOption.Variadic, is_homogeneous=False, min_arity=0
        )

    every = [(kind, ["tensor(float)"], "") for kind in "IO"]  # types are not checked
    schema = OpSchema(name, domain, 1, inputs=[parameter("I")], outputs=[parameter("O")], type_constraints=every)
    schema.set_type_and_shape_inference_function(_inferring(OUTPUTS[name]))
    return schema


def _operands(context: InferenceContext) -> Operands:
    from onnx import helper

    found = {name: context.get_attribute(name) for name in _ATTRIBUTES}
    attributes = {name: helper.get_attribute_value(value) for name, value in found.items() if value is not None}
    types = (context.get_input_type(index) for index in range(context.get_num_inputs()))
    return Operands(attributes, [None if each is None else shape_of(each) or "unknown" for each in types])


def _inferring(outputs: Outputs) -> Callable[[InferenceContext], None]:
    def infer(context: InferenceContext) -> None:
        from onnx import helper

        try:
            shapes = outputs(_operands(context))
        except (SpecError, Unfit, ValueError, LookupError, ArithmeticError):
            return  # what is wrong is said where layers are made
        first = context.get_input_type(0)
        assert first is not None
        for index, shape in zip(range(context.get_num_outputs()), shapes, strict=False):
            context.set_output_type(index, helper.make_tensor_type_proto(first.tensor_type.elem_type, shape))

    return infer
