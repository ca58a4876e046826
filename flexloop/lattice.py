"""Where classes stand in a Hasse diagram of the lattice, and which lines connect them; for every drawing of it."""

from __future__ import annotations

from collections.abc import Iterable

from flexloop.classes import FlexClass

_REVERSED_DIGITS = str.maketrans("01p", "201")
"""Sorts the degrees of an axis 1, p, 0: the axes that come first in a class name are freed to the left."""


def positions(points: Iterable[FlexClass]) -> dict[FlexClass, tuple[float, int]]:
    """Place points in rows by rank, subclasses below.

    Returns:
        For each point its abscissa in steps from the middle of its row, and its row, 0 at the bottom.
    """
    rows: dict[int, list[FlexClass]] = {}
    for point in sorted(set(points), key=lambda c: str(c).translate(_REVERSED_DIGITS)):
        rows.setdefault(point.rank, []).append(point)
    return {
        point: (index - (len(rows[rank]) - 1) / 2, row)
        for row, rank in enumerate(sorted(rows))
        for index, point in enumerate(rows[rank])
    }


def lines(points: Iterable[FlexClass]) -> list[tuple[FlexClass, FlexClass]]:
    """Pairs (lower, upper) of points with none of the points between them."""
    chosen = sorted(set(points), key=lambda c: (c.rank, str(c)))
    pairs = []
    for lower in chosen:
        above = [c for c in chosen if lower < c]
        pairs += [(lower, upper) for upper in above if not any(between < upper for between in above)]
    return pairs
