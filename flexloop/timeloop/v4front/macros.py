"""Constraints that stand for others: ``factors_only``, ``keep_only``, ``maximize_dims`` and their like.

They become factors, ``keep`` and ``bypass``, which are all that Timeloop knows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache

from flexloop.errors import SpecError, UnknownNameError
from flexloop.timeloop.v4front.architecture import Leaf
from flexloop.timeloop.v4front.constraints import Dataspace, DataspaceNames, Factor, Factors, Iteration, Spatial
from flexloop.timeloop.v4front.document import Document
from flexloop.timeloop.v4front.problem import Instance, Shape

MAX_CAPACITY = 2**40
"""Iterations above which a capacity to be filled is refused."""

MAX_ALLOCATIONS = 100_000
"""Ways of filling a capacity above which the dimensions are too many."""


def resolve(document: Document) -> None:
    """Put constraints that Timeloop knows in the place of those that it does not.

    Raises:
        UnknownNameError: if one names a dimension or data space that the problem does not have.
        SpecError: if they contradict others.
    """
    shape, instance = document["problem"]["shape"], document["problem"]["instance"]
    names = shape.names()
    for listed in document.below(DataspaceNames):
        if "*" in listed:
            own = [name for name in listed if name != "*"]
            listed[:] = own + [name for name in names if name not in own]
    for constraint in document.below(Iteration):
        _resolve_loops(constraint, shape)
    for dataspace in document.below(Dataspace):
        _resolve_dataspaces(dataspace, names)
    _Maximizer(document, instance, shape["dimensions"]).run()


def _resolve_loops(constraint: Iteration, shape: Shape) -> None:
    dimensions, factors = shape["dimensions"], constraint["factors"]
    if (only := constraint.pop("factors_only", None)) is not None:
        factors.combine(only)
        for dimension in dimensions:
            if dimension not in factors.names():
                factors.set_equal(dimension, 1)
    if (held := constraint.pop("no_iteration_over_dataspaces", None)) is not None:
        still = [dimension for name in held for dimension in shape.dimensions_of(name)]
        factors.combine(Factors(_ones(still), factors.where))
    if (moved := constraint.pop("must_iterate_over_dataspaces", None)) is not None:
        moving = {dimension for name in moved for dimension in shape.dimensions_of(name)}
        factors.combine(Factors(_ones(d for d in dimensions if d not in moving), factors.where))


def _ones(dimensions: Iterable[str]) -> list[Factor]:
    return [Factor(f"{dimension}=1") for dimension in dimensions]


def _resolve_dataspaces(constraint: Dataspace, names: list[str]) -> None:
    for key, other in (("keep", "bypass"), ("bypass", "keep")):
        only = constraint.pop(f"{key}_only", None)
        if only is not None:
            rest = [name for name in names if name not in only]
            constraint.combine(Dataspace({key: list(only), other: rest}, constraint.where))


class _Maximizer:
    """Gives dimensions the largest factors that fit, fanouts first, then temporal loops, innermost node first."""

    def __init__(self, document: Document, instance: Instance, dimensions: list[str]) -> None:
        self._leaves: list[Leaf] = document["architecture"].leaves()[::-1]
        self._instance, self._dimensions = instance, dimensions
        self._left = {name: bound for name, bound in instance.items() if isinstance(bound, int)}
        for factors in document.below(Factors):
            for name, operator, value in factors.split():
                bound = self._bound(name, factors.where)
                value = value or bound
                if value > 0 and operator == "=":
                    self._left[name] = math.ceil(self._left[name] / value)

    def _bound(self, name: str, where: str) -> int:
        bound = self._instance.get(name)
        if not isinstance(bound, int):
            raise UnknownNameError("dimension", name, self._dimensions, f"in {where}")
        return bound

    def run(self) -> None:
        """Set the factors."""
        for kind in ("spatial", "temporal"):
            for leaf in self._leaves:
                self._fill(leaf, leaf["constraints"][kind])

    def _fill(self, leaf: Leaf, constraint: Iteration) -> None:
        wanted, capacity = constraint.pop("maximize_dims", None), constraint.pop("maximize_dims_capacity", None)
        if not wanted:
            return
        if capacity is None:
            if not isinstance(constraint, Spatial):
                raise SpecError(f"{constraint.where}: maximize_dims needs maximize_dims_capacity, a whole number")
            capacity = leaf.get_fanout()
        if not isinstance(capacity, int) or not 0 <= capacity <= MAX_CAPACITY:
            raise SpecError(f"{constraint.where}: maximize_dims_capacity is {capacity!r}; at most 2^40")
        groups = [wanted] if isinstance(wanted[0], str) else wanted
        for group in groups:
            if not isinstance(group, list) or not all(isinstance(name, str) for name in group):
                raise SpecError(f"{constraint.where}.maximize_dims: a list of dimensions, or of such lists; not both")
            self._fill_group(constraint["factors"], group, capacity)

    def _fill_group(self, factors: Factors, group: list[str], capacity: int) -> None:
        taken = {}
        for name, operator, value in factors.split():
            value = value or self._bound(name, factors.where)
            if value > 0 and operator in ("=", ">="):
                taken[name] = value
        for value in taken.values():
            capacity //= value
        for name in group:
            if self._left.get(name, 0) > MAX_CAPACITY:
                raise SpecError(f"problem.instance.{name} is {self._left[name]}; at most 2^40")
            if name in factors.names():
                raise SpecError(f"{factors.where}: {name} cannot be maximized, it has a factor already")
            if name not in self._left:
                raise UnknownNameError("dimension", name, self._dimensions, f"in maximize_dims of {factors.where}")
        chosen: dict[str, int] = {}
        for index, factor in allocated([self._left[name] for name in group], capacity, factors.where):
            chosen[group[index]] = chosen.get(group[index], 1) * factor
        for name, factor in (chosen | {name: 1 for name in group if name not in chosen}).items():
            factors.set_equal(name, factor)
            self._left[name] = math.ceil(self._left[name] / factor)


def allocated(bounds: list[int], capacity: int, where: str) -> list[tuple[int, int]]:
    """The front end's choice of factors of some bounds that fill a capacity best: positions and factors.

    A bound above the capacity may be cut into equal pieces but for the last, which ends the choice; otherwise prime
    factors are taken one after the other. Of choices that are equally good the first that is found stays.
    """
    ways = 0

    @cache
    def best(left: tuple[int, ...], room: int) -> tuple[tuple[tuple[int, int], ...], float]:
        nonlocal ways
        ways += 1
        if ways > MAX_ALLOCATIONS:
            raise SpecError(f"{where}: maximize_dims has more than {MAX_ALLOCATIONS} choices; name fewer dimensions")
        choice: tuple[tuple[int, int], ...] = ()
        fullness: float = 1
        if room <= 1:
            return choice, fullness
        for index, bound in enumerate(left):
            if bound > room:
                pieces = math.ceil(bound / room)
                piece = math.ceil(bound / pieces)
                full = (piece * (pieces - 1) + bound % piece) / pieces
                if full > fullness:
                    choice, fullness = ((index, piece),), full
            for prime in set(prime_factors(bound)):
                if prime <= room:
                    rest, full = best((*left[:index], bound // prime, *left[index + 1 :]), room // prime)
                    if full * prime > fullness:
                        choice, fullness = ((index, prime), *rest), full * prime
        return choice, fullness

    return list(best(tuple(bounds), capacity)[0])


@cache
def prime_factors(number: int) -> tuple[int, ...]:
    """The prime factors of a number, smallest first, each as often as it divides the number."""
    found, divisor = [], 2
    while divisor * divisor <= number:
        while number % divisor == 0:
            found.append(divisor)
            number //= divisor
        divisor += 1
    return (*found, number) if number > 1 else tuple(found)
