"""What branch and bound begins with: a mapspace with its bounds and its bypass decided, in the order of their bounds.

There may be more of them than can be listed: each is made when its turn comes.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import prod

import numpy as np
import numpy.typing as npt

from flexloop.engines.embedded.mapper.choices import Choices
from flexloop.engines.embedded.mapper.costing import Costing, facts_of
from flexloop.engines.embedded.mapper.general_spread import Spread
from flexloop.engines.embedded.mapper.space import Space

Key = tuple[float, float]
"""The objective and its tie-break."""
Mask = npt.NDArray[np.bool_]


@dataclass
class Part:
    """One of the mapspaces that are searched together, with what searching it needs.

    Attributes:
        index: its place among them.
        space: the mapspace.
        choices: what it leaves open.
        costing: costs its mappings.
        proved: patterns of bypass about which everything is proved, as bytes.
    """

    index: int
    space: Space
    choices: Choices
    costing: Costing
    proved: set[bytes] = field(default_factory=set)

    def patterns(self) -> Iterator[Mask]:
        """The patterns of bypass that nothing is proved about yet and that keep every tensor somewhere."""
        for keep in self.choices.bypass_patterns():
            if keep.any(axis=0).all() and keep.tobytes() not in self.proved:
                yield keep


@dataclass(order=True)
class Root:
    """A mapspace with its bypass and its bounds decided, and its bound.

    Attributes:
        key: no mapping below it is better.
        order: decides between equal keys.
        part: the mapspace.
        keep: [levels, data spaces] what is kept.
        bounds: the bound of each dimension.
        refined: whether the key is the bound of its tiles, or of its MACs alone.
        energy: the least energy known (pJ).
        spread: the factors of all fanouts, where they are decided.
    """

    key: Key
    order: int
    part: Part = field(compare=False)
    keep: Mask = field(compare=False)
    bounds: tuple[int, ...] = field(compare=False)
    refined: bool = field(compare=False, default=False)
    energy: float = field(compare=False, default=0.0)
    spread: Spread | None = field(compare=False, default=None)


class Roots:
    """The roots of mapspaces, those of the least bounds first.

    Args:
        parts: the mapspaces.
        key: what least energy and cycles amount to.
    """

    def __init__(self, parts: Sequence[Part], key: Callable[[float, float], Key]) -> None:
        self._key = key
        self.numbers = itertools.count()
        self._waiting: list[tuple[Key, int, Root, Iterator[Root]]] = []
        for part in parts:
            self._push(self._of(part))

    def _push(self, roots: Iterator[Root]) -> None:
        if (root := next(roots, None)) is not None:
            heapq.heappush(self._waiting, (root.key, root.order, root, roots))

    def least(self) -> Key | None:
        """The key of the next root, or None where there is none."""
        return self._waiting[0][0] if self._waiting else None

    def pop(self) -> Root:
        """The next root."""
        _, _, root, others = heapq.heappop(self._waiting)
        self._push(others)
        return root

    def _of(self, part: Part) -> Iterator[Root]:
        compute = facts_of(part.costing.spec).compute_energy
        lanes = prod(prod(slot.extent) for slot in part.choices.slots if slot.spatial)
        for bounds in _by_product([[f.bound for f in options] for options in part.choices.factorizations]):
            macs = float(prod(bounds))
            energy = macs * compute
            for keep in part.patterns():
                yield Root(self._key(energy, macs / lanes), next(self.numbers), part, keep, bounds, energy=energy)


def _by_product(options: Sequence[Sequence[int]]) -> Iterator[tuple[int, ...]]:
    """Every choice of one number from each ascending list, those of the least product first."""
    first = (0,) * len(options)
    waiting, seen = [(prod(o[0] for o in options), first)], {first}
    while waiting:
        _, places = heapq.heappop(waiting)
        yield tuple(o[i] for o, i in zip(options, places, strict=True))
        for d, i in enumerate(places):
            after = (*places[:d], i + 1, *places[d + 1 :])
            if i + 1 < len(options[d]) and after not in seen:
                seen.add(after)
                heapq.heappush(waiting, (prod(o[j] for o, j in zip(options, after, strict=True)), after))
