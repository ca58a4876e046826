"""The kinds of nodes of an architecture, by the front end's names."""

from flexloop.timeloop.v4front.architecture import (
    Architecture,
    ArrayContainer,
    Attributes,
    Branch,
    Component,
    Compute,
    Container,
    Hierarchical,
    Leaf,
    Network,
    Nothing,
    Parallel,
    Pipelined,
    Storage,
    StorageAttributes,
)
from flexloop.timeloop.v4front.architecture import Fanout as Spatial
from flexloop.timeloop.v4front.architecture import Nodes as ArchNodes

__all__ = [
    "ArchNodes",
    "Architecture",
    "ArrayContainer",
    "Attributes",
    "Branch",
    "Component",
    "Compute",
    "Container",
    "Hierarchical",
    "Leaf",
    "Network",
    "Nothing",
    "Parallel",
    "Pipelined",
    "Spatial",
    "Storage",
    "StorageAttributes",
]
