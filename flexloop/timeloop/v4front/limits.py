"""Bounds on what expressions of input files may compute."""

from __future__ import annotations

from typing import Any

from flexloop.errors import SpecError

MAX_STEPS = 4_000_000
"""Operations that all expressions of one document together may take; CiMLoop's models take up to 100,000."""

MAX_EXPRESSION = 10_000
"""Characters of an expression, and hundreds of them in a file of functions."""

MAX_BITS = 4096
"""Bits of a whole number."""

MAX_LENGTH = 1_000_000
"""Items of a list, or characters of a text."""

MAX_NESTING = 100
"""Lists and mappings within each other."""

MAX_CALLS = 50
"""Calls within calls."""


class ExpressionError(Exception):
    """Why an expression has no value; who knows its place makes a SpecError of it."""


def weight(value: Any, most: int) -> int:
    """How many values there are in a value, itself among them, each counted as often as it is held.

    Raises:
        ExpressionError: if there are more than ``most``, or they are nested too deep, as in a list that holds itself.
    """
    count, left = 0, [(value, 0)]
    while left:
        each, depth = left.pop()
        count += 1
        if count > most or depth > MAX_NESTING:
            raise ExpressionError(f"more than {most} values in one another, or nested deeper than {MAX_NESTING}")
        if isinstance(each, dict):
            left.extend((inner, depth + 1) for pair in each.items() for inner in pair)
        elif isinstance(each, (list, tuple, set)):
            left.extend((inner, depth + 1) for inner in each)
    return count


class Budget:
    """Counts operations, and refuses what is too long or too large."""

    def __init__(self, steps: int = MAX_STEPS) -> None:
        self._left = steps

    def spend(self, steps: int = 1) -> None:
        """Count operations (SpecError if there are too many)."""
        self._left -= steps
        if self._left < 0:
            raise SpecError(f"expressions take more than {MAX_STEPS} operations; compute less in them")

    def made(self, value: Any) -> Any:
        """A value that was made, its items counted as operations."""
        if isinstance(value, (str, list, tuple, dict, set)):
            self.spend(len(value) // 8)
        return self.bounded(value)

    def gone_through(self, *values: Any) -> None:
        """Count the work of going through values to the depth, as to compare or to write them.

        A list that holds another many times, and that others still, is small until somebody goes through it.
        """
        self.spend(sum(weight(value, MAX_LENGTH) for value in values) // 8)

    @staticmethod
    def bounded(value: Any) -> Any:
        """The value, if it is no larger than a value may be."""
        if isinstance(value, int) and value.bit_length() > MAX_BITS:
            raise ExpressionError(f"a whole number of more than {MAX_BITS} bits")
        if isinstance(value, (str, list, tuple, dict, set)) and len(value) > MAX_LENGTH:
            raise ExpressionError(f"more than {MAX_LENGTH} items or characters")
        return value
