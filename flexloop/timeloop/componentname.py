"""How components are called in Timeloop's and Accelergy's tables."""

from __future__ import annotations


def component_name(path: str) -> str:
    """A component's own name: the last part of its path, without a range of instances, as Timeloop finds it."""
    start = path.rfind("[")
    if path.endswith("]") and ".." in path[start:]:
        path = path[:start]
    return path.rpartition(".")[2]
