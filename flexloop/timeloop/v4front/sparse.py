"""Sparse optimizations: carried along and left to be refused by what would have to model them."""

from __future__ import annotations

from typing import Any

from flexloop.timeloop.v4front.document_version import VERSION
from flexloop.timeloop.v4front.section import ANY, Field, Items, Section, items, section


class ActionOptimizationList(Items):
    """Accesses that are gated or skipped."""


class ComputeOptimization(Section):
    """Computes that are gated or skipped."""

    others = ANY


class ComputeOptimizationList(Items):
    """Optimizations of computes."""

    def item(self, value: Any, where: str) -> Any:
        """An optimization."""
        return ComputeOptimization(value, where) if isinstance(value, dict) else super().item(value, where)


class RepresentationFormat(Section):
    """How data spaces are compressed."""

    others = ANY


class SparseOptimizations(Section):
    """The sparse optimizations at one component."""

    fields = {
        "target": Field((str,), None),
        "action_optimization": items(ActionOptimizationList),
        "representation_format": section(RepresentationFormat),
        "compute_optimization": items(ComputeOptimizationList),
    }

    def is_empty(self) -> bool:
        """Whether it optimizes nothing."""
        return not any(_says(value) for key, value in self.items() if key != "target")


class SparseTargets(Items):
    """Sparse optimizations that stand beside the architecture."""

    def item(self, value: object, where: str) -> object:
        """Those at one component."""
        return SparseOptimizations(value, where)


class SparseSection(Section):
    """The top-level key."""

    fields = {"version": VERSION, "targets": items(SparseTargets)}


def _says(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_says(each) for each in value.values())
    return any(_says(each) for each in value) if isinstance(value, list) else value is not None
