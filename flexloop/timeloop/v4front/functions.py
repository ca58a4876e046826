"""Files of functions for use in expressions: Python's syntax, run statement by statement on plain data.

A v4 file may name such files under ``globals: expression_custom_functions``. They are not given to Python: what their
functions may hold is what stands here (definitions, assignments, conditions, loops, assertions and named tuples) and
the expressions of `flexloop.timeloop.v4front.expressions`. Of modules they have what expressions have of ``math``.
Anything else in them is refused by name when it is reached.
"""

from __future__ import annotations

import ast
from collections import ChainMap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flexloop.errors import SpecError
from flexloop.timeloop import yamlio
from flexloop.timeloop.v4front import builtin
from flexloop.timeloop.v4front.builtin import Builtin, Module
from flexloop.timeloop.v4front.expressions import Evaluator, Names
from flexloop.timeloop.v4front.limits import MAX_EXPRESSION, Budget, ExpressionError
from flexloop.timeloop.v4front.tags import Quoted


class _Return(Exception):
    def __init__(self, value: Any) -> None:
        self.value = value


class _Break(Exception):
    pass


class _Continue(Exception):
    pass


class Record(tuple[Any, ...]):
    """A tuple whose items have names."""

    record_fields: tuple[str, ...]

    def __new__(cls, fields: tuple[str, ...], values: Sequence[Any]) -> Record:
        """Make one of the names and the values of its items."""
        made = super().__new__(cls, values)
        made.record_fields = fields
        return made


class Function(Builtin):
    """A function of a file; written as the expression that named it where a document is given to others.

    Args:
        runner: what runs its statements.
        node: its definition.
        names: the names where it is defined.
    """

    def __init__(self, runner: Runner, node: ast.FunctionDef, names: Names) -> None:
        super().__init__(self._run)
        self.opaque = False
        self._runner, self._node, self._names = runner, node, names
        arguments = node.args
        self._defaults = [runner.evaluator.value(each, names) for each in arguments.defaults]
        self._named_defaults = {
            parameter.arg: runner.evaluator.value(default, names)
            for parameter, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
            if default is not None
        }

    def __str__(self) -> str:
        return self._node.name

    def _run(self, *values: Any, **named: Any) -> Any:
        names = self._names.new_child(self._bound(values, named))
        try:
            self._runner.run(self._node.body, names)
        except _Return as returned:
            return returned.value
        except ExpressionError as error:
            raise ExpressionError(f"{self._node.name}: {error}") from error
        return None

    def _bound(self, values: Sequence[Any], named: dict[str, Any]) -> dict[str, Any]:
        arguments, name = self._node.args, self._node.name
        parameters = [each.arg for each in (*arguments.posonlyargs, *arguments.args)]
        bound = dict(zip(parameters[len(parameters) - len(self._defaults) :], self._defaults, strict=True))
        bound |= self._named_defaults | dict(zip(parameters, values, strict=False))
        if arguments.vararg is not None:
            bound[arguments.vararg.arg] = tuple(values[len(parameters) :])
        elif len(values) > len(parameters):
            raise ExpressionError(f"{name} takes {len(parameters)} arguments, not {len(values)}")
        known = {*parameters, *(each.arg for each in arguments.kwonlyargs)}
        extra = {key: value for key, value in named.items() if key not in known}
        if arguments.kwarg is not None:
            bound[arguments.kwarg.arg] = extra
        elif extra:
            raise ExpressionError(f"{name} has no argument {next(iter(extra))!r}")
        bound |= {key: value for key, value in named.items() if key in known}
        if missing := [each for each in known if each not in bound]:
            raise ExpressionError(f"{name} is called without {missing[0]!r}")
        return bound


