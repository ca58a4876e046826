"""Integer expressions in network files, such as ``batch*sequence_length``: sums, products and parameter names."""

from __future__ import annotations

import ast
import operator
from collections.abc import Mapping

from flexloop.errors import SpecError, UnknownNameError

MAX_LENGTH = 200
"""Characters of an expression; bounds its nesting and the size of its value."""

_OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.FloorDiv: operator.floordiv}


def evaluate(expression: str, parameters: Mapping[str, int]) -> int:
    """Return the value of an expression made of integers, parameter names, ``+ - * //`` and parentheses.

    Raises:
        SpecError: if it holds anything else, is too long, or divides by zero.
        UnknownNameError: if it names no parameter.

    Examples:
        >>> evaluate("2*sequence_length", {"sequence_length": 512})
        1024
    """
    if len(expression) > MAX_LENGTH:
        raise SpecError(f"expression {expression[:40]!r}... is longer than {MAX_LENGTH} characters; shorten it")
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError) as error:
        raise _wrong(expression) from error
    try:
        return _value(tree.body, expression, parameters)
    except ZeroDivisionError as error:
        raise SpecError(f"expression {expression!r} divides by zero") from error


def _value(node: ast.expr, expression: str, parameters: Mapping[str, int]) -> int:
    match node:
        case ast.Constant(value=int(value)) if not isinstance(value, bool):
            return value
        case ast.Name(id=name):
            if name not in parameters:
                raise UnknownNameError("parameter", name, parameters, f"(in the expression {expression!r})")
            return parameters[name]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            apply = _OPERATORS[type(op)]
            return int(apply(_value(left, expression, parameters), _value(right, expression, parameters)))
    raise _wrong(expression)


def _wrong(expression: str) -> SpecError:
    return SpecError(
        f"expression {expression!r} cannot be read: use integers, parameter names, + - * // and parentheses"
    )
