"""Mapspaces with so few factors that all can be listed, though not all orders of their loops.

So it is where tiles are pinned: only what lies on the fanouts and outermost is open. Each choice of factors is bounded
as a whole, and those that may be better than the best mapping known are costed, the most promising first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import numpy as np

from flexloop.embedded.arrays import Floats, Ints
from flexloop.embedded.mapper.general.bounds import Relaxation
from flexloop.embedded.mapper.general.branch import Branch
from flexloop.embedded.mapper.general.incumbent import Incumbent
from flexloop.embedded.mapper.general.roots import Part, Root, Roots, Stage
from flexloop.embedded.mapper.paths.shortest import knows_paths

_MOST = 20_000
"""Choices of factors and bypass of a mapspace that are listed at most."""
_CHUNK = 16
"""Choices of factors whose orders are costed between two looks at what else is promising."""


@dataclass
class _Listed:
    """Choices of factors below a root [n, slots + 1, dimensions], with their bounds, the most promising first."""

    branch: Branch
    spans: Ints
    primary: Floats
    tie: Floats


def prove_listed(incumbent: Incumbent) -> None:
    """Cut off or cost all mappings of mapspaces whose factors are few; what time does not allow for is left open."""
    parts = [part for part in incumbent.filled if _are_few(part)]
    _Listing(incumbent).run(Roots(parts, incumbent.key))
    for part in parts:
        part.proved.update([keep.tobytes() for keep in part.patterns()])


def _are_few(part: Part) -> bool:
    """Whether the factors of a mapspace are few; where shortest paths are known these are better."""
    factors = prod(sum(f.count for f in options) for options in part.choices.factorizations)
    return not knows_paths(part.choices) and factors << len(part.choices.free_bypass) <= _MOST


class _Listing:
    """Takes roots in the order of their bounds.

    Args:
        incumbent: the best mapping yet.
    """

    def __init__(self, incumbent: Incumbent) -> None:
        self._incumbent = incumbent
        self._listed: dict[int, _Listed] = {}

    def run(self, roots: Roots) -> None:
        """Cut off or cost everything below the roots."""
        while (least := roots.least()) is not None:
            if self._incumbent.is_hopeless(max(least, self._incumbent.floor)):
                return
            if self._incumbent.deadline.passed():
                self._incumbent.leave(least)
                return
            root = roots.pop()
            if root.stage != Stage.LISTED:
                found = [self._costed(root)]
            else:
                spans = self._fast_enough(root, _every(root))
                keepings = [keep.astype(np.int8) for keep in root.part.patterns()]
                found = [self._bounded(replace(root, keeping=k, order=next(roots.numbers)), spans) for k in keepings]
            for part in found:
                if part is not None:
                    roots.push(part)

    def _fast_enough(self, root: Root, spans: Ints) -> Ints:
        """The choices that the cycles of the MACs alone do not rule out."""
        lanes = np.ones(len(spans))
        for place, slot in enumerate(root.part.choices.slots):
            if slot.spatial:
                lanes *= (spans[:, place + 1] // spans[:, place]).prod(axis=1)
        cycles = prod(root.bounds) / lanes + root.part.facts.latency
        return spans[self._incumbent.hopeful(*self._incumbent.keys(np.full(len(spans), root.energy), cycles))]

    def _bounded(self, root: Root, spans: Ints) -> Root | None:
        """A root with the least bound of its choices, or None where none is hopeful."""
        if not len(spans):
            return None
        decided = root.keep, root.bounds, None, self._incumbent.deadline
        relaxation = Relaxation(root.part.facts, root.part.choices, *decided, looks_beyond=False)
        branch = Branch(self._incumbent, root, relaxation)
        return self._left(root, _Listed(branch, *branch.bounded(branch.fitting(spans))))

    def _costed(self, root: Root) -> Root | None:
        """What is left of a root when its most promising choices are costed."""
        listed = self._listed.pop(root.order)
        some, rest = slice(_CHUNK), slice(_CHUNK, None)
        listed.branch.cost(listed.spans[some], listed.primary[some], listed.tie[some])
        return self._left(root, _Listed(listed.branch, listed.spans[rest], listed.primary[rest], listed.tie[rest]))

    def _left(self, root: Root, listed: _Listed) -> Root | None:
        """A root that waits for its turn with choices that are left."""
        if not len(listed.spans):
            return None
        self._listed[root.order] = listed
        return replace(root, key=(float(listed.primary[0]), float(listed.tie[0])), stage=Stage.BOUNDED)


def _every(root: Root) -> Ints:
    """[n, slots + 1, dimensions] the tiles that every choice of factors for a root's bounds makes."""
    tables = [f.table for f in root.part.choices.of_bounds(root.bounds)]
    sizes = [len(table) for table in tables]
    rows = np.unravel_index(np.arange(prod(sizes)), sizes)
    factors = np.stack([table[index] for table, index in zip(tables, rows, strict=True)], axis=2)
    return np.concatenate([np.ones_like(factors[:, :1]), np.cumprod(factors, axis=1)], axis=1)
