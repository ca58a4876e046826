"""A v4 document in the keys that Timeloop's own programs read.

The result holds what the front end writes into ``parsed-processed-input.yaml``: one list of components, outermost
first, each with the instances that it has in all; for every fanout a level before it that holds the spatial loops,
keeps nothing and is named ``inter_<node>_spatial``; and all constraints in one list.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from flexloop.errors import SpecError
from flexloop.timeloop.v4front import cimloop
from flexloop.timeloop.v4front.architecture import Compute, Container, Leaf, Network, Nothing, Storage, walk
from flexloop.timeloop.v4front.attachment import attach
from flexloop.timeloop.v4front.constraints import Constraint, Dataspace, Iteration, Spatial, Temporal
from flexloop.timeloop.v4front.document import Document
from flexloop.timeloop.v4front.evaluation import evaluate
from flexloop.timeloop.v4front.macros import resolve
from flexloop.timeloop.v4front.placement import complete
from flexloop.timeloop.v4front.plain import plain
from flexloop.timeloop.v4front.problem import Problem
from flexloop.timeloop.v4front.section import Section

AnyDocument = TypeVar("AnyDocument", bound=Document)

MAX_MESH = 2**40
"""Instances above which a mesh is refused."""


def translate(document: Document, *, for_model: bool = False) -> dict[str, Any]:
    """Translate a document.

    Args:
        document: the document, which stays as it is.
        for_model: whether for ``timeloop-model``, which is given the constraints as a mapping, instead of for
            ``timeloop-mapper``.

    Raises:
        SpecError, UnknownNameError: if it is malformed or contradicts itself; the place is named.
    """
    return native(evaluated(document), for_model=for_model)


def evaluated(document: AnyDocument) -> AnyDocument:
    """A copy of a document with all expressions evaluated and what CiMLoop adds settled.

    Raises:
        SpecError, UnknownNameError: if it is malformed; the place is named.
    """
    document = document.rebuilt()
    document.check(evaluated=False)
    cimloop.prepare(document)
    evaluate(document)
    document.check()
    cimloop.settle(document)
    return document


def native(document: Document, *, for_model: bool = False) -> dict[str, Any]:
    """Translate a document that is evaluated, and is used up by it; else as `translate`."""
    attach(document)
    resolve(document)
    complete(document)
    levels = _Levels(document)
    directives = [_directive(constraint) for constraint in levels.constraints]
    translated: dict[str, Any] = {
        "dumped_by_timeloop_front_end": True,
        "architecture": {"version": "0.4", "subtree": [levels.tree]},
        "architecture_constraints": {"targets": [] if for_model else directives},
        "problem": document["problem"],
        "compound_components": document["components"],
        "mapping": directives if for_model else [],
    }
    if levels.sparse:
        translated["sparse_optimizations"] = {"targets": levels.sparse}
    translated |= {key: document[key] for key in ("mapper", "mapspace", "globals")}
    translated |= {key: document[key] for key in ("ERT", "ART") if document[key]["tables"]}
    found: dict[str, Any] = plain(translated)
    return found


class _Levels:
    """The list of components, with the constraints and sparse optimizations on them."""

    def __init__(self, document: Document) -> None:
        self.constraints: list[Constraint] = []
        self.sparse: list[dict[str, Any]] = []
        self._local: list[dict[str, Any]] = []
        self._inherited: dict[str, Any] = {}
        self._mesh = (1, 1)
        self._gate: str | None = None
        self._gate_next = False
        leaves = list(walk(document["architecture"]))
        if not leaves or not isinstance(leaves[-1][0], Compute):
            last = leaves[-1][0]["name"] if leaves else "none"
            raise SpecError(f"architecture: the last node must be a component that computes; it is {last}")
        for leaf, in_parallel in leaves:
            if leaf.get("enabled", True) and not isinstance(leaf, Nothing):
                self._place(leaf, in_parallel, document["problem"])
        self.tree = self._tree(document, leaves[0][0])

    def _tree(self, document: Document, first: Leaf) -> dict[str, Any]:
        attributes = dict(document["variables"])
        name = "top_level"
        if isinstance(first, Container):
            name = f"{first['name']}_top_level"
            attributes |= first["attributes"]
        return {"name": name, "attributes": attributes, "local": self._local}

    def _place(self, leaf: Leaf, in_parallel: bool, problem: Problem) -> None:
        if isinstance(leaf, Container):
            self._inherited |= leaf["attributes"]
        fanout = leaf.get_fanout() != 1
        if in_parallel and (fanout or isinstance(leaf, Container)):
            raise SpecError(f"{leaf.where}: a container or fanout cannot stand directly in !Parallel")
        gates = bool(leaf["attributes"]["has_power_gating"])
        if fanout:
            spatial = leaf["constraints"].pop("spatial")
            self._add(*_idle_level(f"inter_{leaf['name']}_spatial", spatial, problem), gates=gates)
            self._multiply(leaf)
        if not isinstance(leaf, Container):
            constraints = [each for each in leaf["constraints"].values() if not each.is_empty()]
            self._add(_fields_of(leaf), constraints, gates=gates)
            if not leaf["sparse_optimizations"].is_empty():
                self.sparse.append({**_said(leaf["sparse_optimizations"]), "name": leaf["name"]})

    def _add(self, fields: dict[str, Any], constraints: list[Any], *, gates: bool) -> None:
        name = fields["name"]
        for constraint in constraints:
            constraint["target"] = name
        self.constraints += constraints
        attributes = fields.setdefault("attributes", {})
        attributes["meshX"], attributes["meshY"] = self._mesh
        fields["attributes"] = attributes | {k: v for k, v in self._inherited.items() if k not in attributes}
        if not fields.pop("network", False):
            fields["name"] = f"{name}[1..{self._mesh[0] * self._mesh[1]}]"
            if self._gate_next:
                self._gate = name
            self._gate_next = gates
        fields["attributes"].setdefault("power_gated_at", self._gate or name)
        self._local.append(fields)

    def _multiply(self, leaf: Leaf) -> None:
        for axis in ("meshX", "meshY"):
            if leaf["spatial"][axis] < 1:
                raise SpecError(f"{leaf.where}.spatial.{axis} is {leaf['spatial'][axis]}; at least 1")
        self._mesh = (self._mesh[0] * leaf["spatial"]["meshX"], self._mesh[1] * leaf["spatial"]["meshY"])
        if self._mesh[0] * self._mesh[1] > MAX_MESH:
            raise SpecError(f"{leaf.where}: more than 2^40 instances")


def _idle_level(name: str, spatial: Spatial, problem: Problem) -> tuple[dict[str, Any], list[Constraint]]:
    """The level that holds a fanout's loops and keeps nothing, and the constraints that make it so."""
    dimensions = problem["shape"]["dimensions"]
    still = Temporal({"factors": [f"{d}=1" for d in dimensions], "permutation": list(dimensions)}, name)
    nothing = Dataspace({"bypass": problem["shape"].names()}, name)
    attributes = {"width": 1, "depth": 1, "datawidth": 1, "technology": -1}
    fields = _fields_of(Storage({"name": name, "class": "dummy_storage", "attributes": attributes}, name))
    loops = Spatial({}, name).combine(spatial)
    return fields, [each for each in (loops, still, nothing) if not each.is_empty()]


def _fields_of(leaf: Leaf) -> dict[str, Any]:
    """What is said of a component beside constraints and fanout."""
    left_out = ("constraints", "sparse_optimizations", "spatial")
    fields = _said({key: value for key, value in leaf.items() if key not in left_out})
    return fields | ({"network": True} if isinstance(leaf, Network) else {})


def _said(content: dict[str, Any]) -> dict[str, Any]:
    """Keys whose values say something, in sections at any depth."""
    return dict(_sayings(content))


def _sayings(content: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        said = _said(value) if isinstance(value, Section) else value
        if said is not None and not (isinstance(said, (str, list, dict)) and not said):
            yield key, said


def _directive(constraint: Constraint) -> dict[str, Any]:
    """A constraint as Timeloop reads it."""
    fields = _said(constraint)
    if isinstance(constraint, Dataspace):
        fields["type"] = "bypass"
    if isinstance(constraint, Iteration):
        if "factors" in fields:
            fields["factors"] = ",".join(fields["factors"])
        if "permutation" in fields:
            fields["permutation"] = "".join(fields["permutation"])
    return fields
