"""The types that conditions and loops make of what the graphs inside them make."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from flexloop.importers.onnx import loops
from flexloop.importers.onnx.choices import Choices
from flexloop.importers.onnx.values import Operator

if TYPE_CHECKING:
    from onnx import GraphProto, TypeProto

Infer = Callable[["GraphProto"], "Sequence[TypeProto | None]"]
"""Infers a graph inside a node, and returns the types of its outputs."""

Types = Mapping[str, "TypeProto"]


def output_types(node: Operator, types: Types, infer: Infer, choices: Choices) -> Sequence[TypeProto | None]:
    """The types of the outputs of a node that holds graphs.

    Args:
        node: the node; the values of its inputs, where they are known, among its scalars.
        types: of its inputs.
        infer: what infers a graph inside it.
        choices: the branch and the steps that count where the inputs decide.
    """
    if node.kind == "If":
        return _condition(node, infer, choices)
    if node.kind == "Loop":
        return _loop(node, types, infer, choices)
    if node.kind == "Scan":
        return _scan(node, types, infer)
    for graph in graphs(node).values():
        infer(graph)
    return []


def graphs(node: Operator) -> dict[str, GraphProto]:
    """The graphs inside a node, by the names of its attributes."""
    from onnx import GraphProto

    return {name: value for name, value in node.attributes.items() if isinstance(value, GraphProto)}


def completed(first: TypeProto | None, second: TypeProto | None) -> TypeProto | None:
    """A type with the other's extents where its own are open."""
    if first is None or not first.tensor_type.HasField("shape"):
        return second if second is not None else first
    if second is None or len(second.tensor_type.shape.dim) != len(first.tensor_type.shape.dim):
        return first
    for mine, other in zip(first.tensor_type.shape.dim, second.tensor_type.shape.dim, strict=True):
        if mine.dim_value < 1 and (other.dim_value > 0 or not mine.dim_param):
            mine.CopyFrom(other)
    return first


def _condition(node: Operator, infer: Infer, choices: Choices) -> Sequence[TypeProto | None]:
    made = {name: infer(graph) for name, graph in graphs(node).items()}
    branch = loops.branch(node, choices)
    if branch is not None:
        return made[branch]
    return [_common(a, b) for a, b in zip(*made.values(), strict=False)]


def _loop(node: Operator, types: Types, infer: Infer, choices: Choices) -> Sequence[TypeProto | None]:
    from onnx import TensorProto, helper

    body = node.attributes["body"]
    body.input[0].type.CopyFrom(helper.make_tensor_type_proto(TensorProto.INT64, ()))
    first = [types.get(name) for name in node.inputs[2:]]
    for inside, kind in zip(body.input[2:], first, strict=False):
        _begin(inside.type, kind)
    last = infer(body)[1:]
    steps = loops.steps(node) or choices.loop_steps
    states = [_common(a, b) for a, b in zip(first, last, strict=False)]
    return [*states, *(_stacked(kind, steps, 0) for kind in last[len(first) :])]


def _scan(node: Operator, types: Types, infer: Infer) -> Sequence[TypeProto | None]:
    body = node.attributes["body"]
    states = len(node.inputs) - node.number("num_scan_inputs")
    axes = list(node.attributes.get("scan_input_axes", ())) or [0] * len(node.inputs)
    for index, (inside, name) in enumerate(zip(body.input, node.inputs, strict=False)):
        kind = types.get(name)
        _begin(inside.type, kind if index < states or kind is None else _slice(kind, axes[index - states]))
    made = infer(body)
    stacks = list(node.attributes.get("scan_output_axes", ())) or [0] * len(made)
    steps = loops.steps(node)
    return [*made[:states], *(_stacked(kind, steps, axis) for kind, axis in zip(made[states:], stacks, strict=False))]


def _begin(inside: TypeProto, outside: TypeProto | None) -> None:
    whole = completed(_copy(inside), outside)
    if whole is not None:
        inside.CopyFrom(whole)


def _common(first: TypeProto | None, second: TypeProto | None) -> TypeProto | None:
    """A type of the extents in which two agree."""
    if first is None or second is None:
        return None
    whole, other = _copy(first), second.tensor_type.shape.dim
    if len(whole.tensor_type.shape.dim) != len(other):
        whole.tensor_type.ClearField("shape")
        return whole
    for mine, its in zip(whole.tensor_type.shape.dim, other, strict=True):
        if mine.dim_value != its.dim_value:
            mine.Clear()
    return whole


def _slice(kind: TypeProto, axis: int) -> TypeProto:
    whole = _copy(kind)
    if whole.tensor_type.HasField("shape"):
        del whole.tensor_type.shape.dim[axis]
    return whole


def _stacked(kind: TypeProto | None, steps: int | None, axis: int) -> TypeProto | None:
    from onnx import TensorShapeProto

    if kind is None or not kind.tensor_type.HasField("shape"):
        return kind
    whole = _copy(kind)
    dims = list(kind.tensor_type.shape.dim)
    dims.insert(axis if axis >= 0 else len(dims) + 1 + axis, TensorShapeProto.Dimension(dim_value=steps))
    del whole.tensor_type.shape.dim[:]
    whole.tensor_type.shape.dim.extend(dims)
    return whole


def _copy(kind: TypeProto) -> TypeProto:
    made = type(kind)()
    made.CopyFrom(kind)
    return made
