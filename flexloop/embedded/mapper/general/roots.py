"""What branch and bound begins with: a mapspace with its bounds decided, then its fanouts and its bypass, step by step.

There may be more of them than can be listed: each is made when its turn comes.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from math import inf, prod

import numpy as np
import numpy.typing as npt

from flexloop.embedded.mapper.facts import SLACK, Resource
from flexloop.embedded.mapper.fillings import Filling, Fillings
from flexloop.embedded.mapper.general.mirrors import mirrored, mirrors
from flexloop.embedded.mapper.general.part import Mask, Part
from flexloop.embedded.mapper.paths.keeping import BYPASSED, KEPT, OPEN, Keeping, keeping_of
from flexloop.embedded.mapper.paths.programme import LONG
from flexloop.embedded.mapper.paths.shortest import Decided, are_few

Key = tuple[float, float]
"""The objective and its tie-break."""
_FEW, _MANY = 8, 256
"""Ways to fill the fanouts that are not bounded together: so few are sooner done one by one. Of one way the tiles are
those that its factors leave, so that this is far less work where there are many tiles and profiles."""
_MANY_APART = 4
"""Ways that one stands for, where fanouts are taken for one, for it to be bounded as closely as a single one first."""
NOTHING: Key = (inf, inf)
"""The key that bounds nothing at all."""
Ints = npt.NDArray[np.int64]


class Stage(IntEnum):
    """How much of a root is known."""

    LISTED, FILLED, COARSE, PRICED = range(4)


@dataclass(order=True)
class Root:
    """A part of a mapspace, and its bound.

    Attributes:
        key: no mapping below it is better.
        order: decides between equal keys; the latest comes first.
        part: the mapspace.
        bounds: the bound of each dimension.
        keeping: [levels, data spaces] what is kept, bypassed, open.
        stage: LISTED: bounds decided; FILLED: the factors of the fanouts are among some, if these could be listed;
            COARSE: bounded by a shortest path that knows nothing of overlap; PRICED: bounded by the shortest path, if
            there are not too many.
        energy: the least energy known (pJ).
        cycles: the least cycles known.
        fillings: ways to fill the fanouts, or None where there are too many.
        which: which of them.
        has_paths: whether there is a shortest path, as far as is known.
        tight: bandwidths that may need more cycles than the MACs do.
        blends: bandwidths whose cycles are charged beside energy, with pJ a cycle.
        by_lanes: whether it matters how many MACs work at once.
        asks: whether cycles of bandwidths are still to be asked for.
    """

    key: Key
    order: int
    part: Part = field(compare=False)
    bounds: tuple[int, ...] = field(compare=False)
    keeping: Keeping = field(compare=False)
    stage: Stage = field(compare=False, default=Stage.LISTED)
    energy: float = field(compare=False, default=0.0)
    cycles: float = field(compare=False, default=0.0)
    fillings: Fillings | None = field(compare=False, default=None)
    which: Ints = field(compare=False, default_factory=lambda: np.zeros(0, dtype=np.int64))
    has_paths: bool = field(compare=False, default=True)
    tight: tuple[Resource, ...] = field(compare=False, default=())
    blends: tuple[tuple[Resource, float], ...] = field(compare=False, default=())
    by_lanes: bool = field(compare=False, default=True)
    asks: bool = field(compare=False, default=False)

    def least_cycles(self) -> float:
        """Temporal iterations with the fanouts as they are, and the latencies of the networks."""
        lanes = self.part.most_lanes if self.fillings is None else int(self.fillings.lanes[self.which].max())
        return float(prod(self.bounds)) / lanes + self.part.facts.latency

    @property
    def mapspace(self) -> Decided:
        """What its paths lead through."""
        return Decided(self.part.facts, self.part.choices, self.keeping, self.bounds)

    @property
    def is_filled(self) -> bool:
        """Whether the factors of the fanouts are decided."""
        return len(self.which) == 1 and self.fillings is not None and self.fillings.joined is None

    @property
    def filling(self) -> Filling | None:
        """The factors of the fanouts, where they are decided."""
        return self.fillings.one(int(self.which[0])) if self.fillings and self.is_filled else None

    @property
    def keep(self) -> Mask:
        """What is kept, where nothing is open."""
        return np.asarray(self.keeping == KEPT)

    @property
    def is_decided(self) -> bool:
        """Whether nothing is open."""
        return not (self.keeping == OPEN).any()

    @property
    def is_done(self) -> bool:
        """Whether there is nothing to be searched: everything proved, or a data space that nothing keeps."""
        return self.is_decided and (not self.keep.any(axis=0).all() or self.keep.tobytes() in self.part.proved)

    @property
    def is_small(self) -> bool:
        """Whether fanouts can be filled in ways that are listed, and all of them bounded at once in a moment."""
        return self.fillings is not None and are_few(self.part.facts, self.keeping, self.bounds)

    @property
    def most_alone(self) -> int:
        """So many ways to fill the fanouts, and fewer, are bounded one by one."""
        few = self.fillings is not None and are_few(self.part.facts, self.keeping, self.bounds, LONG)
        return _FEW if few else _MANY

    @property
    def last_together(self) -> Stage:
        """How much is to be known of ways before they are taken apart."""
        joined = None if self.fillings is None or len(self.which) > 1 else self.fillings.joined
        if joined is None or (joined.kind == self.which[0]).sum() < _MANY_APART:
            return Stage.COARSE
        return Stage.PRICED

    @property
    def is_even(self) -> bool:
        """Whether in all ways to fill the fanouts equally many MACs work at once."""
        if self.fillings is None:
            return True
        lanes = self.fillings.lanes[self.which]
        return bool(lanes.min() == lanes.max())

    def groups(self, numbers: Iterator[int]) -> list[Root]:
        """The same for fewer ways to fill the fanouts: one by one, or by how many MACs work at once, or by halves."""
        assert self.fillings is not None
        if len(self.which) == 1:
            fillings, stage = self.fillings.apart(int(self.which[0])), Stage.FILLED
            every = replace(self, fillings=fillings, which=np.arange(len(fillings)), stage=stage, order=next(numbers))
            return [every] if len(fillings) == 1 else every.groups(numbers)
        if len(self.which) <= self.most_alone:
            groups = [self.which[i : i + 1] for i in range(len(self.which))]
        elif not self.is_even and self.by_lanes:
            lanes = self.fillings.lanes[self.which]
            groups = [self.which[lanes == count] for count in np.unique(lanes)]
        else:
            groups = list(self.fillings.halved(self.which, [t.ranks for t in self.part.facts.tensors]))
        return [replace(self, which=which, stage=Stage.FILLED, order=next(numbers)) for which in groups]

    def halves(self, numbers: Iterator[int]) -> list[Root]:
        """The same with one more place decided, the innermost that is open; kept is looked at first."""
        level, t = np.argwhere(self.keeping == OPEN)[0]
        found = []
        for what in (BYPASSED, KEPT):
            keeping = self.keeping.copy()
            keeping[level, t] = what
            half = replace(self, keeping=keeping, stage=Stage.FILLED, order=next(numbers))
            if not half.is_done:
                found.append(half)
        return found


class Roots:
    """The roots of mapspaces, those of the least bounds first.

    Args:
        parts: the mapspaces.
        key: what least energy and cycles amount to.
        numbers: of roots, each less than the last.
    """

    def __init__(self, parts: Sequence[Part], key: Callable[[float, float], Key], numbers: Iterator[int]) -> None:
        self._key, self._numbers = key, numbers
        self._heap: list[Root] = []
        self._waiting: list[tuple[Key, int, Root, Iterator[Root]]] = []
        for part in parts:
            if part.is_open:
                self._list(self._of(part))

    def _of(self, part: Part) -> Iterator[Root]:
        # Only the next one is looked at: keys must not fall as bounds rise, so that nothing better hides behind it.
        less = part.facts.below_zero([options[-1].bound for options in part.choices.factorizations])
        swaps = mirrors(part.choices, part.facts, part.choices.factorizations)
        for bounds in _by_product([[f.bound for f in options] for options in part.choices.factorizations]):
            if mirrored(bounds, swaps):
                continue
            yield root_of(part, bounds, part.compulsory(bounds) * SLACK - less, self._key, next(self._numbers))

    def _list(self, roots: Iterator[Root]) -> None:
        if (root := next(roots, None)) is not None:
            heapq.heappush(self._waiting, (root.key, root.order, root, roots))

    def push(self, root: Root) -> None:
        """Put a root back, or a part of one."""
        heapq.heappush(self._heap, root)

    def least(self) -> Key | None:
        """The key of the next root, or None where there is none."""
        keys = [root.key for root in self._heap[:1]] + [waiting[0] for waiting in self._waiting[:1]]
        return min(keys, default=None)

    def pop(self) -> Root:
        """The next root."""
        if self._heap and (not self._waiting or self._heap[0].key <= self._waiting[0][0]):
            return heapq.heappop(self._heap)
        _, _, root, others = heapq.heappop(self._waiting)
        self._list(others)
        return root


def root_of(
    part: Part, bounds: tuple[int, ...], energy: float, key: Callable[[float, float], Key], number: int
) -> Root:
    """A mapspace with its bounds decided, given the least energy (pJ) and the root's number."""
    keeping, tight = keeping_of(part.choices.kept, part.choices.free_bypass), part.facts.resources
    root = Root((0.0, 0.0), number, part, bounds, keeping, energy=energy, tight=tight)
    cycles = root.least_cycles()
    return replace(root, key=key(energy, cycles), cycles=cycles)


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
