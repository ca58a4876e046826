"""What the front end adds to a document: branches passed by, idle loops innermost, actions for Accelergy."""

from __future__ import annotations

from flexloop.errors import SpecError
from flexloop.timeloop.v4front.architecture import Branch, Compute, Leaf, Parallel, Storage
from flexloop.timeloop.v4front.constraints import Dataspace, Iteration
from flexloop.timeloop.v4front.document import Document

_STORAGE_ACTIONS = ["leak", "read", "update", "write"]


def complete(document: Document) -> None:
    """Add to the constraints and components of a document what the front end adds.

    Raises:
        SpecError: if a data space is kept in two parallel branches, or in none.
    """
    names = document["problem"]["shape"].names()
    _choose_branches(document["architecture"], set(names), names)
    _order_idle_loops(document)
    for component in document["architecture"].leaves():
        if isinstance(component, (Storage, Compute)):
            actions = _STORAGE_ACTIONS if isinstance(component, Storage) else ["compute"]
            own = component["required_actions"] or []
            if not all(isinstance(action, str) for action in own):
                raise SpecError(f"{component.where}.required_actions is {str(own)[:60]!r}, not a list of names")
            component["required_actions"] = sorted({*actions, *own})


def _choose_branches(branch: Branch, passing: set[str], names: list[str]) -> None:
    """Have each data space bypass all nodes of a `Parallel` but the one that keeps it."""
    if not isinstance(branch, Parallel):
        for node in branch["nodes"]:
            if isinstance(node, Branch):
                _choose_branches(node, passing, names)
        return
    kept = [{name for dataspace in _dataspaces(node) for name in dataspace["keep"]} for node in branch["nodes"]]
    for index, first in enumerate(kept):
        for second in kept[index + 1 :]:
            if both := sorted(first & second):
                raise SpecError(f"{branch.where}: {', '.join(both)} is kept in two parallel branches; keep it in one")
    if missing := sorted(passing - set().union(*kept)):
        raise SpecError(
            f"{branch.where}: no parallel branch keeps {', '.join(missing)}; add a keep constraint in one, or the node "
            f"!Container {{constraints: {{dataspace: {{keep: [{', '.join(missing)}]}}}}}} to go past all"
        )
    for node, own in zip(branch["nodes"], kept, strict=True):
        for dataspace in _dataspaces(node):
            dataspace.combine(Dataspace({"bypass": [name for name in names if name not in own]}, dataspace.where))
        if isinstance(node, Branch):
            _choose_branches(node, own, names)


def _dataspaces(node: Leaf | Branch) -> list[Dataspace]:
    return node.below(Dataspace)


def _order_idle_loops(document: Document) -> None:
    """Name dimensions whose factor or bound is 1 in the orders of loops, innermost, where they are not named."""
    problem = document["problem"]
    for leaf in document["architecture"].leaves():
        constraints = leaf["constraints"]
        if isinstance(leaf, Storage):
            _order(constraints["temporal"], problem["shape"]["dimensions"], problem["instance"])
        if leaf.get_fanout() > 1:
            _order(constraints["spatial"], problem["shape"]["dimensions"], problem["instance"])


def _order(constraint: Iteration, dimensions: list[str], bounds: dict[str, int]) -> None:
    order = constraint["permutation"]
    for dimension in dimensions:
        if dimension not in bounds:
            raise SpecError(f"problem.instance has no bound of the dimension {dimension}")
    idle = [name for name, _, value in constraint["factors"].split() if value == 1]
    for dimension in [*idle, *(name for name in dimensions if bounds[name] == 1)]:
        if dimension not in order:
            order.insert(0, dimension)
