"""Expressions in Python's syntax, evaluated on plain data by walking their syntax tree.

Only what is written here is possible: numbers, texts, lists, tuples, sets and mappings, arithmetic, comparisons,
conditions, subscripts, comprehensions, texts with values in them, and calls of the functions of
`flexloop.timeloop.v4front.builtin`, of `flexloop.timeloop.v4front.functions` and of some methods. Nothing else of
Python can be reached, and what is computed is bounded.
"""

from __future__ import annotations

import ast
import operator
import re
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flexloop.timeloop.v4front import builtin
from flexloop.timeloop.v4front.builtin import Builtin, Module, checked_arguments
from flexloop.timeloop.v4front.limits import MAX_CALLS, MAX_EXPRESSION, MAX_LENGTH, Budget, ExpressionError
from flexloop.timeloop.v4front.section import Section

Names = ChainMap[str, Any]

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: builtin.power, ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_, ast.BitXor: operator.xor, ast.RShift: operator.rshift, ast.LShift: operator.lshift,
}  # fmt: skip
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.UAdd: operator.pos, ast.USub: operator.neg, ast.Not: operator.not_, ast.Invert: operator.invert,
}  # fmt: skip
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge, ast.Is: operator.is_, ast.IsNot: operator.is_not,
    ast.In: lambda a, b: a in b, ast.NotIn: lambda a, b: a not in b,
}  # fmt: skip
FAULTS = (ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError)
"""What Python raises where an operation cannot be done on the values given."""


