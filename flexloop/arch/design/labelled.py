"""Directives of a design's file, labelled by the axis that frees them, and what degree p of an axis adds to them."""

from __future__ import annotations

from typing import Literal

from flexloop.arch.design.directives import Directive
from flexloop.arch.fields import Size
from flexloop.classes import Axis
from flexloop.timeloop.constraints import LoopConstraint
from flexloop.validation import FileModel

Directives = tuple[Directive, ...]
AxisLetter = Literal["T", "O", "P", "S"]


class Labelled(FileModel):
    """Directives in Timeloop's own form, by what frees them.

    Attributes:
        always: hold in every class.
        T: factors of temporal loops.
        O: orders of temporal loops.
        P: factors, orders and split of spatial loops.
    """

    always: Directives = ()
    T: Directives = ()
    O: Directives = ()  # noqa: E741 - the axis's letter
    P: Directives = ()


class Alternatives(FileModel):
    """What degree p of an axis may choose among, beside degree 0's.

    Attributes:
        T, O, P: lists of directives, each of which takes the place of degree 0's.
        S: extents [X, Y] of the flexible fanouts, by the level above each.
    """

    T: tuple[Directives, ...] = ()
    O: tuple[Directives, ...] = ()  # noqa: E741 - the axis's letter
    P: tuple[Directives, ...] = ()
    S: tuple[dict[str, tuple[Size, Size]], ...] = ()


def check_kind(axis: Axis, loop: LoopConstraint) -> None:
    """Refuse a directive under an axis that it does not belong to (ValueError)."""
    orders = loop.permutation or loop.suffix
    factors = loop.factors or loop.min_factors or loop.max_factors
    kind = "spatial" if loop.spatial else "temporal"
    wrong = loop.spatial != (axis is Axis.PARALLELIZATION) or (
        bool(factors) if axis is Axis.ORDERING else bool(orders) and axis is Axis.TILING
    )
    if wrong:
        raise ValueError(
            f"constraints.{axis.value}: the {kind} directive at {loop.target} pins another axis too; T holds factors "
            "of temporal loops, O their permutation, P spatial directives"
        )
