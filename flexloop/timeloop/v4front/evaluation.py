"""The expressions of a document, each evaluated with the names that the front end gives it.

Known are the document as ``spec``, the variables by name and as ``variables``, the functions, in the architecture the
attributes of the containers before and all components by name, in a component what of it stands before, and everywhere
the keys of the same mapping that stand before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flexloop.errors import SpecError
from flexloop.timeloop.v4front.architecture import Branch, Container, Leaf, Nodes
from flexloop.timeloop.v4front.builtin import Builtin
from flexloop.timeloop.v4front.document import Components, Document
from flexloop.timeloop.v4front.expressions import Evaluator
from flexloop.timeloop.v4front.functions import Runner
from flexloop.timeloop.v4front.limits import ExpressionError, weight
from flexloop.timeloop.v4front.section import Field, Items, Section
from flexloop.timeloop.v4front.tags import Quoted
from flexloop.timeloop.yamlio import MAX_NODES


class NamedFunction(Builtin):
    """A function that is a value, written as the expression that gave it."""

    def __init__(self, function: Builtin, expression: str) -> None:
        super().__init__(function.function, function.kind)
        self._expression = expression

    def __str__(self) -> str:
        return self._expression


def evaluate(document: Document) -> None:
    """Evaluate all expressions of a document in place.

    Raises:
        SpecError: if one has no value, or one of the wrong type; its place is named.
    """
    evaluator = Evaluator()
    runner = Runner(evaluator)
    for path in document.functions:
        evaluator.functions |= runner.functions(path)
    work = _Evaluation(evaluator)
    names = {"spec": document}
    variables = work.section(document["variables"], names)
    work.section(document, names | variables | {"variables": variables}, done=document["variables"])
    try:
        weight(document, MAX_NODES)
    except ExpressionError as error:
        raise SpecError(f"the values of the document's expressions: {error}") from error


class _Evaluation:
    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator

    def section(self, part: Section, names: Mapping[str, Any], done: Section | None = None) -> dict[str, Any]:
        """Evaluate a section but for one that is done; the names that are known after it."""
        known = {**names, "parent_node": part}
        if isinstance(part, Leaf):
            known["attributes"] = dict(names.get("attributes", {}))
        for key in list(part):
            if part[key] is not done:
                part[key] = self._value(part[key], part.field(key)[1], known, f"{part.where}.{key}", part.expressions)
            known[key] = part[key]
        return known

    def _items(self, part: Items, names: Mapping[str, Any]) -> None:
        known = dict(names)
        if isinstance(part, Nodes):
            known |= {leaf["name"]: leaf for leaf in _leaves(part)}
        for index, value in enumerate(part):
            where = f"{part.where}[{index}]"
            part[index] = self._value(value, Field(part.accepts, make=part.item), known, where, False)
            if isinstance(value, Container):
                known |= value["attributes"]

    def _value(self, value: Any, field: Field | None, names: Mapping[str, Any], where: str, always: bool) -> Any:
        if isinstance(value, Section):
            if not isinstance(value, Components):
                self.section(value, names)
        elif isinstance(value, Items):
            self._items(value, names)
        elif isinstance(value, str) and not isinstance(value, Quoted):
            wrapped = value.startswith("(") and value.endswith(")")
            if always or wrapped or not (field is None or field.fits(value)):
                value = self._result(value, names, where)
                return value if field is None else field.built(value, where)
        return value

    def _result(self, text: str, names: Mapping[str, Any], where: str) -> Any:
        if (number := _number(text)) is not None:
            return number
        try:
            value = self._evaluator.evaluate(text, names)
        except ExpressionError as error:
            raise SpecError(
                f"{where.lstrip('.')}: {text.strip()[:100]!r} cannot be evaluated: {error}; put a text in quotes"
            ) from error
        if isinstance(value, Builtin):
            return NamedFunction(value, text)
        return Quoted(value) if isinstance(value, str) else value


def _leaves(nodes: Nodes) -> list[Leaf]:
    found = [node for node in nodes if isinstance(node, Leaf)]
    return found + [leaf for node in nodes if isinstance(node, Branch) for leaf in node.leaves()]


def _number(text: str) -> bool | int | None:
    """The whole number or truth value that a text is."""
    if (lower := text.lower()) in ("true", "false"):
        return lower == "true"
    try:
        return int(text) if len(text) < 1000 else None
    except ValueError:
        return None
