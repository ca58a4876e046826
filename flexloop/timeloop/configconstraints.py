"""Find the constraints of a whole Timeloop configuration, which may stand in five places."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from flexloop.errors import SpecError, UnsupportedError
from flexloop.timeloop.constraints import Constraints, Subject
from flexloop.timeloop.directives import read_constraints
from flexloop.validation import short


def from_config(config: Mapping[str, Any], subject: Subject) -> Constraints:
    """Read the constraints of a whole Timeloop configuration, wherever ``timeloop-mapper`` looks for them.

    Architecture constraints stand in the architecture, in ``arch_constraints`` or in ``architecture_constraints``,
    mapspace constraints in ``mapspace`` or ``mapspace_constraints``; each is a list, or a mapping with a list under
    ``targets`` or ``constraints``. Mapspace constraints may name a template.

    Raises:
        SpecError, UnknownNameError, UnsupportedError: as `read_constraints`.
    """
    if "mapspace" in config and "mapspace_constraints" in config:
        raise SpecError("found both mapspace and mapspace_constraints: give one of them")
    nodes = [("mapspace", config.get("mapspace")), ("mapspace_constraints", config.get("mapspace_constraints"))]
    for key, node in (
        _in_architecture(config.get("arch", config.get("architecture"))),
        ("arch_constraints", config.get("arch_constraints")),
        ("architecture_constraints", config.get("architecture_constraints")),
    ):
        if node is not None and len(nodes) == 3:
            warnings.warn(f"{key} has no effect beside {nodes[-1][0]}, which Timeloop looks for first", stacklevel=2)
        elif node is not None:
            nodes.append((key, node))
    directives = [d for key, node in nodes for d in _directive_list(key, node)]
    return read_constraints(directives, subject, _template(nodes))


_TEMPLATES = ("uber", "ruby")


def _template(nodes: Sequence[tuple[str, Any]]) -> str:
    """The template of the mapspace; architecture constraints, the last of the nodes, have none."""
    found = "uber"
    for key, node in nodes:
        if not isinstance(node, Mapping) or "template" not in node:
            continue
        if not key.startswith("mapspace"):
            warnings.warn(f"{key}.template has no effect: it stands under mapspace", stacklevel=3)
        elif node["template"] not in _TEMPLATES:
            raise UnsupportedError(f"{key}.template is {short(node['template'])}: there are {' and '.join(_TEMPLATES)}")
        else:
            found = node["template"]
    return found


def _in_architecture(architecture: Any) -> tuple[str, Any]:
    """The constraints in an architecture and where they stand: in a tree, Timeloop finds them in the first subtree."""
    where = "architecture.constraints"
    if not isinstance(architecture, Mapping):
        return where, None
    subtrees = architecture.get("subtree")
    if not isinstance(subtrees, list) or not subtrees or not isinstance(subtrees[0], Mapping):
        return where, architecture.get("constraints")
    if architecture.get("constraints") is not None:
        warnings.warn(
            f"{where} has no effect beside a subtree: Timeloop does not look there; write architecture_constraints",
            stacklevel=3,
        )
    return "architecture.subtree[0].constraints", subtrees[0].get("constraints")


def _directive_list(key: str, node: Any) -> list[Any]:
    if node is None:
        return []
    if isinstance(node, list):
        return node
    if not isinstance(node, Mapping):
        raise SpecError(f"{key} is {node!r}: write a list of directives, or targets: with that list")
    for name in ("constraints", "targets"):
        found = node.get(name)
        if name == "constraints" and isinstance(found, str):  # the name of a list beside it
            found = node.get(f"constraints_{found}")
            if found is None:
                raise SpecError(f"{key}.constraints is {node[name]!r}, but there is no list constraints_{node[name]}")
        if isinstance(found, list):
            return found
        if found is not None:
            raise UnsupportedError(f"{key}.{name} is {found!r}: only a list of directives is read")
    if unknown := sorted(map(str, set(node) - {"template", "version", "constraints", "targets"})):
        raise UnsupportedError(f"{key}.{unknown[0]} is not a list of directives: put them under targets:")
    return []
