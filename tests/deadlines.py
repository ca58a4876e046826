"""Deadlines that do not depend on how fast a machine is."""

from __future__ import annotations

from flexloop.deadline import Deadline


def after_looks(looks: int) -> Deadline:
    """A deadline that is over when it was looked at so many times."""
    left = iter(range(looks))
    return Deadline(1.0, lambda: 0.0 if next(left, None) is not None else 2.0)
