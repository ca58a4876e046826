"""Recurrent operators: in each step, the product of the step's input and those of the state before it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flexloop.importers.onnx.values import Operands, Operator

Fields = dict[str, Any]


def recurrent(gates: int) -> Callable[[Operator], list[Fields]]:
    """The reader of an operator with so many gates."""

    def read(node: Operator) -> list[Fields]:
        steps, batch, width = sizes(node)
        hidden, directions = node.number("hidden_size") or node.shape(2)[-1], directions_of(node)
        each = {"P": batch, "count": steps * directions, "dynamic_weights": not node.is_constant(1)}
        products = [{"part": "input", "C": width, "M": gates * hidden}]
        if node.kind == "GRU" and not node.number("linear_before_reset"):
            # The hidden gate's product is of the state that the reset gate lets through, so it comes after the others.
            products.append({"part": "state", "C": hidden, "M": (gates - 1) * hidden})
            products.append({"part": "reset", "C": hidden, "M": hidden})
        else:
            products.append({"part": "state", "C": hidden, "M": gates * hidden})
        return [{**fields, **each} for fields in products]

    return read


def sizes(node: Operands) -> tuple[int, int, int]:
    """Steps, batch and width of the inputs."""
    first, second, width = node.shape(0)
    return (second, first, width) if node.number("layout") else (first, second, width)


def directions_of(node: Operands) -> int:
    """One, or two for a bidirectional operator."""
    return 2 if node.attributes.get("direction", b"forward") == b"bidirectional" else 1


HANDLERS = {
    "RNN": recurrent(1),
    "GRU": recurrent(3),
    "LSTM": recurrent(4),
    "com.microsoft.DynamicQuantizeLSTM": recurrent(4),
}
