"""Convolutions: ONNX's own, their quantised and fused forms, transposed and depthwise causal ones."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from flexloop.importers import operators
from flexloop.importers.onnx.values import Operator
from flexloop.importers.operators import Shape, Unfit

Fields = dict[str, Any]


def convolution(node: Operator, weights: int = 1) -> list[Fields]:
    """A convolution whose inputs come first and whose weights are an input of the given index."""
    if node.number("channels_last"):
        raise Unfit("its channels come last; export with channels first")
    attributes = node.attributes
    fields = operators.convolution(
        node.shape(0),
        node.shape(weights),
        node.output(),
        node.number("group", 1),
        attributes.get("strides", ()),
        attributes.get("dilations", ()),
    )
    return [{**fields, "dynamic_weights": not node.is_constant(weights)}]


def quantised(node: Operator) -> list[Fields]:
    """A convolution whose weights come after the scale and the zero point of the inputs."""
    return convolution(node, weights=3)


def transposed(node: Operator) -> list[Fields]:
    """A transposed convolution, as the convolutions that it is."""
    inputs, weights, outputs = node.shape(0), node.shape(1), node.output()
    strides, dilations = node.attributes.get("strides", ()), node.attributes.get("dilations", ())
    found = operators.transposed_convolution(
        inputs, weights, outputs, node.number("group", 1), strides, dilations, _cut(node, inputs, weights, outputs)
    )
    dynamic = {"dynamic_weights": not node.is_constant(1)}
    return [{**fields, **dynamic, **({"part": str(i)} if len(found) > 1 else {})} for i, fields in enumerate(found)]


def _cut(node: Operator, inputs: Shape, weights: Shape, outputs: Shape) -> Sequence[int]:
    """Outputs cut off at the beginning of each axis, by the rules of ONNX's ConvTranspose."""
    axes = len(inputs) - 2
    automatic = node.attributes.get("auto_pad", b"NOTSET").decode()
    if automatic == "VALID" or (automatic == "NOTSET" and "output_shape" not in node.attributes):
        return tuple(node.attributes.get("pads", ()))[:axes]
    cut = []
    for axis in range(axes):
        stride = (node.attributes.get("strides") or [1] * axes)[axis]
        gap = (node.attributes.get("dilations") or [1] * axes)[axis]
        more = (node.attributes.get("output_padding") or [0] * axes)[axis]
        whole = stride * (inputs[2 + axis] - 1) + more + (weights[2 + axis] - 1) * gap + 1
        total = max(0, whole - outputs[2 + axis])
        cut.append(total // 2 if automatic == "SAME_UPPER" else total - total // 2)
    return cut


def causal(node: Operator) -> list[Fields]:
    """A depthwise convolution along a sequence, whose past is its padding."""
    (batch, channels, length), weights = node.shape(0), node.shape(1)
    return [{"N": batch, "G": channels, "R": weights[-1], "P": length, "dynamic_weights": not node.is_constant(1)}]


def deformable(node: Operator) -> list[Fields]:
    """Refused: where it reads depends on its input."""
    raise Unfit("where it reads depends on its values", prod(node.output()) * prod(node.shape(1)[1:]))


HANDLERS = {
    "Conv": convolution,
    "ConvInteger": convolution,
    "QLinearConv": quantised,
    "com.microsoft.FusedConv": convolution,
    "com.microsoft.QLinearConv": quantised,
    "ConvTranspose": transposed,
    "CausalConvWithState": causal,
    "DeformConv": deformable,
}
