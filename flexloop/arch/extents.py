"""The extents of a hardware's fanouts: a value of the shape axis."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

Fanout = tuple[int, int]
"""Instances along X and along Y of what lies below one instance of a level."""


@dataclass(frozen=True)
class Extents:
    """The extents of all fanouts.

    Attributes:
        fanouts: of each storage level, innermost first.
        flexible: indices of the levels whose fanouts the shape axis is about.
    """

    fanouts: tuple[Fanout, ...]
    flexible: tuple[int, ...]

    @property
    def X(self) -> int:
        """Instances along X of all flexible fanouts together."""
        return prod(self.fanouts[i][0] for i in self.flexible)

    @property
    def Y(self) -> int:
        """Instances along Y of all flexible fanouts together."""
        return prod(self.fanouts[i][1] for i in self.flexible)

    @property
    def pes(self) -> int:
        """Processing elements: what the flexible fanouts lead to."""
        return self.X * self.Y

    def __str__(self) -> str:
        """The extents of the flexible fanouts, outermost first."""
        return " of ".join(f"{self.fanouts[i][0]}x{self.fanouts[i][1]}" for i in reversed(self.flexible)) or "1x1"
