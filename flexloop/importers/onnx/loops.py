"""Which branch of an If runs, and how often the body of a Loop or a Scan does, where the model itself says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flexloop.importers.onnx.choices import Choices
from flexloop.importers.onnx.values import Operator, values_of

if TYPE_CHECKING:
    from onnx import GraphProto


def branch(node: Operator, choices: Choices) -> str | None:
    """The attribute of the branch that counts; None where the values of the inputs decide and nothing is chosen."""
    known = node.values.scalars.get(node.inputs[0])
    chosen = choices.branch if known is None else ("then" if known else "else")
    return None if chosen is None else f"{chosen}_branch"


def steps(node: Operator) -> int | None:
    """How often the body runs; None where that depends on the values of the inputs, or is not known."""
    if node.kind == "Loop":
        return _loop_steps(node)
    return _scan_steps(node) if node.kind == "Scan" else None


def _loop_steps(node: Operator) -> int | None:
    """The trip count, where it is a parameter and the condition always holds."""
    trips, condition = node.inputs[:2]
    starts = not condition or node.values.scalars.get(condition) == 1
    return node.values.scalars.get(trips) if starts and _goes_on(node, node.attributes["body"]) else None


def _goes_on(node: Operator, body: GraphProto) -> bool:
    """Whether the body always answers that it runs again, or hands its condition on."""
    answer = body.output[0].name
    copies = {made.output[0]: made.input[0] for made in body.node if made.op_type == "Identity"}
    while answer in copies:
        answer = copies[answer]
    return answer == body.input[1].name or values_of(body, node.values).scalars.get(answer) == 1


def _scan_steps(node: Operator) -> int | None:
    """The extent of what is scanned; not of the Scan of opset 8, which has lengths of its own."""
    scanned = node.number("num_scan_inputs")
    if len(node.inputs) != len(node.attributes["body"].input) or not 0 < scanned <= len(node.inputs):
        return None
    axes = node.attributes.get("scan_input_axes") or [0] * scanned
    return node.shape(len(node.inputs) - scanned)[int(axes[0])]
