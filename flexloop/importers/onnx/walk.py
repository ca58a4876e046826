"""The operators of a graph in their order: layers, what is left out, bodies of conditions and loops by choice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from flexloop.errors import SpecError
from flexloop.importers.onnx import attention, convolutions, loops, products, recurrent
from flexloop.importers.onnx.bodies import graphs as graphs_of
from flexloop.importers.onnx.choices import Choices
from flexloop.importers.onnx.elementwise import WITHOUT_MACS
from flexloop.importers.onnx.files import hint
from flexloop.importers.onnx.leftout import LeftOut
from flexloop.importers.onnx.values import OpenShape, Operator, Values, operator, values_of
from flexloop.importers.operators import Unfit
from flexloop.workloads.layers import DIMENSIONS

if TYPE_CHECKING:
    from onnx import GraphProto

HANDLERS = {**convolutions.HANDLERS, **products.HANDLERS, **recurrent.HANDLERS, **attention.HANDLERS}
"""The operators that become layers."""


@dataclass(frozen=True)
class Found:
    """A layer's fields, and the name of the node that it is of."""

    name: str
    fields: dict[str, Any]

    @property
    def macs(self) -> int:
        """Multiply-accumulates, all occurrences together."""
        return prod(self.fields.get(dimension, 1) for dimension in (*DIMENSIONS, "count"))


Finding: TypeAlias = Found | LeftOut


@dataclass(frozen=True)
class Walk:
    """A walk over a model's operators.

    Attributes:
        path: the model, for messages.
        choices: what the user chose.
        open_dimensions: names of the input dimensions without a size.
    """

    path: Path
    choices: Choices
    open_dimensions: Sequence[str]

    def findings(self, graph: GraphProto, values: Values) -> Iterator[Finding]:
        """What the operators of a graph are; those that do not depend on the model's inputs are passed over.

        Raises:
            SpecError: if the shapes of a layer are open for want of a size, or contradict one another.
        """
        for node in graph.node:
            if node.output and node.output[0] in values.constants:
                continue
            seen = operator(node, values)
            where = f"{self.path}: node {seen.name!r} ({seen.kind})"
            bodies = self._bodies(seen)
            try:
                yield from self._node(seen, bodies)
            except OpenShape as error:
                if self.open_dimensions:
                    names = ", ".join(self.open_dimensions)
                    raise SpecError(
                        f"{where}: {error}; give the model's open dimensions ({names}) sizes, for example "
                        f"{hint(self.open_dimensions)}"
                    ) from error
                yield LeftOut(seen.kind, seen.name, f"{error}, which the model's inputs alone do not settle", None)
            except Unfit as error:
                yield LeftOut(seen.kind, seen.name, str(error), error.macs)
            except SpecError as error:
                raise SpecError(f"{where}: {error}") from error
            except (ValueError, LookupError, ArithmeticError, AttributeError) as error:
                shapes = ", ".join(map(str, seen.shapes))
                raise SpecError(f"{where}: inputs of shapes {shapes} do not fit the operator") from error

    def _bodies(self, node: Operator) -> dict[str, list[Finding]]:
        """What the graphs inside an operator hold, by the names of its attributes."""
        graphs = graphs_of(node).items()
        return {name: list(self.findings(graph, values_of(graph, node.values))) for name, graph in graphs}

    def _node(self, node: Operator, bodies: dict[str, list[Finding]]) -> Iterator[Finding]:
        if node.kind in HANDLERS:
            yield from [Found(node.name, fields) for fields in HANDLERS[node.kind](node)]
        elif not _is_known(node.kind):
            yield LeftOut(node.kind, node.name, "an operator that is not known, so its work is not either", None)
        elif any(bodies.values()):
            yield from self._condition(node, bodies) if node.kind == "If" else self._repeated(node, bodies)

    def _condition(self, node: Operator, bodies: dict[str, list[Finding]]) -> Iterator[Finding]:
        branch = loops.branch(node, self.choices)
        if branch is not None:
            yield from bodies[branch]
            return
        work = {name: _macs(findings) for name, findings in bodies.items()}
        sizes = ", ".join(f"{name.removesuffix('_branch')}: {macs:,} MACs" for name, macs in sorted(work.items()))
        reason = f"which branch runs depends on the inputs ({sizes}); --branch then or --branch else counts one"
        yield LeftOut(node.kind, node.name, reason, max(work.values()))

    def _repeated(self, node: Operator, bodies: dict[str, list[Finding]]) -> Iterator[Finding]:
        body = [finding for findings in bodies.values() for finding in findings]
        steps = loops.steps(node) or (self.choices.loop_steps if node.kind == "Loop" else None)
        if steps is not None:
            yield from (_times(finding, steps) for finding in body)
            return
        way = "; --loop-steps N says it" if node.kind == "Loop" else ""
        reason = f"how often its body of {_macs(body):,} MACs runs depends on the inputs{way}"
        yield LeftOut(node.kind, node.name, reason, _macs(body))


def _is_known(kind: str) -> bool:
    from onnx import defs

    return kind in WITHOUT_MACS or ("." not in kind and defs.has(kind))


def _macs(findings: Iterable[Finding]) -> int:
    return sum(finding.macs or 0 for finding in findings)


def _times(finding: Finding, steps: int) -> Finding:
    if isinstance(finding, LeftOut):
        return replace(finding, macs=None if finding.macs is None else finding.macs * steps)
    return replace(finding, fields={**finding.fields, "count": finding.fields.get("count", 1) * steps})
