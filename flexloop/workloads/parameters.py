"""Parameters of networks (a batch, a sequence length), and the integer expressions that layers make of them."""

from __future__ import annotations

import ast
import operator
from collections.abc import Iterable, Mapping

from flexloop.errors import SpecError, UnknownNameError

MAX_PARAMETER = 2**31
"""Largest value of a parameter."""

MAX_LENGTH = 200
"""Characters of an expression; bounds its nesting and the size of its value."""

_OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.FloorDiv: operator.floordiv}


def checked_parameters(given: Mapping[str, int], known: Iterable[str], owner: str) -> dict[str, int]:
    """Return the given parameters if each exists and is a positive integer.

    Raises:
        UnknownNameError: for a parameter that the owner does not have.
        SpecError: for a value that is no integer from 1 to `MAX_PARAMETER`.
    """
    known = list(known)
    for name, value in given.items():
        if name not in known:
            raise UnknownNameError("parameter", name, known, f"(of {owner})" if known else f"({owner} has none)")
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_PARAMETER:
            raise SpecError(f"{owner}: parameter {name}={value!r}: give an integer from 1 to {MAX_PARAMETER}")
    return dict(given)


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
    except (SyntaxError, ValueError, MemoryError) as error:
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
