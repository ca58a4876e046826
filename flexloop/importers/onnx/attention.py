"""Attention in one operator: scores and context as products of two activations, and projections where it has them.

Every query meets every key, masked or not. Query heads that share a key head are rows of one group.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from flexloop.errors import SpecError
from flexloop.importers.onnx.values import Operands, Operator
from flexloop.importers.operators import Shape, Unfit

Fields = dict[str, Any]


@dataclass(frozen=True)
class Heads:
    """The extents of an attention.

    Attributes:
        batch: sequences.
        heads: heads of the queries.
        shared: heads of the keys and values.
        queries: queries of a sequence.
        keys: keys of a sequence, past ones included.
        depth: width of a query's and a key's head.
        width: width of a value's head.
    """

    batch: int
    heads: int
    shared: int
    queries: int
    keys: int
    depth: int
    width: int

    def __post_init__(self) -> None:
        if self.heads % self.shared or min(self.depth, self.width, self.keys) < 1:
            raise SpecError(f"{self.heads} heads of queries on {self.shared} of keys, {self.depth} wide, do not fit")

    @property
    def layers(self) -> list[Fields]:
        """Scores and context."""
        groups = {"G": self.batch * self.shared, "P": self.queries * (self.heads // self.shared)}
        return [
            {"part": "scores", **groups, "C": self.depth, "M": self.keys, "dynamic_weights": True},
            {"part": "context", **groups, "C": self.keys, "M": self.width, "dynamic_weights": True},
        ]

    @property
    def outputs(self) -> list[Shape]:
        """The shapes of the context, heads side by side, and of the keys and values to keep."""
        kept = (self.batch, self.shared, self.keys)
        return [(self.batch, self.queries, self.heads * self.width), (*kept, self.depth), (*kept, self.width)]


def standard(node: Operands) -> Heads:
    """ONNX's Attention: queries, keys and values of three dimensions (heads side by side) or four."""
    query = _apart(node.shape(0), node.number("q_num_heads"))
    key, value = (_apart(node.shape(index), node.number("kv_num_heads")) for index in (1, 2))
    past = node.shape(4)[2] if node.has(4) else 0
    return Heads(query[0], query[1], key[1], query[2], key[2] + past, query[3], value[3])


def multihead(node: Operands) -> Heads:
    """ONNX Runtime's MultiHeadAttention: separate, keys with values, or all three in one tensor of five dimensions."""
    query, heads = node.shape(0), node.number("num_heads")
    past = node.shape(6)[2] if node.has(6) else 0
    if len(query) == 5:  # (batch, sequence, heads, 3, depth)
        return Heads(query[0], heads, heads, query[1], query[1] + past, query[4], query[4])
    batch, queries, hidden = query
    depth = hidden // heads
    key = node.shape(1)
    if len(key) == 5:  # (batch, sequence, heads, 2, depth)
        return Heads(batch, heads, heads, queries, key[1] + past, depth, depth)
    key, value = _apart(key, heads), _apart(node.shape(2), heads)
    return Heads(batch, heads, heads, queries, key[2] + past, depth, value[3])


def grouped(node: Operands) -> Heads:
    """ONNX Runtime's GroupQueryAttention, whose keys and values may be packed beside the queries."""
    batch, queries, hidden = node.shape(0)
    heads, shared = node.number("num_heads"), node.number("kv_num_heads")
    depth = hidden // heads if node.has(1) else hidden // (heads + 2 * shared)
    past = node.shape(3)[2] if node.has(3) else 0
    return Heads(batch, heads, shared, queries, queries + past, depth, depth)


def projected(past: int) -> Callable[[Operands], Heads]:
    """ONNX Runtime's Attention, which makes queries, keys and values itself; the past is the input of this index."""

    def read(node: Operands) -> Heads:
        batch, queries, _ = node.shape(0)
        heads, (hidden, _, values) = node.number("num_heads"), widths(node)
        before = node.shape(past)[3] if node.has(past) else 0
        return Heads(batch, heads, heads, queries, queries + before, hidden // heads, values // heads)

    return read


def widths(node: Operands) -> Sequence[int]:
    """Widths of the queries, keys and values that such an operator makes."""
    return list(node.attributes.get("qkv_hidden_sizes", ())) or [node.shape(1)[1] // 3] * 3


def _apart(shape: Shape, heads: int) -> Shape:
    """(batch, heads, sequence, width) of a tensor that may have its heads side by side."""
    if len(shape) == 4:
        return shape
    batch, sequence, hidden = shape
    return batch, heads, sequence, hidden // heads


def _layers(geometry: Callable[[Operands], Heads]) -> Callable[[Operator], list[Fields]]:
    return lambda node: geometry(node).layers


def _projected_layers(past: int) -> Callable[[Operator], list[Fields]]:
    def read(node: Operator) -> list[Fields]:
        batch, queries, inner = node.shape(0)
        each = {"P": batch * queries, "C": inner, "dynamic_weights": not node.is_constant(1)}
        parts = zip(("query", "key", "value"), widths(node), strict=True)
        return [*({"part": part, "M": width, **each} for part, width in parts), *projected(past)(node).layers]

    return read


def linear(node: Operator) -> list[Fields]:
    """Refused: each step reads the state that the step before it wrote. Its MACs are those of the recurrence."""
    batch, steps, hidden = node.shape(0)
    heads, shared = node.number("q_num_heads"), node.number("kv_num_heads")
    retrieves = b"delta" in node.attributes.get("update_rule", b"gated_delta")
    state = (hidden // heads) * (node.shape(2)[2] // shared)
    raise Unfit(
        "a state is carried from step to step, which is no layer",
        batch * steps * state * (heads + shared * (2 if retrieves else 1)),
    )


HANDLERS = {
    "Attention": _layers(standard),
    "LinearAttention": linear,
    "com.microsoft.Attention": _projected_layers(past=4),
    "com.microsoft.QAttention": _projected_layers(past=8),
    "com.microsoft.MultiHeadAttention": _layers(multihead),
    "com.microsoft.GroupQueryAttention": _layers(grouped),
}
