"""A specification and a mapping as the arrays that the kernels read."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, prod

import numpy as np
from numpy.typing import NDArray

from flexloop.engines.embedded.spec import Spec
from flexloop.errors import SpecError, UnknownNameError
from flexloop.timeloop.mapping import LevelMapping, Mapping

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class SpecArrays:
    """A specification as arrays; shapes and columns as in `flexloop.engines.embedded.kernels`."""

    hw: Ints
    hwf: NDArray[np.float64]
    fan: Ints
    coef: Ints
    rw: NDArray[np.bool_]


@dataclass(frozen=True)
class MappingArrays:
    """A mapping as arrays; shapes as in `flexloop.engines.embedded.kernels`."""

    tf: Ints
    to: Ints
    sf: Ints
    so: Ints
    split: Ints
    keep: NDArray[np.bool_]


def spec_arrays(spec: Spec) -> SpecArrays:
    """Return the arrays of a specification."""
    hw, hwf = [], []
    for level in spec.levels:
        capacity = -1 if level.capacity is None else level.capacity
        hw.append([level.instances, level.mesh_x, level.mesh_y, capacity, level.block_size, level.cluster_size])
        energies = [level.read_energy, level.write_energy, level.update_energy]
        hwf.append([level.read_bandwidth, level.write_bandwidth, *energies, level.leakage])
    mac = spec.mac
    hw.append([mac.instances, mac.mesh_x, mac.mesh_y, -1, 1, 1])
    hwf.append([inf, inf, mac.compute_energy, 0.0, 0.0, 0.0])
    return SpecArrays(
        np.array(hw, np.int64),
        np.array(hwf, np.float64),
        np.array(spec.fanout_xy, np.int64),
        _coefficients(spec),
        np.array([space.read_write for space in spec.problem.data_spaces], np.bool_),
    )


def _coefficients(spec: Spec) -> Ints:
    problem = spec.problem
    ranks = max(len(space.projection) for space in problem.data_spaces)
    coef = np.zeros((len(problem.data_spaces), max(ranks, 1), len(problem.dimensions)), np.int64)
    for t, space in enumerate(problem.data_spaces):
        for r, rank in enumerate(space.projection):
            for dimension, coefficient in rank:
                coef[t, r, problem.dimensions.index(dimension)] = coefficient
    return coef


def mapping_arrays(spec: Spec, mapping: Mapping) -> MappingArrays:
    """Return the arrays of a mapping.

    Levels and dimensions that the mapping does not name get factor 1; a data space that a level names in neither keep
    nor bypass is kept, as Timeloop keeps it.

    Raises:
        UnknownNameError: a level, dimension or data space that the specification does not have.
        SpecError: spatial loops below a level that has no fanout.
    """
    dimensions, spaces = spec.problem.dimensions, spec.data_space_names
    given = {level.target: level for level in mapping.levels}
    for name in given:
        if name not in spec.level_names:
            raise UnknownNameError("storage level in the mapping", name, spec.level_names)
    shape = (len(spec.levels), len(dimensions))
    arrays = MappingArrays(
        tf=np.ones(shape, np.int64),
        to=np.tile(np.arange(len(dimensions), dtype=np.int64), (len(spec.levels), 1)),
        sf=np.ones(shape, np.int64),
        so=np.tile(np.arange(len(dimensions), dtype=np.int64), (len(spec.levels), 1)),
        split=np.zeros(len(spec.levels), np.int64),
        keep=np.ones((len(spec.levels), len(spaces)), np.bool_),
    )
    for p, name in enumerate(spec.level_names):
        level = given.get(name, LevelMapping(name))
        _fill(arrays.tf[p], arrays.to[p], level.factors, level.permutation, dimensions)
        _fill(arrays.sf[p], arrays.so[p], level.spatial_factors, level.spatial_permutation, dimensions)
        arrays.split[p] = level.split
        if arrays.sf[p].prod() > 1 and name not in spec.fanouts:
            raise SpecError(f"mapping: spatial loops below {name}, which has one instance of the next level below it")
        for space in (*level.keep, *level.bypass):
            if space not in spaces:
                raise UnknownNameError("data space in the mapping", space, spaces)
        arrays.keep[p] = [space not in level.bypass for space in spaces]
    return arrays


def _fill(
    factors: Ints, order: Ints, given: dict[str, int], permutation: tuple[str, ...], dimensions: tuple[str, ...]
) -> None:
    for name in (*given, *permutation):
        if name not in dimensions:
            raise UnknownNameError("dimension in the mapping", name, dimensions)
    for name, factor in given.items():
        factors[dimensions.index(name)] = factor
    named = [dimensions.index(name) for name in permutation]
    order[:] = [*named, *(d for d in range(len(dimensions)) if d not in named)]


def wrong_product(spec: Spec, arrays: MappingArrays) -> tuple[str, int, int] | None:
    """The first dimension whose factors do not multiply to its bound, with the product and the bound."""
    for d, name in enumerate(spec.problem.dimensions):
        product = prod(int(n) for n in (*arrays.tf[:, d], *arrays.sf[:, d]))
        if product != spec.problem.bounds[name]:
            return name, product, spec.problem.bounds[name]
    return None
