"""What a graph says of its values, and the view of it that an operator has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flexloop.importers.operators import Shape, Unfit

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto, TensorProto, TypeProto

STANDARD = ("", "ai.onnx")
"""Domains of the ONNX standard's operators."""


class OpenShape(Unfit):
    """A shape with a dimension that has no size."""


@dataclass(frozen=True)
class Operands:
    """An operator's attributes, and the shapes of its inputs: None where one is not given, text where one is open."""

    attributes: Mapping[str, Any]
    shapes: Sequence[Shape | str | None]

    def has(self, index: int) -> bool:
        """Whether an input is given."""
        return index < len(self.shapes) and self.shapes[index] is not None

    def shape(self, index: int) -> Shape:
        """The shape of an input.

        Raises:
            OpenShape: if it is not known.
            Unfit: if the input is not given.
        """
        shape = self.shapes[index] if self.has(index) else None
        if shape is None:
            raise Unfit(f"its input {index} is missing")
        if isinstance(shape, str):
            raise OpenShape(f"the shape of its input {index} is {shape}")
        return shape

    def number(self, name: str, default: int = 0) -> int:
        """An attribute that is a whole number."""
        return int(self.attributes.get(name, default))


@dataclass(frozen=True)
class Values:
    """The values of a graph, those of the graphs around it included.

    Attributes:
        shapes: of each value; text where a dimension is open.
        constants: parameters, and what is computed of them alone.
        scalars: the parameters of one element whose value is at hand.
    """

    shapes: Mapping[str, Shape | str]
    constants: frozenset[str]
    scalars: Mapping[str, int]


NOTHING = Values({}, frozenset(), {})
"""The values around a model's own graph."""


@dataclass(frozen=True)
class Operator(Operands):
    """A node: what it is, and what is known of the values that it reads and makes.

    Attributes:
        kind: the operator, after its domain where that is not the standard's.
        name: the node's name, or its first output's.
    """

    kind: str
    name: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    values: Values

    def shape(self, index: int) -> Shape:
        """The shape of an input (see `Operands.shape`)."""
        return self._known(self.inputs[index]) if self.has(index) else super().shape(index)

    def output(self, index: int = 0) -> Shape:
        """The shape of an output.

        Raises:
            OpenShape: if it is not known.
        """
        return self._known(self.outputs[index])

    def is_constant(self, index: int) -> bool:
        """Whether an input is a parameter."""
        return self.inputs[index] in self.values.constants

    def _known(self, value: str) -> Shape:
        shape = self.values.shapes.get(value, "unknown")
        if isinstance(shape, str):
            raise OpenShape(f"the shape of {value!r} is {shape}")
        return shape


def operator(node: NodeProto, values: Values) -> Operator:
    """The view of a node."""
    from onnx import helper

    attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    shapes = [values.shapes.get(name, "unknown") if name else None for name in node.input]
    if not all(isinstance(text, str) for text in (node.op_type, node.domain, node.name, *node.input, *node.output)):
        raise ValueError("a name in it is no text")
    kind = node.op_type if node.domain in STANDARD else f"{node.domain}.{node.op_type}"
    name = node.name or next((output for output in node.output if output), node.op_type)
    return Operator(attributes, shapes, kind, name, tuple(node.input), tuple(node.output), values)


def values_of(graph: GraphProto, around: Values = NOTHING) -> Values:
    """The values of a graph inside another's, or of a model's."""
    shapes = dict(around.shapes)
    for value in (*graph.input, *graph.value_info, *graph.output):
        shape = shape_of(value.type)
        if shape is not None:
            shapes[value.name] = shape
    scalars = {**around.scalars, **_scalars(graph)}
    shapes |= {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    return Values(shapes, frozenset(around.constants | _constants(graph, around.constants)), scalars)


def shape_of(kind: TypeProto) -> Shape | str | None:
    """The shape of a tensor, text where a dimension is open; None where the rank is not known either."""
    if not kind.tensor_type.HasField("shape"):
        return None
    dims = kind.tensor_type.shape.dim
    if all(dim.dim_value > 0 for dim in dims):
        return tuple(dim.dim_value for dim in dims)
    return f"({', '.join(str(dim.dim_value) if dim.dim_value > 0 else dim.dim_param or '?' for dim in dims)})"


def _constants(graph: GraphProto, around: Iterable[str]) -> set[str]:
    constants = {*around, *(tensor.name for tensor in graph.initializer)}
    constants |= {tensor.values.name for tensor in graph.sparse_initializer}
    for node in graph.node:
        read = {name for name in node.input if name}
        holds_graphs = any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute)
        if node.op_type == "Constant" or (read and read <= constants and not holds_graphs):
            constants |= set(node.output)
    return constants - {""}


def _scalars(graph: GraphProto) -> dict[str, int]:
    found = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].HasField("t"):
            found[node.output[0]] = node.attribute[0].t
    values = ((name, _scalar(tensor)) for name, tensor in found.items())
    return {name: value for name, value in values if value is not None}


def _scalar(tensor: TensorProto) -> int | None:
    """The value of a whole number or truth value; None of anything else, and of what lies in another file."""
    from onnx import TensorProto, numpy_helper

    whole = (TensorProto.INT32, TensorProto.INT64, TensorProto.BOOL)
    if tensor.data_type not in whole or list(tensor.dims) not in ([], [1]) or tensor.external_data:
        return None
    return int(numpy_helper.to_array(tensor).reshape(-1)[0])
