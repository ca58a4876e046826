"""Shapes of all values of a model, node by node, with the small values that follow from shapes alone.

ONNX says which shapes an operator of its standard makes, `fused` says it of ONNX Runtime's. What a model computes of
its shapes is carried out, since it decides the shapes that follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flexloop.errors import SpecError
from flexloop.importers.onnx import bodies
from flexloop.importers.onnx.choices import Choices
from flexloop.importers.onnx.folding import folded, value_of
from flexloop.importers.onnx.fused import OUTPUTS
from flexloop.importers.onnx.values import STANDARD, Operator, Values, operator, shape_of
from flexloop.importers.operators import Unfit

if TYPE_CHECKING:
    import numpy as np
    from onnx import GraphProto, ModelProto, NodeProto, TypeProto
    from onnx.defs import OpSchema


@dataclass
class Known:
    """What is known of values: their types, and the small ones themselves."""

    types: dict[str, TypeProto] = field(default_factory=dict)
    data: dict[str, np.ndarray] = field(default_factory=dict)


def inferred(model: ModelProto, choices: Choices) -> GraphProto:
    """The graph of a model, with the types of its values, and what follows from shapes alone among its parameters.

    A loop's states are taken to keep the shape that they begin with: each step is like the first.
    """
    versions = {"" if each.domain in STANDARD else each.domain: each.version for each in model.opset_import}
    _Inference(versions, choices).graph(model.graph, Known())
    return model.graph


@dataclass(frozen=True)
class _Inference:
    versions: dict[str, int]
    choices: Choices

    def graph(self, graph: GraphProto, around: Known) -> Known:
        """Infer a graph's values, given those of the graphs around it, and write them into it."""
        from onnx import helper, numpy_helper

        declared = {value.name: value.type for value in (*graph.value_info, *graph.output)}
        known = Known(dict(around.types), dict(around.data))
        known.types |= {value.name: value.type for value in graph.input}
        for value in graph.input:
            known.data.pop(value.name, None)
        for tensor in graph.initializer:
            known.types[tensor.name] = helper.make_tensor_type_proto(tensor.data_type, tuple(tensor.dims))
            if (value := value_of(tensor)) is not None:
                known.data[tensor.name] = value
        for sparse in graph.sparse_initializer:
            element = sparse.values.data_type
            known.types[sparse.values.name] = helper.make_tensor_type_proto(element, tuple(sparse.dims))
        made: dict[str, TypeProto] = {}
        computed: dict[str, np.ndarray] = {}
        for node in graph.node:
            inferred_types = self._types(node, known)
            for name in filter(None, node.output):
                kind = bodies.completed(inferred_types.get(name), declared.get(name))
                if kind is not None:
                    known.types[name] = made[name] = kind
            values = self._values(node, known)
            computed |= values
            known.data |= values
        del graph.value_info[:]
        graph.value_info.extend(helper.make_value_info(name, kind) for name, kind in made.items())
        for output in graph.output:
            if output.name in known.types:
                output.type.CopyFrom(known.types[output.name])
        graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in computed.items())
        return known

    def _types(self, node: NodeProto, known: Known) -> dict[str, TypeProto]:
        seen = _view(node, known)
        if bodies.graphs(seen):
            made = bodies.output_types(seen, known.types, lambda graph: self._outputs(graph, known), self.choices)
        elif seen.kind in OUTPUTS:
            made = _fused(seen, known)
        else:
            return self._standard(node, known)
        return {name: kind for name, kind in zip(node.output, made, strict=False) if kind is not None}

    def _outputs(self, graph: GraphProto, around: Known) -> Sequence[TypeProto | None]:
        known = self.graph(graph, around)
        return [known.types.get(output.name) for output in graph.output]

    def _standard(self, node: NodeProto, known: Known) -> dict[str, TypeProto]:
        from onnx import checker, defs, helper, numpy_helper, shape_inference

        domain = "" if node.domain in STANDARD else node.domain
        if node.op_type == "Constant" and node.attribute and node.attribute[0].HasField("t"):
            tensor = node.attribute[0].t  # may be large: not handed over
            return {node.output[0]: helper.make_tensor_type_proto(tensor.data_type, tuple(tensor.dims))}
        try:
            schema = defs.get_schema(node.op_type, self.versions.get(domain, 1), domain)
            if not schema.has_type_and_shape_inference_function:
                schema = defs.get_schema(node.op_type, domain)  # a later version has one
            types = {name: _input_type(schema, node, index, known) for index, name in enumerate(node.input) if name}
            data = {name: numpy_helper.from_array(known.data[name], name) for name in types if name in known.data}
            made = shape_inference.infer_node_outputs(schema, node, types, data)
        except (defs.SchemaError, shape_inference.InferenceError, checker.ValidationError, ValueError, RuntimeError):
            return {}  # what is wrong is said where layers are made
        return dict(made)

    def _values(self, node: NodeProto, known: Known) -> dict[str, np.ndarray]:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].HasField("t"):
            value = value_of(node.attribute[0].t)
            return {} if value is None else {node.output[0]: value}
        values = folded(node, _view(node, known), known.data, self.versions.get("", 1))
        return {name: value for name, value in zip(node.output, values or [], strict=False) if name}


def _view(node: NodeProto, known: Known) -> Operator:
    """The view that a node has of the values that it reads and makes."""
    names = [name for name in (*node.input, *node.output) if name in known.types]
    shapes = {name: shape_of(known.types[name]) for name in names}
    scalars = {name: int(known.data[name].item()) for name in node.input if _is_whole(known.data.get(name))}
    return operator(node, Values({name: s for name, s in shapes.items() if s is not None}, frozenset(), scalars))


def _input_type(schema: OpSchema, node: NodeProto, index: int, known: Known) -> TypeProto:
    """The type of an input; of one that is not known, one that the operator takes, of no shape."""
    from onnx import TensorProto, helper

    if node.input[index] in known.types:
        return known.types[node.input[index]]
    formal = [schema.inputs[min(position, len(schema.inputs) - 1)] for position in range(len(node.input))]
    for name, other in zip(node.input, formal, strict=True):
        if other.type_str == formal[index].type_str and name in known.types:
            return helper.make_tensor_type_proto(known.types[name].tensor_type.elem_type, None)
    names = ("float", "int64", "bool", "int32", "uint8")
    element = next((name for name in names if f"tensor({name})" in formal[index].types), "float")
    return helper.make_tensor_type_proto(getattr(TensorProto, element.upper()), None)


def _is_whole(value: np.ndarray | None) -> bool:
    return value is not None and value.size == 1 and value.dtype.kind in "iub"


_FRACTIONS = (1, 10, 11, 16)
"""ONNX's numbers of the types float, float16, double and bfloat16."""


def _fused(seen: Operator, known: Known) -> Sequence[TypeProto]:
    from onnx import TensorProto, helper

    try:
        shapes = OUTPUTS[seen.kind](seen)
    except (Unfit, SpecError, ValueError, LookupError, ArithmeticError, RuntimeError):
        return []  # what is wrong is said where layers are made
    first = known.types.get(seen.inputs[2 if seen.kind.endswith(".QuantizeLinear") else 0])
    element = TensorProto.FLOAT if first is None else first.tensor_type.elem_type
    if element not in _FRACTIONS and "QLinear" not in seen.kind and ".Quantize" not in seen.kind:
        element = TensorProto.FLOAT
    return [helper.make_tensor_type_proto(element, shape) for shape in shapes]
