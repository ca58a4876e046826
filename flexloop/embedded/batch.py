"""Mappings as arrays: one, from its loops and bypass by name, or many at once."""

from __future__ import annotations

from collections.abc import Mapping as Map
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from flexloop.embedded.arrays import Bools, Ints, Rows
from flexloop.embedded.spec import Spec
from flexloop.errors import SpecError, UnknownNameError
from flexloop.timeloop.mapping import LevelMapping, Mapping


@dataclass(frozen=True)
class Batch:
    """n mappings of one specification with L storage levels, D dimensions and T data spaces, levels innermost first.

    A mapping's bounds are the products of its factors, residuals regarded; they need not be the specification's.

    Attributes:
        temporal: int64[n, L, D] factors of the temporal loops of each level.
        temporal_order: int64[n, L, D] their order: indices of dimensions, innermost first.
        spatial: int64[n, L, D] factors of the fanout below each level; 1 where there is no fanout.
        spatial_order: int64[n, L, D] their order.
        split: int64[n, L] how many dimensions of the spatial order lie on X; the others lie on Y.
        keep: bool[n, L, T] whether a level stores a data space.
        temporal_residual, spatial_residual: int64[n, L, D] iterations of each loop in the last pass over its dimension;
            absent, its factor.

    Raises:
        ValueError: if shapes differ, an order is no permutation, a factor is below 1, or a residual not between 1 and
            its factor.
    """

    temporal: Ints
    temporal_order: Ints
    spatial: Ints
    spatial_order: Ints
    split: Ints
    keep: Bools
    temporal_residual: Ints | None = None
    spatial_residual: Ints | None = None

    def __post_init__(self) -> None:
        for name in ("temporal", "temporal_order", "spatial", "spatial_order", "split", *self._residuals):
            object.__setattr__(self, name, np.ascontiguousarray(getattr(self, name), np.int64))
        object.__setattr__(self, "keep", np.ascontiguousarray(self.keep, np.bool_))
        shape = self.temporal.shape
        loops = (self.temporal_order, self.spatial, self.spatial_order)
        if len(shape) != 3 or any(a.shape != shape for a in loops) or self.split.shape != shape[:2]:
            raise ValueError("temporal, spatial and their orders must be [n, levels, dimensions], split [n, levels]")
        if self.keep.shape[:2] != shape[:2]:
            raise ValueError("keep must be [n, levels, data spaces]")
        for order in (self.temporal_order, self.spatial_order):
            if not (np.bitwise_or.reduce(1 << (order & 63), axis=2) == 2 ** shape[2] - 1).all():
                raise ValueError("an order does not name every dimension once")
        if shape[0] and (self.temporal.min() < 1 or self.spatial.min() < 1):
            raise ValueError("factors must be at least 1")
        for name in self._residuals:
            residual, factor = getattr(self, name), getattr(self, name.removesuffix("_residual"))
            if residual.shape != shape or (residual < 1).any() or (residual > factor).any():
                raise ValueError(f"{name} must be [n, levels, dimensions], between 1 and the factors")

    @property
    def _residuals(self) -> tuple[str, ...]:
        return tuple(n for n in ("temporal_residual", "spatial_residual") if getattr(self, n) is not None)

    @property
    def is_perfect(self) -> Bools:
        """[n] whether no loop of a mapping has a residual."""
        perfect = np.ones(len(self), np.bool_)
        for name in self._residuals:
            perfect &= (getattr(self, name) == getattr(self, name.removesuffix("_residual"))).all(axis=(1, 2))
        return perfect

    def take(self, rows: Rows) -> Batch:
        """The chosen mappings."""
        return Batch(**{name: part[rows] for name, part in vars(self).items() if part is not None})

    def residuals(self) -> tuple[Ints, Ints]:
        """Iterations of temporal and of spatial loops in their last pass."""
        temporal = self.temporal if self.temporal_residual is None else self.temporal_residual
        return temporal, self.spatial if self.spatial_residual is None else self.spatial_residual

    def __len__(self) -> int:
        return len(self.temporal)


def batch_of(spec: Spec, mappings: Sequence[Mapping]) -> Batch:
    """Return mappings as a batch.

    Levels and dimensions that a mapping does not name get factor 1; a data space that a level names in neither keep nor
    bypass is kept, as Timeloop keeps it.

    Raises:
        UnknownNameError: a level, dimension or data space that the specification does not have.
        SpecError: spatial loops below a level that has no fanout.
    """
    n, levels, dims = len(mappings), len(spec.levels), len(spec.problem.dimensions)
    temporal, spatial = np.ones((2, n, levels, dims), np.int64)
    temporal_order, spatial_order = np.zeros((2, n, levels, dims), np.int64)
    temporal_residual, spatial_residual = np.ones((2, n, levels, dims), np.int64)
    split = np.zeros((n, levels), np.int64)
    keep = np.ones((n, levels, len(spec.data_space_names)), np.bool_)
    for m, mapping in enumerate(mappings):
        given = {level.target: level for level in mapping.levels}
        if unknown := [name for name in given if name not in spec.level_names]:
            raise UnknownNameError("storage level in the mapping", unknown[0], spec.level_names)
        for p, name in enumerate(spec.level_names):
            level = given.get(name, LevelMapping(name))
            _check_names(spec, level)
            temporal[m, p], temporal_order[m, p] = _loops(spec, level.factors, level.permutation)
            spatial[m, p], spatial_order[m, p] = _loops(spec, level.spatial_factors, level.spatial_permutation)
            temporal_residual[m, p] = [level.residual(d) for d in spec.problem.dimensions]
            spatial_residual[m, p] = [level.residual(d, spatial=True) for d in spec.problem.dimensions]
            split[m, p] = level.split
            keep[m, p] = [space not in level.bypass for space in spec.data_space_names]
    residuals = () if all(mapping.is_perfect for mapping in mappings) else (temporal_residual, spatial_residual)
    return Batch(temporal, temporal_order, spatial, spatial_order, split, keep, *residuals)


def _check_names(spec: Spec, level: LevelMapping) -> None:
    dimensions, spaces = spec.problem.dimensions, spec.data_space_names
    used = (*level.factors, *level.permutation, *level.spatial_factors, *level.spatial_permutation)
    if unknown := [d for d in used if d not in dimensions]:
        raise UnknownNameError("dimension in the mapping", unknown[0], dimensions)
    if unknown := [t for t in (*level.keep, *level.bypass, *level.limits.names) if t not in spaces]:
        raise UnknownNameError("data space in the mapping", unknown[0], spaces)
    if level.target not in spec.fanouts and prod(level.spatial_factors.values()) > 1:
        raise SpecError(
            f"mapping: spatial loops at {level.target}, which has no fanout: there are as many instances of it as of "
            "what lies below it"
        )


def _loops(spec: Spec, factors: Map[str, int], permutation: Sequence[str]) -> tuple[list[int], list[int]]:
    """Factors of all dimensions, and their order with those that are not named outermost."""
    dimensions = spec.problem.dimensions
    named = [dimensions.index(d) for d in permutation]
    order = [*named, *(d for d in range(len(dimensions)) if d not in named)]
    return [factors.get(d, 1) for d in dimensions], order
