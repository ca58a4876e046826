"""Figures by component."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any


class MultipliableDict(dict[Any, Any]):
    """A dictionary of figures that can be scaled.

    Examples:
        >>> MultipliableDict(DRAM=2.0, mac=1.0) * 10
        {'DRAM': 20.0, 'mac': 10.0}
    """

    def __mul__(self, factor: Any) -> MultipliableDict:
        return MultipliableDict({name: value * factor for name, value in self.items()})

    __rmul__ = __mul__

    def __truediv__(self, divisor: Any) -> MultipliableDict:
        return MultipliableDict({name: value / divisor for name, value in self.items()})


def quotient(value: float, divisor: float) -> float:
    """One figure divided by another; infinite where that is 0."""
    return value / divisor if divisor else math.inf


def nonzero(figures: Mapping[Any, Any]) -> MultipliableDict:
    """The figures that are not 0."""
    return MultipliableDict({name: value for name, value in figures.items() if value != 0})


def combine(figures: MultipliableDict, names: Sequence[str], to: str) -> None:
    """Put the sum of some figures in their place (KeyError unless each is there once)."""
    missing = [name for name in names if name not in figures]
    if missing or len(set(names)) != len(names):
        raise KeyError(f"cannot combine {list(names)}: each must stand once among {list(figures)}")
    figures[to] = sum(figures.pop(name) for name in names)
