"""The four axes of flexibility, their degrees, and the 16 classes they span.

The axes (tiling, ordering, parallelization, array shape) and the 16 classes are those of Kao et al., "A Formalism
of DNN Accelerator Flexibility" (SIGMETRICS 2022, arXiv 2206.02987). The degree ``p`` (part) between fixed and full
is this project's own notion.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import total_ordering

from flexloop.errors import SpecError, UnknownNameError


class Axis(Enum):
    """An axis of flexibility; the value is the letter used in a class name."""

    TILING = "T"
    ORDERING = "O"
    PARALLELIZATION = "P"
    SHAPE = "S"

    @property
    def words(self) -> str:
        """What is flexible along it.

        >>> [axis.words for axis in Axis]
        ['tile sizes', 'loop order', 'parallelism', 'array shape']
        """
        return _WORDS[self]


@total_ordering
class Degree(Enum):
    """How flexible an axis is: fixed (``0``), part (``p``) or full (``1``), in that order."""

    FIXED = "0"
    PART = "p"
    FULL = "1"

    def __lt__(self, other: Degree) -> bool:
        return _RANK[self] < _RANK[other]


_WORDS = {
    Axis.TILING: "tile sizes",
    Axis.ORDERING: "loop order",
    Axis.PARALLELIZATION: "parallelism",
    Axis.SHAPE: "array shape",
}
_RANK = {Degree.FIXED: 0, Degree.PART: 1, Degree.FULL: 2}
_NAME = re.compile(r"T([01p])O([01p])P([01p])S([01p])", re.IGNORECASE)


@dataclass(frozen=True)
class FlexClass:
    """A point of the flexibility lattice: one degree for each axis.

    With degrees 0 and 1 only it is one of the paper's 16 classes. Comparison is the partial order of the lattice:
    ``a <= b`` where every axis of ``a`` is at most that of ``b``.

    Examples:
        >>> FlexClass.parse("t1o0p1s0") <= FlexClass.parse("T1O1P1S0")
        True
        >>> str(FlexClass.parse("TpO0P1S0").bits)
        'T1O0P1S0'
    """

    tiling: Degree
    ordering: Degree
    parallelization: Degree
    shape: Degree

    @classmethod
    def parse(cls, text: str) -> FlexClass:
        """Read ``T1O0P1S0`` in any letter case, or a form with degrees such as ``TpO0P1S0``.

        Raises:
            UnknownNameError: if the text is no class name; the nearest names are given.
        """
        match = _NAME.fullmatch(str(text).strip())
        if match is None:
            known = [str(c) for c in all_classes()]
            raise UnknownNameError(
                "class", text, known, "(four axes, each 0, p or 1: for example T1O0P1S0; `flexloop classes` lists them)"
            )
        return cls(*(Degree(digit.lower()) for digit in match.groups()))

    @classmethod
    def of(cls, name: str | FlexClass) -> FlexClass:
        """Return a class given as a name or as itself (UnknownNameError if it is neither)."""
        return name if isinstance(name, FlexClass) else cls.parse(str(name))

    def degree(self, axis: Axis) -> Degree:
        """Return the degree of one axis."""
        return dict(zip(Axis, self.degrees, strict=True))[axis]

    @property
    def degrees(self) -> tuple[Degree, Degree, Degree, Degree]:
        """The degrees in the order T, O, P, S."""
        return (self.tiling, self.ordering, self.parallelization, self.shape)

    @property
    def bits(self) -> FlexClass:
        """The class this point belongs to: an axis at ``p`` counts as 1."""
        return FlexClass(*(Degree.FIXED if d is Degree.FIXED else Degree.FULL for d in self.degrees))

    @property
    def rank(self) -> int:
        """Height in the lattice of 81 points: 1 for each axis at p, 2 for each at 1. Subclasses rank lower."""
        return sum(_RANK[d] for d in self.degrees)

    @property
    def opst(self) -> str:
        """The name in the order O, P, S, T, by whose digits (0001) the paper's authors name their class files.

        >>> FlexClass.parse("T1O0P0S0").opst
        'O0P0S0T1'
        """
        return "".join(letter + self.degree(Axis(letter)).value for letter in "OPST")

    def __str__(self) -> str:
        return "".join(axis.value + degree.value for axis, degree in zip(Axis, self.degrees, strict=True))

    def __repr__(self) -> str:
        return f"FlexClass.parse('{self}')"

    def _repr_html_(self) -> str:
        said = {Degree.FIXED: "fixed", Degree.PART: "free in part", Degree.FULL: "free"}
        axes = ", ".join(f"{axis.name.lower()} {said[degree]}" for axis, degree in zip(Axis, self.degrees, strict=True))
        return f"<p><b>{self}</b>: {axes}</p>"

    def __post_init__(self) -> None:
        for degree in self.degrees:
            if not isinstance(degree, Degree):
                raise SpecError(f"a class is made of degrees, not of {degree!r}; FlexClass.parse reads a name")

    def __le__(self, other: FlexClass) -> bool:
        return all(_RANK[a] <= _RANK[b] for a, b in zip(self.degrees, other.degrees, strict=True))

    def __lt__(self, other: FlexClass) -> bool:
        return self != other and self <= other

    def __ge__(self, other: FlexClass) -> bool:
        return other <= self

    def __gt__(self, other: FlexClass) -> bool:
        return other < self

    def replace(self, axis: Axis, degree: Degree) -> FlexClass:
        """Return this point with one axis at another degree."""
        return FlexClass(*(degree if a is axis else d for a, d in zip(Axis, self.degrees, strict=True)))

    def subclasses(self, *, degrees: bool = False) -> list[FlexClass]:
        """All points below this one, itself left out; among the 16 classes, or all 81 points with ``degrees``."""
        return [c for c in all_classes(degrees=degrees) if c < self]

    def superclasses(self, *, degrees: bool = False) -> list[FlexClass]:
        """All points above this one, itself left out; among the 16 classes, or all 81 points with ``degrees``."""
        return [c for c in all_classes(degrees=degrees) if c > self]


def all_classes(*, degrees: bool = False) -> list[FlexClass]:
    """The 16 classes, or the 81 points with ``degrees``, ordered so that subclasses come before superclasses."""
    return sorted(_points(degrees), key=lambda c: (c.rank, str(c)))


def _points(degrees: bool) -> Iterator[FlexClass]:
    steps = tuple(Degree) if degrees else (Degree.FIXED, Degree.FULL)
    for combination in itertools.product(steps, repeat=len(Axis)):
        yield FlexClass(*combination)


RIGID = FlexClass.parse("T0O0P0S0")
FULLY_FLEXIBLE = FlexClass.parse("T1O1P1S1")
