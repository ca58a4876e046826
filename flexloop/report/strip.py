"""Many gains on one line: a picture of how far apart they lie, with some of them named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil, floor, log, log10, sqrt
from typing import Any, Self

from flexloop.svg import Diagram, box, diagram, words

WIDTH, MARGIN, STEP = 720, 24, 2
"""Pixels of the picture, at its sides, and of a column of the strip."""

_TALL = 56
_LINE = 15


@dataclass(frozen=True)
class Strip:
    """Gains, and those of them, or beside them, that have a name.

    Attributes:
        gains: any number of them, above 0.
        marks: gains by name.
    """

    gains: tuple[float, ...]
    marks: Mapping[str, float]

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Self:
        """Read back what `kept` wrote (KeyError, TypeError or ValueError if it is none of that)."""
        counts = {float(gain): int(count) for gain, count in kept["gains"]}
        gains = tuple(gain for gain, count in counts.items() for _ in range(count))
        return cls(gains, {str(name): float(gain) for name, gain in kept["marks"].items()})

    def kept(self) -> dict[str, Any]:
        """As plain data, to three digits and counted."""
        counts = Counter(float(f"{gain:.3g}") for gain in self.gains)
        return {"gains": [list(pair) for pair in sorted(counts.items())], "marks": dict(self.marks)}

    def drawn(self, title: str) -> Diagram:
        """The picture, on a logarithmic scale: the taller and darker, the more gains lie there."""
        low, high = min([*self.gains, *self.marks.values()]), max([*self.gains, *self.marks.values()])
        scale = _Scale(low, max(high, 1.2 * low))
        named = sorted(self.marks.items(), key=lambda mark: mark[1])
        base = _LINE * len(named) + _TALL + 8
        shapes = [*self._columns(scale, base), *_axis(scale, base), *_named(scale, named, base)]
        return diagram(WIDTH, base + 24, shapes, title)

    def _columns(self, scale: _Scale, base: int) -> Iterator[str]:
        columns = Counter(STEP * round(scale.place(gain) / STEP) for gain in self.gains)
        most = max(columns.values(), default=1)
        for x, count in sorted(columns.items()):
            height = 4 + (_TALL - 4) * sqrt(count / most)
            yield box(x - STEP / 2, base - height, STEP, height, fill="#0072b2")


@dataclass(frozen=True)
class _Scale:
    low: float
    high: float

    def place(self, gain: float) -> float:
        """Pixels from the left."""
        return MARGIN + (WIDTH - 2 * MARGIN) * log(gain / self.low) / log(self.high / self.low)


def _axis(scale: _Scale, base: int) -> Iterator[str]:
    yield box(MARGIN, base, WIDTH - 2 * MARGIN, 1, fill="currentColor")
    for tick in _ticks(scale.low, scale.high):
        x = scale.place(tick)
        yield box(x, base, 1, 5, fill="currentColor")
        yield words(x, base + 18, f"{tick:g}\u00d7", text_anchor="middle", fill="currentColor")


def _ticks(low: float, high: float) -> list[float]:
    """A few round numbers between two that are a fifth apart or more.

    >>> _ticks(1.8, 12.0), _ticks(3.0, 3.7)
    ([2.0, 5.0, 10.0], [3.0, 3.1, 3.2, 3.3, 3.4, 3.5, 3.6, 3.7])
    """
    powers = range(floor(log10(low)), ceil(log10(high)) + 1)
    ticks: list[float] = []
    for steps in ((10, 20, 50), (10, 15, 20, 30, 40, 60, 80), range(10, 100)):
        ticks = [step * 10.0**power / 10 for power in powers for step in steps]
        ticks = [float(f"{tick:.3g}") for tick in ticks if low <= tick * (1 + 1e-9) and tick <= high * (1 + 1e-9)]
        if len(ticks) > 2:
            break
    return ticks[:: ceil(len(ticks) / 8)]


def _named(scale: _Scale, marks: list[tuple[str, float]], base: int) -> Iterator[str]:
    """Each name stands on a line of its own above the strip, on the side where there is room."""
    for row, (name, gain) in enumerate(marks):
        x, y = scale.place(gain), _LINE * (row + 1)
        yield box(x - 0.5, y - 10, 1, base - y + 10, fill="#d55e00")
        side = {"text_anchor": "end"} if x > WIDTH / 2 else {}
        yield words(x - 5 if side else x + 5, y - 2, f"{name}: {gain:.2f}\u00d7", fill="currentColor", **side)
