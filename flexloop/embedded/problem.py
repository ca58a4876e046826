"""The dimensions, bounds and data spaces of Timeloop's ``problem``."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from flexloop.embedded.fields import Fields
from flexloop.errors import SpecError, UnknownNameError, UnsupportedError
from flexloop.timeloop.inputs import shapes
from flexloop.validation import short

EXACT = 2**53
"""Counts up to here are exact in double precision, which Timeloop counts with."""


@dataclass(frozen=True)
class DataSpace:
    """One data space: for each rank the dimensions that index it with their coefficients."""

    name: str
    projection: tuple[tuple[tuple[str, int], ...], ...]
    read_write: bool

    @property
    def is_diagonal(self) -> bool:
        """Whether some dimension indexes several ranks, so that a step along it moves a tile across them (rule 17)."""
        dimensions = [d for rank in self.projection for d, _ in rank]
        return len(set(dimensions)) < len(dimensions)


@dataclass(frozen=True)
class Problem:
    """A problem shape and its instance.

    Attributes:
        name: of the shape; may be empty.
        dimensions: names, in the order of the file.
        bounds: of each dimension.
        data_spaces: in the order of the file.
    """

    name: str
    dimensions: tuple[str, ...]
    bounds: dict[str, int]
    data_spaces: tuple[DataSpace, ...]

    @property
    def words_per_compute(self) -> int:
        """How many times the words moved of a data space may at most exceed the computations."""
        return max(self._words_per_compute(space) for space in self.data_spaces)

    def _words_per_compute(self, space: DataSpace) -> int:
        """Of one data space: a dimension in several ranks counts once as computations, in each rank as words."""
        dimensions = [d for rank in space.projection for d, _ in rank]
        again: int = prod(self.bounds[d] ** (dimensions.count(d) - 1) for d in set(dimensions))
        return again * prod(sum(c for _, c in rank) for rank in space.projection)


def read_problem(content: Any) -> Problem:
    """Read what stands under the top-level key ``problem``.

    Raises:
        SpecError: if it is malformed or contradicts itself.
        UnsupportedError: for what is not modelled, by name; among it, problems too large to be counted exactly.
    """
    problem = Fields(content, "problem")
    shape = _shape(problem)
    instance = problem.sub("instance") if problem.has("instance") else problem
    if shape.get("flatten"):
        raise UnsupportedError(f"{shape.where}.flatten is not modelled; remove it")
    _note_densities(instance)
    dimensions = _dimensions(shape)
    coefficients = _coefficients(shape, instance)
    bounds = {d: _bound(instance, d) for d in dimensions}
    spaces = tuple(
        _data_space(Fields(entry, where), dimensions, coefficients) for where, entry in shape.items("data_spaces")
    )
    if not spaces:
        raise SpecError("problem.shape.data_spaces: there are none")
    names = [space.name for space in spaces]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise SpecError(f"problem.shape: several data spaces are called {twice[0]!r}; names must differ")
    found = Problem(str(shape.get("name") or ""), dimensions, bounds, spaces)
    check_exact(found)
    return found


def _shape(problem: Fields) -> Fields:
    """The shape, written out, named or, as in Timeloop's first format, left out."""
    if not problem.has("shape"):
        warnings.warn(f"problem gives no shape: {shapes.DEFAULT} is taken, as Timeloop does", stacklevel=4)
        return Fields(shapes.named_shape(shapes.DEFAULT), "problem.shape")
    named = problem.get("shape")
    return Fields(shapes.named_shape(named), "problem.shape") if isinstance(named, str) else problem.sub("shape")


def _note_densities(instance: Fields) -> None:
    """Densities count with sparse optimizations alone; one below 1 is pointed out."""
    densities = instance.get("densities")
    given = {"commonDensity": instance.get("commonDensity"), **(densities if isinstance(densities, Mapping) else {})}
    for name, value in given.items():
        density = value.get("density", 1) if isinstance(value, Mapping) else value
        if density is not None and density not in (1, "1", "1.0"):
            message = (
                f"{instance.where}: the density {short(density)} of {name} has no effect without sparse optimizations"
            )
            warnings.warn(message, stacklevel=4)


def check_exact(problem: Problem) -> None:
    """Refuse a problem whose counts may exceed `EXACT`.

    Raises:
        UnsupportedError: if they may.
    """
    macs = prod(problem.bounds.values())
    if macs * problem.words_per_compute > EXACT:
        raise UnsupportedError(
            f"problem: {macs:.4g} computations, times up to {problem.words_per_compute} for strides and dilations, "
            f"exceed {EXACT:.4g} (2^53), up to which counts are exact; split the problem"
        )


def _dimensions(shape: Fields) -> tuple[str, ...]:
    names = tuple(entry for _, entry in shape.items("dimensions"))
    if not names or not all(isinstance(name, str) and name for name in names) or len(set(names)) < len(names):
        raise SpecError(f"{shape.where}.dimensions is {shape.get('dimensions')!r}, not a list of different names")
    if len(names) > 62:
        raise UnsupportedError(f"{shape.where}.dimensions: {len(names)} of them; at most 62 are modelled")
    return names


def _bound(instance: Fields, dimension: str) -> int:
    bound = instance.whole(dimension)
    if bound is None:
        raise SpecError(f"{instance.where}: no bound for dimension {dimension}")
    return bound


def _coefficients(shape: Fields, instance: Fields) -> dict[str, int]:
    values: dict[str, int] = {}
    for where, entry in shape.items("coefficients"):
        fields = Fields(entry, where)
        name = fields.text("name")
        value = instance.count(name)
        value = fields.count("default") if value is None else value
        if value is None:
            raise SpecError(f"{where}: coefficient {name} has neither a value in the instance nor a default")
        if value == 0:
            warnings.warn(f"coefficient {name} is 0: dimensions with it do not move along their ranks", stacklevel=4)
        values[name] = value
    return values


def _data_space(fields: Fields, dimensions: tuple[str, ...], coefficients: Mapping[str, int]) -> DataSpace:
    name = fields.text("name")
    fields.where = f"data space {name}"
    ranks = []
    for where, rank in fields.items("projection"):
        terms = [[rank]] if isinstance(rank, str) else rank
        if not isinstance(terms, list):
            raise SpecError(f"{where} is {rank!r}, not a dimension or a list of terms")
        found = tuple(_term(term, where, dimensions, coefficients) for term in terms)
        sums: Counter[str] = Counter()
        for dimension, coefficient in found:  # one that stands there twice moves by both
            sums[dimension] += coefficient
        if moving := tuple((d, c) for d, c in sums.items() if c):  # a rank without terms has one place
            ranks.append(moving)
    if not fields.has("projection"):
        raise SpecError(f"{fields.where}: no projection (an empty list, if the data space is a single value)")
    return DataSpace(name, tuple(ranks), fields.get("read_write") in (True, "true", "True"))


def _term(term: Any, where: str, dimensions: tuple[str, ...], coefficients: Mapping[str, int]) -> tuple[str, int]:
    if not isinstance(term, list) or not 1 <= len(term) <= 2 or not all(isinstance(part, str) for part in term):
        raise SpecError(f"{where}: the term {term!r} is not [dimension] or [dimension, coefficient]")
    if term[0] not in dimensions:
        raise UnknownNameError(f"dimension in {where}", term[0], dimensions)
    if len(term) == 2 and term[1] not in coefficients:
        raise UnknownNameError(f"coefficient in {where}", term[1], coefficients)
    return term[0], coefficients[term[1]] if len(term) == 2 else 1