class Runner:
    """Runs the statements of files.

    Args:
        evaluator: evaluates the expressions in them.
    """

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator

    def functions(self, path: Path) -> dict[str, Any]:
        """The functions and other names that a file defines.

        Raises:
            SpecError: if it is unreadable or holds what cannot be run; the file is named.
        """
        text = yamlio.read_text(path)
        if len(text) > 100 * MAX_EXPRESSION:
            raise SpecError(f"{path}: longer than {100 * MAX_EXPRESSION} characters")
        names: Names = ChainMap({"__name__": Quoted(path.stem)}, builtin.FILE | self.evaluator.own)
        try:
            self.run(ast.parse(text).body, names)
        except SyntaxError as error:
            raise SpecError(f"{path}, line {error.lineno}: {error.msg}") from error
        except (ValueError, MemoryError, RecursionError, ExpressionError, _Return, _Break, _Continue) as error:
            raise SpecError(f"{path}: {error}; only functions on plain data can be used in expressions") from error
        return {key: value for key, value in names.maps[0].items() if isinstance(value, Builtin)}

    def run(self, statements: Sequence[ast.stmt], names: Names) -> None:
        """Run statements in turn."""
        for statement in statements:
            self.evaluator.budget.spend()
            handle = getattr(self, f"_{type(statement).__name__}", None)
            if handle is None:
                raise ExpressionError(f"line {statement.lineno}: {type(statement).__name__} cannot be run")
            handle(statement, names)

    def _FunctionDef(self, node: ast.FunctionDef, names: Names) -> None:
        if node.decorator_list:
            raise ExpressionError(f"line {node.lineno}: a function with a decorator cannot be run")
        names[node.name] = Function(self, node, names)

    def _ClassDef(self, node: ast.ClassDef, names: Names) -> None:
        bases = [each.id for each in node.bases if isinstance(each, ast.Name)]
        parts = [each for each in node.body if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)]
        if bases != ["NamedTuple"] or any(each.value is not None for each in parts):
            raise ExpressionError(f"line {node.lineno}: of classes only named tuples without defaults can be used")
        fields = tuple(each.target.id for each in parts if isinstance(each.target, ast.Name))

        def make(*values: Any, **named: Any) -> Record:
            given = dict(zip(fields, values, strict=False)) | named
            if len(values) > len(fields) or set(given) != set(fields):
                raise ExpressionError(f"{node.name} has the fields {', '.join(fields)}")
            return Record(fields, [given[field] for field in fields])

        names[node.name] = Builtin(make, Record)

    def _Import(self, node: ast.Import, names: Names) -> None:
        for each in node.names:
            names[each.asname or each.name.partition(".")[0]] = Module(each.name)

    def _ImportFrom(self, node: ast.ImportFrom, names: Names) -> None:
        module = Module(node.module or ".")
        for each in node.names:
            names[each.asname or each.name] = module.names.get(each.name, Module(f"{module}.{each.name}"))

    def _Return(self, node: ast.Return, names: Names) -> None:
        raise _Return(None if node.value is None else self.evaluator.value(node.value, names))

    def _Assign(self, node: ast.Assign, names: Names) -> None:
        value = self.evaluator.value(node.value, names)
        for target in node.targets:
            self.evaluator.assign(target, value, names)

    def _AnnAssign(self, node: ast.AnnAssign, names: Names) -> None:
        if node.value is not None:
            self.evaluator.assign(node.target, self.evaluator.value(node.value, names), names)

    def _AugAssign(self, node: ast.AugAssign, names: Names) -> None:
        read = ast.parse(ast.unparse(node.target), mode="eval").body
        left, right = self.evaluator.value(read, names), self.evaluator.value(node.value, names)
        if isinstance(left, list) and isinstance(node.op, ast.Add):
            left.extend(self.evaluator.iterate(right))
            Budget.bounded(left)
        else:
            self.evaluator.assign(node.target, self.evaluator.operate(type(node.op), left, right), names)

    def _Expr(self, node: ast.Expr, names: Names) -> None:
        self.evaluator.value(node.value, names)

    def _Pass(self, node: ast.Pass, names: Names) -> None:
        pass

    def _Break(self, node: ast.Break, names: Names) -> None:
        raise _Break

    def _Continue(self, node: ast.Continue, names: Names) -> None:
        raise _Continue

    def _Assert(self, node: ast.Assert, names: Names) -> None:
        if not self.evaluator.value(node.test, names):
            message = "" if node.msg is None else f": {self.evaluator.value(node.msg, names)}"
            raise ExpressionError(f"line {node.lineno}: {ast.unparse(node.test)} does not hold{message}")

    def _Raise(self, node: ast.Raise, names: Names) -> None:
        raise ExpressionError(f"line {node.lineno}: {ast.unparse(node)}")

    def _If(self, node: ast.If, names: Names) -> None:
        self.run(node.body if self.evaluator.value(node.test, names) else node.orelse, names)

    def _For(self, node: ast.For, names: Names) -> None:
        for value in self.evaluator.iterate(self.evaluator.value(node.iter, names)):
            self.evaluator.assign(node.target, value, names)
            if not self._once(node.body, names):
                return
        self.run(node.orelse, names)

    def _While(self, node: ast.While, names: Names) -> None:
        while self.evaluator.value(node.test, names):
            if not self._once(node.body, names):
                return
        self.run(node.orelse, names)

    def _once(self, body: list[ast.stmt], names: Names) -> bool:
        """Run a loop's body; whether the loop goes on after it."""
        try:
            self.run(body, names)
        except _Continue:
            return True
        except _Break:
            return False
        return True
