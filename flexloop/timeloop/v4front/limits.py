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

MAX_CALLS = 50
"""Calls within calls."""


class ExpressionError(Exception):
    """Why an expression has no value; who knows its place makes a SpecError of it."""


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

    @staticmethod
    def bounded(value: Any) -> Any:
        """The value, if it is no larger than a value may be."""
        if isinstance(value, int) and value.bit_length() > MAX_BITS:
            raise ExpressionError(f"a whole number of more than {MAX_BITS} bits")
        if isinstance(value, (str, list, tuple, dict, set)) and len(value) > MAX_LENGTH:
            raise ExpressionError(f"more than {MAX_LENGTH} items or characters")
        return value
