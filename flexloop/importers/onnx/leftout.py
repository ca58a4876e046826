"""What of a model is no layer: listed all at once, each with its share of the multiply-accumulates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MAX_LINES = 20
"""Kinds of work listed one by one."""


@dataclass(frozen=True)
class LeftOut:
    """An operator whose work is no layer.

    Attributes:
        kind: the operator.
        name: the node's.
        reason: why.
        macs: its multiply-accumulates; None where they are not known.
    """

    kind: str
    name: str
    reason: str
    macs: int | None


def listing(left_out: Sequence[LeftOut], counted: int) -> list[str]:
    """A line for each kind of work, the largest first.

    Args:
        left_out: all of it.
        counted: multiply-accumulates of the layers.
    """
    total = counted + sum(item.macs or 0 for item in left_out)
    alike: dict[tuple[str, str, int | None], list[str]] = {}
    for item in left_out:
        alike.setdefault((item.kind, item.reason, item.macs), []).append(item.name)
    lines = []
    for (kind, reason, macs), names in sorted(alike.items(), key=lambda entry: -(entry[0][2] or 0) * len(entry[1])):
        times = f"{len(names)} x " if len(names) > 1 else ""
        which = ", ".join(map(repr, names[:3])) + (", ..." if len(names) > 3 else "")
        lines.append(f"{times}{kind} ({which}): {reason}; {_share(macs, len(names), total)}")
    if len(lines) > MAX_LINES:
        lines[MAX_LINES:] = [f"and {len(lines) - MAX_LINES} kinds more"]
    return lines


def _share(macs: int | None, times: int, total: int) -> str:
    if macs is None:
        return "its share of the MACs is not known"
    return f"{100 * macs * times / total:.1f}% of the MACs that are known"
