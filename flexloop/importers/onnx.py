"""Networks from ONNX models: convolutions and matrix products become layers, all other work is left out.

Needs the package ``onnx`` (``pip install 'flexloop[onnx]'``). Only shapes are read; weights may be absent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flexloop.errors import FlexloopError, SpecError, UnsupportedError
from flexloop.importers import operators
from flexloop.importers.names import clean, untaken
from flexloop.importers.operators import Shape
from flexloop.validation import validated
from flexloop.workloads.layers import Layer, Network
from flexloop.workloads.parameters import checked_parameters

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

OPERANDS = {
    "Conv": (0, 1),
    "ConvInteger": (0, 1),
    "QLinearConv": (0, 3),
    "Gemm": (0, 1),
    "MatMul": (0, 1),
    "MatMulInteger": (0, 1),
    "QLinearMatMul": (0, 3),
}
"""The operators that become layers, and which of their inputs are the two operands."""

REFUSED = frozenset(
    {
        "Attention",
        "CausalConvWithState",
        "ConvTranspose",
        "DeformConv",
        "Einsum",
        "GRU",
        "LinearAttention",
        "LSTM",
        "RNN",
    }
)
"""Operators whose multiplications are not modelled."""


def import_onnx(path: Path, sizes: Mapping[str, int] | None = None) -> Network:
    """Return the network of an ONNX model, with identical layers merged.

    Args:
        path: the model.
        sizes: values of the symbolic dimensions of its inputs, by name; an input's nameless open dimension is called
            ``<input>_<axis>``.

    Raises:
        FlexloopError: if the package ``onnx`` is not installed.
        UnknownNameError: if the model has no such symbolic dimension.
        SpecError: if the file is no ONNX model, holds no layer, or leaves the shape of one open.
        UnsupportedError: if it holds an operator whose work cannot be counted.
    """
    model = _load(path)
    _refuse_unmodelled(model.graph, path)
    given = _set_sizes(model.graph, sizes or {}, path)
    inferred = _infer(model)
    layers = tuple(_layers(inferred.graph, path))
    if not layers:
        raise SpecError(f"{path}: no layer found; these operators become layers: {', '.join(OPERANDS)}")
    network = {
        "name": clean(path.stem) or "onnx",
        "description": "imported from ONNX",
        "sources": (f"ONNX model {path.name}, written by {model.producer_name or 'an unknown tool'}",),
        "parameters": given,
        "layers": layers,
    }
    return validated(Network, network, path).unique()


def _load(path: Path) -> ModelProto:
    try:
        import onnx
        import onnx.inliner
        from google.protobuf.message import DecodeError
    except ImportError as error:
        raise FlexloopError(
            f"{path}: reading ONNX models needs the package onnx: pip install 'flexloop[onnx]'"
        ) from error
    try:
        model = onnx.load(str(path), load_external_data=False)
    except (DecodeError, OSError) as error:
        raise SpecError(f"{path}: cannot be read as an ONNX model: {error}") from error
    return onnx.inliner.inline_local_functions(model) if model.functions else model


def _infer(model: ModelProto) -> ModelProto:
    from onnx import shape_inference

    return shape_inference.infer_shapes(model, data_prop=True)


def _refuse_unmodelled(graph: GraphProto, path: Path, inside: str = "") -> None:
    """Refuse operators with multiplications that would be missed: unmodelled, unknown, or repeated by control flow."""
    for node in graph.node:
        where = f"{path}: node {node.name or node.output[0]!r}"
        if node.domain not in ("", "ai.onnx"):
            raise UnsupportedError(
                f"{where}: operator {node.domain}.{node.op_type} is not of the ONNX standard, so its work is unknown; "
                "export the model without fused or custom operators"
            )
        if node.op_type in REFUSED:
            raise UnsupportedError(
                f"{where}: operator {node.op_type} is not modelled; export the model so that it is made of "
                "Conv, Gemm and MatMul, or write its layers by hand"
            )
        if inside and node.op_type in OPERANDS:
            raise UnsupportedError(
                f"{where}: operator {node.op_type} lies inside {inside}, so how often it runs is unknown; unroll it"
            )
        for attribute in node.attribute:
            for body in (*attribute.graphs, *((attribute.g,) if attribute.HasField("g") else ())):
                _refuse_unmodelled(body, path, node.op_type)


def _set_sizes(graph: GraphProto, sizes: Mapping[str, int], path: Path) -> dict[str, int]:
    """Put the given sizes in the place of symbolic dimensions, everywhere in the graph."""
    initialised = {tensor.name for tensor in graph.initializer}
    symbols: dict[str, None] = {}
    for value in graph.input:
        if value.name in initialised:
            continue
        for axis, dim in enumerate(value.type.tensor_type.shape.dim):
            if dim.dim_value < 1:
                dim.dim_param = dim.dim_param or f"{value.name}_{axis}"
                symbols[dim.dim_param] = None
    given = checked_parameters(sizes, symbols, str(path))
    for value in (*graph.input, *graph.value_info, *graph.output):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param in given:
                dim.dim_value = given[dim.dim_param]
    return given


def _layers(graph: GraphProto, path: Path) -> Iterator[Layer]:
    shapes = _shapes(graph)
    constants = _constants(graph)
    taken: set[str] = set()
    for node in graph.node:
        if node.op_type not in OPERANDS or node.output[0] in constants:
            continue
        name = _name(node, taken)
        where = f"{path}: node {node.name or name!r} ({node.op_type})"
        try:
            fields = _fields(node, shapes, constants)
        except UnsupportedError as error:
            raise UnsupportedError(f"{where}: {error}") from error
        except SpecError as error:
            raise SpecError(f"{where}: {error}") from error
        yield validated(Layer, {"name": name, **fields}, where)


def _fields(node: NodeProto, shapes: Mapping[str, Shape | str], constants: set[str]) -> dict[str, Any]:
    inputs, weights = (node.input[index] for index in OPERANDS[node.op_type])
    left, right = _known(shapes, inputs), _known(shapes, weights)
    attributes = _attributes(node)
    if "Conv" in node.op_type:
        strides, dilations = attributes.get("strides", ()), attributes.get("dilations", ())
        outputs = _known(shapes, node.output[0])
        fields = operators.convolution(left, right, outputs, attributes.get("group", 1), strides, dilations)
        return {**fields, "dynamic_weights": weights not in constants}
    if attributes.get("transA"):
        left = operators.transposed(left)
    if attributes.get("transB"):
        right = operators.transposed(right)
    if inputs in constants:
        # Weights on the left: the product of the transposed operands is the transposed result.
        left, right = operators.transposed(right), operators.transposed(left)
    return {**operators.matmul(left, right), "dynamic_weights": not {inputs, weights} & constants}


def _attributes(node: NodeProto) -> dict[str, Any]:
    from onnx import helper

    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def _known(shapes: Mapping[str, Shape | str], value: str) -> Shape:
    shape = shapes.get(value, "unknown")
    if isinstance(shape, str):
        raise SpecError(
            f"the shape of {value!r} is {shape}; give the sizes of open dimensions, for example --param batch=1, or "
            "export the model with fixed sizes"
        )
    return shape


def _shapes(graph: GraphProto) -> dict[str, Shape | str]:
    """Shape of each value; text where a dimension is open."""
    shapes: dict[str, Shape | str] = {}
    for value in (*graph.input, *graph.value_info, *graph.output):
        if value.type.tensor_type.HasField("shape"):
            dims = value.type.tensor_type.shape.dim
            known = all(dim.dim_value > 0 for dim in dims)
            text = ", ".join(str(dim.dim_value) if dim.dim_value > 0 else dim.dim_param or "?" for dim in dims)
            shapes[value.name] = tuple(dim.dim_value for dim in dims) if known else f"({text})"
    return shapes | {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}


def _constants(graph: GraphProto) -> set[str]:
    """Values that do not depend on the model's inputs: parameters, and what is computed of them alone."""
    constants = {tensor.name for tensor in graph.initializer}
    constants |= {tensor.values.name for tensor in graph.sparse_initializer}
    for node in graph.node:
        read = {name for name in node.input if name}
        if node.op_type == "Constant" or (read and read <= constants):
            constants |= set(node.output)
    return constants


def _name(node: NodeProto, taken: set[str]) -> str:
    """A layer name of the node's own name, or of its output's, that no other layer has."""
    base = clean(node.name) or clean(node.output[0]) or node.op_type
    return untaken(base, taken)
