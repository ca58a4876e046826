"""What of an arch's hardware can be scaled, by name: each name takes a factor of what the arch has.

``array``, ``buffer``, ``spad`` and ``bandwidth`` mean the same on every arch; ``LEVEL.depth``, ``LEVEL.bandwidth``,
``LEVEL.X`` and ``LEVEL.Y`` are those of one storage level, by the arch's own name of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from flexloop.errors import SpecError, UnknownNameError, UnsupportedError

ARRAY, BUFFER, SPAD, BANDWIDTH = "array", "buffer", "spad", "bandwidth"

GENERAL = {
    ARRAY: "the extents of the array along X and along Y, each; 2 is four times the PEs of a square",
    BUFFER: "the depth of the on-chip memories that PEs share",
    SPAD: "the depth of the memories in a PE",
    BANDWIDTH: "the outermost level's words a cycle",
}
"""Names that every arch knows, in words; one has no effect where the hardware has nothing of the kind."""

DEPTH, RATE = "depth", "bandwidth"
"""Fields of a storage level: its rows; its words a cycle."""

MESH = ("X", "Y")
"""Fields of a level with a fanout: the instances below it along each mesh axis."""

_WIDTHS = ("datawidth", "word_bits", "width", "bits")


class Factors:
    """Factors of an arch's hardware, 1 for what is not named.

    Args:
        given: factors by name.
        known: the names that the arch has.
        arch: the arch's name, for messages.

    Raises:
        UnknownNameError: for a name that the arch does not have.
        UnsupportedError: for the width of words, which is not scaled.
    """

    def __init__(self, given: Mapping[str, float], known: Collection[str], arch: str) -> None:
        check_knobs([name for name, factor in given.items() if factor != 1 or name not in GENERAL], known, arch)
        self._given = dict(given)

    def of(self, *names: str) -> float:
        """The product of the factors of these names."""
        product = 1.0
        for name in names:
            product *= self._given.get(name, 1)
        return product

    def depth(self, rows: int, *names: str) -> int:
        """A number of rows times the factors of some names, 1 at least."""
        return max(1, round(rows * self.of(*names)))

    extent = depth
    """A number of instances times the factors of some names, 1 at least."""


def level_knob(level: str, field: str) -> str:
    """The name of a level's own field."""
    return f"{level}.{field}"


def check_knobs(given: Iterable[str], known: Collection[str], arch: str) -> None:
    """Refuse names that an arch does not have.

    Raises:
        UnknownNameError: with the nearest ones that it has.
        UnsupportedError: for the width of words, which is not scaled.
    """
    for name in given:
        if name in known:
            continue
        if name in GENERAL:
            raise SpecError(f"{name}: {arch} has none of it: {GENERAL[name]}; leave {name} at 1")
        if name.rpartition(".")[2] in _WIDTHS:
            raise UnsupportedError(
                f"{name}: widths of words and rows are not scaled: fewer bits cost less in every objective, and "
                "accuracy is none of them; give an arch of each width"
            )
        raise UnknownNameError("knob", name, known, f"(of {arch})")
