"""What a design is, in words: its class and degrees, and the constraints that make it so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flexloop.arch.design.directives import Directive, write
from flexloop.arch.design.places import ASSUMED, places_in_words
from flexloop.classes import Axis, Degree
from flexloop.timeloop.constraints import Constraints

if TYPE_CHECKING:
    from flexloop.arch.design.model import Design


def described(design: Design) -> list[tuple[str, str, str, str]]:
    """For each axis: its letter, and what it may do at degrees 0, p and 1."""
    rows = []
    for axis in Axis:
        if axis is Axis.SHAPE:
            full, part = design.extents(Degree.FULL), design.extents(Degree.PART)
            some = "; ".join(map(str, part)) if len(part) > 1 else "as 0"
            rows.append((axis.value, str(design.own_extents), some, f"{len(full)} shapes of as many PEs"))
            continue
        given = write(Constraints(design.pinned(axis)))
        several = len(design.choices(axis, Degree.PART))
        some = f"0's or {several - 1} more" if several > 1 else "as 0"
        rows.append((axis.value, "; ".join(map(pinned, given)) or "open: nothing is pinned", some, "open"))
    return rows


def pinned(directive: Directive) -> str:
    """A directive in a few words: the level and what is pinned there."""
    place = f"{directive['target']} (spatial)" if directive["type"] == "spatial" else directive["target"]
    said = [str(directive[key]) for key in ("factors", "permutation") if key in directive]
    said += [f"split {directive['split']}"] if "split" in directive else []
    return f"{place} {', '.join(said)}"


def causes(design: Design, axis: Axis) -> list[tuple[str, str]]:
    """The constraints that an axis's degree 0 rests on, in words, each with its file and line ('' where unknown)."""
    if axis is Axis.SHAPE:
        return [(f"extents {design.own_extents}", "")]
    given = write(Constraints(design.pinned(axis)))
    return [(pinned(directive), places_in_words(directive, design.where)) for directive in given]


def axis_sentences(design: Design) -> Iterator[str]:
    """One sentence an axis: what degree 0 pins and where, or that it is open."""
    for axis in Axis:
        name = f"{axis.value}, {axis.words}"
        if axis is Axis.SHAPE:
            shapes = len(design.extents(Degree.FULL))
            levels = ", ".join(design.level_names[i] for i in design.flexible_levels) or "no fanout"
            yield f"{name}. 0: {design.own_extents}, the fanouts below {levels}. 1: {shapes} shapes of as many PEs."
            continue
        if not design.pinned(axis):
            yield (
                f"{name}. Open: the design pins nothing, so every class has this axis free. Pin it from a mapping "
                "(--rigid map.yaml) or by the best one for a network (--rigid-for NET) of `flexloop arch import`."
            )
            continue
        found = causes(design, axis)
        own = [f"{words}{f' ({place})' if place else ''}" for words, place in found if place != ASSUMED]
        yield f"{name}. 0 keeps, 1 deletes: {'; '.join(own) or 'only what is assumed'}."
        if any(place == ASSUMED for _, place in found):
            yield (
                f"{axis.value} keeps loops of dimensions that the design's problem does not have at "
                f"{design.level_names[-1]}, one step after the other: assumed."
            )