class Evaluator:
    """Evaluates expressions; all that one evaluates share a budget.

    Attributes:
        own: functions that call others.
        functions: functions of files, by name, for all expressions.
    """

    def __init__(self) -> None:
        self.budget = Budget()
        self.own = {"map": Builtin(self._map), "isinstance": Builtin(_isinstance)}
        self.functions: dict[str, Any] = {}
        self._calls = 0

    def evaluate(self, text: str, names: Mapping[str, Any]) -> Any:
        """The value of an expression (ExpressionError if it has none)."""
        if len(text) > MAX_EXPRESSION:
            raise ExpressionError(f"an expression of more than {MAX_EXPRESSION} characters")
        try:
            tree = ast.parse(text.strip(), mode="eval")
        except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
            raise ExpressionError(f"no expression: {getattr(error, 'msg', error)}") from error
        return self.value(tree.body, ChainMap({}, dict(names), builtin.EXPRESSION, self.own, self.functions))

    def value(self, node: ast.AST, names: Names) -> Any:
        """The value of a part of a syntax tree (ExpressionError if it has none)."""
        self.budget.spend()
        handle = getattr(self, f"_{type(node).__name__}", None)
        if handle is None:
            raise ExpressionError(f"{type(node).__name__} cannot be used in an expression")
        try:
            return handle(node, names)
        except FAULTS as error:
            raise ExpressionError(f"{type(error).__name__}: {error}") from error

    def call(self, function: Any, values: list[Any], named: dict[str, Any]) -> Any:
        """The value of a call (ExpressionError if it cannot be called)."""
        if not isinstance(function, Builtin):
            raise ExpressionError(f"{str(function)[:40]!r} is no function that can be used")
        if function.opaque:
            checked_arguments([*values, *named.values()], self.budget)
        if self._calls >= MAX_CALLS:
            raise ExpressionError(f"more than {MAX_CALLS} calls within calls")
        self._calls += 1
        try:
            return self.budget.made(function.function(*values, **named))
        finally:
            self._calls -= 1

    # -- values --------------------------------------------------------------------------------------------------------

    def _Constant(self, node: ast.Constant, names: Names) -> Any:
        if isinstance(node.value, (int, float, str, type(None))):
            return Budget.bounded(node.value)
        raise ExpressionError(f"{type(node.value).__name__} cannot be used in an expression")

    def _Name(self, node: ast.Name, names: Names) -> Any:
        if node.id not in names:
            raise ExpressionError(f"name {node.id!r} is not defined")
        return names[node.id]

    def _Attribute(self, node: ast.Attribute, names: Names) -> Any:
        owner, name = self.value(node.value, names), node.attr
        if isinstance(owner, Section):
            if name in owner:
                return owner[name]
            if name in owner.exposed:
                return Builtin(getattr(owner, name))
            raise ExpressionError(f"{owner.where or 'the document'} has no {name!r}")
        if isinstance(owner, Module):
            return owner.attribute(name)
        fields: Any = getattr(owner, "record_fields", ())
        if name in fields:
            return owner[fields.index(name)]
        return builtin.method(owner, name, self.budget)

    def _Subscript(self, node: ast.Subscript, names: Names) -> Any:
        owner, key = self.value(node.value, names), self.value(node.slice, names)
        self.budget.gone_through(key)
        return self.budget.made(owner[key])

    def _Slice(self, node: ast.Slice, names: Names) -> slice:
        ends = [each and self.value(each, names) for each in (node.lower, node.upper, node.step)]
        return slice(*ends)

    def _List(self, node: ast.List, names: Names) -> list[Any]:
        return self.values(node.elts, names)

    def _Tuple(self, node: ast.Tuple, names: Names) -> tuple[Any, ...]:
        return tuple(self.values(node.elts, names))

    def _Set(self, node: ast.Set, names: Names) -> set[Any]:
        values = self.values(node.elts, names)
        self.budget.gone_through(values)
        return set(values)

    def _Dict(self, node: ast.Dict, names: Names) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                found |= self.value(value, names)
            else:
                found[self.key(key, names)] = self.value(value, names)
        return found

    def key(self, node: ast.expr, names: Names) -> Any:
        """The value of a part that is to be a key or a member of a set."""
        value = self.value(node, names)
        self.budget.gone_through(value)
        return value

    def values(self, nodes: list[ast.expr], names: Names) -> list[Any]:
        """The values of several parts; one with a star gives several."""
        found: list[Any] = []
        for node in nodes:
            if isinstance(node, ast.Starred):
                several = self.value(node.value, names)
                found.extend(self.iterate(several))
            else:
                found.append(self.value(node, names))
        return found

    # -- operations ----------------------------------------------------------------------------------------------------

    def _BinOp(self, node: ast.BinOp, names: Names) -> Any:
        return self.operate(type(node.op), self.value(node.left, names), self.value(node.right, names))

    def operate(self, kind: type[ast.operator], left: Any, right: Any) -> Any:
        """The value of an operation on two values."""
        if kind not in _BINARY:
            raise ExpressionError(f"{kind.__name__} cannot be used in an expression")
        if kind is ast.Mod and isinstance(left, str):
            raise ExpressionError("% cannot be used on a text; write f'{value}'")
        if kind is ast.LShift and isinstance(right, int) and right > 4096:
            raise ExpressionError("a shift by more than 4096 bits")
        if kind is ast.Mult:
            for one, other in ((left, right), (right, left)):
                if isinstance(one, (str, list, tuple)) and isinstance(other, int) and len(one) * other > MAX_LENGTH:
                    raise ExpressionError(f"more than {MAX_LENGTH} items or characters")
        return self.budget.made(_BINARY[kind](left, right))

    def _UnaryOp(self, node: ast.UnaryOp, names: Names) -> Any:
        return _UNARY[type(node.op)](self.value(node.operand, names))

    def _BoolOp(self, node: ast.BoolOp, names: Names) -> Any:
        ends_at = isinstance(node.op, ast.Or)
        found: Any = None
        for each in node.values:
            found = self.value(each, names)
            if bool(found) is ends_at:
                break
        return found

    def _Compare(self, node: ast.Compare, names: Names) -> bool:
        left = self.value(node.left, names)
        for kind, each in zip(node.ops, node.comparators, strict=True):
            right = self.value(each, names)
            if not isinstance(kind, (ast.Is, ast.IsNot)):
                self.budget.gone_through(left, right)
            if not _COMPARE[type(kind)](left, right):
                return False
            left = right
        return True

    def _IfExp(self, node: ast.IfExp, names: Names) -> Any:
        return self.value(node.body if self.value(node.test, names) else node.orelse, names)

    def _Call(self, node: ast.Call, names: Names) -> Any:
        function = self.value(node.func, names)
        named: dict[str, Any] = {}
        for each in node.keywords:
            value = self.value(each.value, names)
            named |= value if each.arg is None else {each.arg: value}
        return self.call(function, self.values(node.args, names), named)

    def _Lambda(self, node: ast.Lambda, names: Names) -> Builtin:
        parameters = [each.arg for each in node.args.args]
        if node.args.defaults or node.args.vararg or node.args.kwarg or node.args.kwonlyargs:
            raise ExpressionError("a lambda may have plain parameters only")

        def run(*values: Any) -> Any:
            return self.value(node.body, names.new_child(dict(zip(parameters, values, strict=True))))

        return Builtin(run)

    def _map(self, function: Any, *values: Any) -> list[Any]:
        return [self.call(function, list(each), {}) for each in zip(*values, strict=False)]

    # -- texts with values, comprehensions -----------------------------------------------------------------------------

    def _JoinedStr(self, node: ast.JoinedStr, names: Names) -> str:
        return "".join(str(self.value(each, names)) for each in node.values)

    def _FormattedValue(self, node: ast.FormattedValue, names: Names) -> str:
        value = self.key(node.value, names)
        if node.conversion != -1:
            value = repr(value) if node.conversion == ord("r") else str(value)
        form = "" if node.format_spec is None else self.value(node.format_spec, names)
        if not form:
            return str(value)
        if re.search(r"\d{4}", form) or not isinstance(value, (str, int, float)):
            raise ExpressionError("a format of more than 999 characters, or of what is no text or number")
        return format(value, form)

    def _ListComp(self, node: ast.ListComp, names: Names) -> list[Any]:
        return [self.value(node.elt, inner) for inner in self._rounds(node.generators, names)]

    def _GeneratorExp(self, node: ast.GeneratorExp, names: Names) -> list[Any]:
        return [self.value(node.elt, inner) for inner in self._rounds(node.generators, names)]

    def _SetComp(self, node: ast.SetComp, names: Names) -> set[Any]:
        return {self.key(node.elt, inner) for inner in self._rounds(node.generators, names)}

    def _DictComp(self, node: ast.DictComp, names: Names) -> dict[Any, Any]:
        rounds = self._rounds(node.generators, names)
        return {self.key(node.key, inner): self.value(node.value, inner) for inner in rounds}

    def _rounds(self, generators: list[ast.comprehension], names: Names) -> Iterator[Names]:
        if not generators:
            yield names
            return
        first, *rest = generators
        for value in self.iterate(self.value(first.iter, names)):
            inner = names.new_child()
            self.assign(first.target, value, inner)
            if all(self.value(condition, inner) for condition in first.ifs):
                yield from self._rounds(rest, inner)

    def iterate(self, values: Any) -> Iterator[Any]:
        """Go through values, each an operation."""
        if not isinstance(values, (list, tuple, dict, set, str, range)) and not hasattr(values, "__iter__"):
            raise ExpressionError(f"{str(values)[:40]!r} is no list")
        for value in values:
            self.budget.spend()
            yield value

    def assign(self, target: ast.expr, value: Any, names: Names) -> None:
        """Give names, or places in lists and mappings, a value."""
        if isinstance(target, ast.Name):
            names[target.id] = value
        elif isinstance(target, (ast.Tuple, ast.List)):
            values = list(self.iterate(value))
            for each, part in zip(target.elts, values, strict=True):
                self.assign(each, part, names)
        elif isinstance(target, ast.Subscript):
            owner = self.value(target.value, names)
            if not isinstance(owner, (list, dict)) or isinstance(owner, Section):
                raise ExpressionError("only places in lists and mappings of one's own can be assigned to")
            owner[self.key(target.slice, names)] = value
        else:
            raise ExpressionError(f"{type(target).__name__} cannot be assigned to")


def _isinstance(value: Any, kinds: Any) -> bool:
    kinds = kinds if isinstance(kinds, tuple) else (kinds,)
    return isinstance(value, tuple(kind.kind for kind in kinds if isinstance(kind, Builtin) and kind.kind is not None))
