"""Sparse optimizations: carried along and left to be refused by what would have to model them."""

from __future__ import annotations

from flexloop.timeloop.v4front.document_version import VERSION
from flexloop.timeloop.v4front.section import Field, Items, Section, items


class SparseOptimizations(Section):
    """The sparse optimizations at one component."""

    fields = {
        "target": Field((str,), None),
        "action_optimization": items(Items),
        "representation_format": Field((dict,), {}),
        "compute_optimization": items(Items),
    }

    def is_empty(self) -> bool:
        """Whether it optimizes nothing."""
        return not any(self.get(key) for key in self if key != "target")


class SparseTargets(Items):
    """Sparse optimizations that stand beside the architecture."""

    def item(self, value: object, where: str) -> object:
        """Those at one component."""
        return SparseOptimizations(value, where)


class SparseSection(Section):
    """The top-level key."""

    fields = {"version": VERSION, "targets": items(SparseTargets)}
