"""Matrix products: ONNX's own, their quantised and fused forms, and sums of products that are one."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import prod
from typing import Any

from flexloop.errors import SpecError
from flexloop.importers import operators
from flexloop.importers.onnx.values import Operands, Operator
from flexloop.importers.operators import Shape, Unfit

Fields = dict[str, Any]


def product(left: int, right: int) -> Callable[[Operator], list[Fields]]:
    """The reader of a product of two of an operator's inputs."""

    def read(node: Operator) -> list[Fields]:
        return [_product(node, left, right, *transposed_operands(node, left, right))]

    return read


def transposed_operands(node: Operands, left: int, right: int) -> tuple[Shape, Shape]:
    """The shapes of two operands, transposed where the operator's attributes say so."""
    return _transposed(node, left, "A"), _transposed(node, right, "B")


def _transposed(node: Operands, index: int, side: str) -> Shape:
    shape = node.shape(index)
    if node.number(f"transBatch{side}"):
        # ONNX Runtime's: the matrix's own axis lies before those of the batches.
        first, *batches, last = shape
        shape = (*batches, first, last)
    return operators.transposed(shape) if node.number(f"trans{side}") else shape


def _product(node: Operator, left: int, right: int, a: Shape, b: Shape) -> Fields:
    constant = node.is_constant(left), node.is_constant(right)
    if constant[0]:
        # Weights on the left: the product of the transposed operands is the transposed result.
        a, b = operators.transposed(b), operators.transposed(a)
    return {**operators.matmul(a, b), "dynamic_weights": not any(constant)}


def packed(node: Operator) -> list[Fields]:
    """A product with weights packed into few bits, whose shape stands in attributes."""
    rows, inner = node.shape(0)[:-1], node.number("K")
    if node.shape(0)[-1] != inner:
        raise SpecError(f"inputs {node.shape(0)} and weights of {inner} rows cannot be multiplied")
    return [{"P": prod(rows), "C": inner, "M": node.number("N"), "dynamic_weights": not node.is_constant(1)}]


def einsum(node: Operator) -> list[Fields]:
    """A sum of products over two operands, where it is a matrix product; one operand takes no multiplication."""
    shapes = [node.shape(index) for index in range(len(node.inputs))]
    terms, out = _terms(node.attributes["equation"].decode(), shapes)
    sizes = _sizes(terms, shapes)
    everything = prod(sizes.values())
    if len(terms) == 1:
        return []
    if len(terms) > 2:
        raise Unfit(f"a sum over {len(terms)} operands, whose order is open; export with two at a time", everything)
    # An extent of 1 is broadcast: the operand does not have this dimension.
    a, b = (
        {label for label, extent in zip(t, s, strict=True) if extent > 1} for t, s in zip(terms, shapes, strict=True)
    )
    if any(len(set(term)) < len(term) for term in terms) or (a ^ b) - set(out):
        raise Unfit("a sum of products that is no matrix product (a diagonal, or a sum over one operand)", everything)
    size = {
        name: prod(sizes[label] for label in labels)
        for name, labels in {"G": a & b & set(out), "P": a - b, "C": (a & b) - set(out), "M": b - a}.items()
    }
    if set("".join(terms)) <= set(out) and 1 in (size["P"], size["M"]):
        return []  # nothing is summed: factors for elements, as of Mul
    if node.is_constant(0):
        size["P"], size["M"] = size["M"], size["P"]
    return [{**size, "dynamic_weights": not (node.is_constant(0) or node.is_constant(1))}]


def einsum_outputs(node: Operands) -> list[Shape]:
    """The shape of what such a sum makes."""
    shapes = [node.shape(index) for index in range(len(node.shapes))]
    terms, out = _terms(node.attributes["equation"].decode(), shapes)
    sizes = _sizes(terms, shapes)
    return [tuple(sizes[label] for label in out)]


def _sizes(terms: list[str], shapes: list[Shape]) -> dict[str, int]:
    """The extent of each label.

    Raises:
        SpecError: if two operands differ in one.
    """
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        for label, extent in zip(term, shape, strict=True):
            if sizes.setdefault(label, extent) == 1:
                sizes[label] = extent
            elif extent not in (1, sizes[label]):
                raise SpecError(f"operands of shapes {shapes[0]} and {shape} differ in {label!r}")
    return sizes


def _terms(equation: str, shapes: list[Shape]) -> tuple[list[str], str]:
    """The labels of each operand's dimensions and of the result's; those of an ellipsis are digits from the right.

    Raises:
        SpecError: if the equation does not fit the operands.
    """
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    hidden = 0
    for position, (term, shape) in enumerate(zip(terms, shapes, strict=False)):
        more = len(shape) - len(term.replace("...", ""))
        if not re.fullmatch(r"[A-Za-z]*(\.\.\.)?[A-Za-z]*", term) or more < 0 or (more and "..." not in term):
            raise SpecError(f"equation {equation!r} does not fit an operand of shape {shape}")
        hidden = max(hidden, more)
        terms[position] = term.replace("...", "".join(map(str, range(more - 1, -1, -1))))
    if len(terms) != len(shapes) or hidden > 10:
        raise SpecError(f"equation {equation!r} does not fit {len(shapes)} operands")
    if not arrow:
        once = sorted(label for label in set(left) - set(".,") if left.count(label) == 1)
        right = ("..." if "..." in left else "") + "".join(once)
    return terms, right.replace("...", "".join(map(str, range(hidden - 1, -1, -1))))


HANDLERS = {
    "Gemm": product(0, 1),
    "MatMul": product(0, 1),
    "MatMulInteger": product(0, 1),
    "QLinearMatMul": product(0, 3),
    "Einsum": einsum,
    "com.microsoft.FusedGemm": product(0, 1),
    "com.microsoft.FusedMatMul": product(0, 1),
    "com.microsoft.TransposeMatMul": product(0, 1),
    "com.microsoft.GemmFastGelu": product(0, 1),
    "com.microsoft.DynamicQuantizeMatMul": product(0, 1),
    "com.microsoft.MatMulIntegerToFloat": product(0, 1),
    "com.microsoft.QGemm": product(0, 3),
    "com.microsoft.MatMulNBits": packed,
    "com.microsoft.MatMulBnb4": packed,
}
