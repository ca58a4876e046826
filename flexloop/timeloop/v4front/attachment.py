"""Constraints and sparse optimizations that stand beside the architecture, brought to the nodes that they are about."""

from __future__ import annotations

from typing import Any

from flexloop.errors import UnknownNameError
from flexloop.timeloop.v4front.architecture import Leaf
from flexloop.timeloop.v4front.document import Document
from flexloop.timeloop.v4front.section import combined


def attach(document: Document) -> None:
    """Bring them there; where a node has some of its own, both must agree.

    Raises:
        UnknownNameError: if there is no node of a target's name.
        SpecError: if two contradict each other.
    """
    for constraint in [*document["constraints"]["targets"], *document["mapping"]]:
        group = _node(document, constraint["target"], "constraint")["constraints"]
        kind = constraint["type"]
        group[kind] = combined(group[kind], constraint, f"{group.where}.{kind}")
    for optimization in document["sparse_optimizations"]["targets"]:
        node = _node(document, optimization["target"], "sparse optimization")
        node["sparse_optimizations"] = combined(node["sparse_optimizations"], optimization, node.where)
    document["constraints"]["targets"].clear()
    document["mapping"].clear()
    document["sparse_optimizations"]["targets"].clear()


def _node(document: Document, name: Any, what: str) -> Leaf:
    leaves: list[Leaf] = document["architecture"].leaves()
    for leaf in leaves:
        if leaf["name"] == name:
            return leaf
    raise UnknownNameError("component", str(name), [leaf["name"] for leaf in leaves], f"as the target of a {what}")
