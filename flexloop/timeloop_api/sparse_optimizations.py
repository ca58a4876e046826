"""The kinds of sparse optimizations, by the front end's names; they can be read and removed, not modelled."""

from flexloop.timeloop.v4front.sparse import (
    ActionOptimizationList,
    ComputeOptimization,
    ComputeOptimizationList,
    RepresentationFormat,
)
from flexloop.timeloop.v4front.sparse import SparseOptimizations as SparseOptimizationGroup
from flexloop.timeloop.v4front.sparse import SparseSection as SparseOptimizations
from flexloop.timeloop.v4front.sparse import SparseTargets as SparseOptimizationsList

__all__ = [
    "ActionOptimizationList",
    "ComputeOptimization",
    "ComputeOptimizationList",
    "RepresentationFormat",
    "SparseOptimizationGroup",
    "SparseOptimizations",
    "SparseOptimizationsList",
]
