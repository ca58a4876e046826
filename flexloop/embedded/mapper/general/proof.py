"""The proof: whatever is left of the mapspaces is cut off or costed, in the order of the bounds.

A root is bounded by its shortest path. What is then still hopeful is taken apart by its fanouts and its bypass, and
searched by branch and bound.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from flexloop.deadline import Deadline, TimeUp
from flexloop.embedded.mapper.general.arrays import Arrays, are_next, members_of
from flexloop.embedded.mapper.general.incumbent import Incumbent
from flexloop.embedded.mapper.general.joined import joined
from flexloop.embedded.mapper.general.labels import Labels
from flexloop.embedded.mapper.general.mirrors import mirrors, without_mirrored
from flexloop.embedded.mapper.general.part import Part
from flexloop.embedded.mapper.general.pricing import Pricing
from flexloop.embedded.mapper.general.roots import Root, Roots, Stage, root_of
from flexloop.embedded.mapper.paths.keeping import keeping_of
from flexloop.embedded.mapper.paths.shortest import are_few
from flexloop.embedded.mapper.space import Guide

SAMPLED = 0.2
"""Share of the time that sampling may take before anything is proved, and again after the exact search."""
_TOGETHER = 10_000
"""Ways that are priced together; what paths cost in each of them is held in memory."""
_OPENED = 25
"""Roots that are opened before the search plunges once more, and twice as many each time."""
_AGAIN = 0.5
"""Seconds of sampling for a second of proving, where proving takes long."""


def has_paths(part: Part, deadline: Deadline) -> bool:
    """Whether a mapspace has shortest paths, and not too many ways to fill the fanouts for them."""
    choices = part.choices
    bounds = [options[0].bound for options in choices.factorizations]
    keeping = keeping_of(choices.kept, choices.free_bypass)
    if not are_few(part.facts, keeping, bounds):
        return False
    if choices.imperfect:  # fanouts are mostly filled in few ways then, which time enough is to list later
        return True
    try:
        if part.fillings(bounds, deadline) is not None:
            return True
    except TimeUp:
        return False
    return isinstance(part, Arrays) and all(has_paths(member, deadline) for member in part.members)


class Proof:
    """Proves that nothing is better than the best mapping, or finds what is.

    Args:
        incumbent: the best mapping yet.
        parts: the mapspaces.
        are_paths: whether shortest paths lead to good mappings, so that none need be sampled.
    """

    def __init__(self, incumbent: Incumbent, parts: Sequence[Part], *, are_paths: bool) -> None:
        self._incumbent, self._parts, self._pricing = incumbent, parts, Pricing(incumbent, are_paths=are_paths)
        self._numbers = itertools.count(0, -1)

    def follow(self, guides: Sequence[Guide]) -> None:
        """Search first what has the bounds and the fanouts of mappings of elsewhere and may cost the floor."""
        for part, guide in itertools.product(self._parts, guides):
            if self._incumbent.is_done:
                return
            try:
                roots = self._beside(part, guide)
                while roots and roots[0].key <= self._incumbent.floor and not self._incumbent.is_done:
                    self._incumbent.deadline.check()
                    for root in self._taken_apart(heapq.heappop(roots)):
                        heapq.heappush(roots, root)
            except TimeUp:
                return

    def _beside(self, part: Part, guide: Guide) -> list[Root]:
        """What a mapspace has with the bounds and the fanouts of a mapping, if anything."""
        choices, on = part.choices, {level.target: level.spatial_factors for level in guide.mapping.levels}
        bounds = tuple(guide.bounds[d] for d in choices.dimensions)
        if not choices.allows(bounds) or (fillings := part.fillings(bounds, self._incumbent.deadline)) is None:
            return []
        factors = np.array([[on.get(name, {}).get(d, 1) for d in choices.dimensions] for name in choices.levels])
        fanouts = list(fillings.levels)
        which = np.flatnonzero((fillings.factors == factors[fanouts]).all(axis=(1, 2)))
        if not len(which) or np.delete(factors, fanouts, axis=0).max(initial=1) > 1:  # or there is no fanout
            return []
        root = root_of(part, bounds, -np.inf, self._incumbent.key, next(self._numbers))
        return [replace(root, fillings=fillings.some(which), which=np.arange(1), stage=Stage.FILLED)]

    def run(self, samples: int, rng_seed: int) -> None:
        """Cut off or cost everything that is left, in the order of the bounds.

        Where that takes long, sampling goes on in between.

        Args:
            samples: mappings sampled at a time, or 0.
            rng_seed: seed of the sampler.
        """
        roots = Roots(self._parts, self._incumbent.key, self._numbers)
        begun, sampled, opened, plunge = self._incumbent.deadline.now(), 0.0, 0, 0
        while (least := roots.least()) is not None:
            if opened >= plunge:
                self._plunge(roots)
                plunge = 2 * opened + _OPENED
                continue
            opened += 1
            proving = self._incumbent.deadline.now() - begun - sampled
            if samples and not self._pricing.are_paths and proving > 1.0 and sampled < _AGAIN * proving:
                before, rng_seed = self._incumbent.deadline.now(), rng_seed + 1
                self._improve(samples, rng_seed, max(_AGAIN * proving - sampled, 1.0))
                sampled += self._incumbent.deadline.now() - before
            bound = max(least, self._incumbent.floor)
            self._incumbent.so_far.bound = min(self._incumbent.open, bound)[0]
            if self._incumbent.is_hopeless((bound[0], -np.inf)):
                return
            root = roots.pop()
            if self._incumbent.is_hopeless(bound):  # bounds differ by rounding: the next may have a better tie-break
                continue
            try:
                self._incumbent.deadline.check()
                for part in self._taken_apart(root):
                    roots.push(part)
            except TimeUp:
                self._incumbent.leave(least)
                return

    def _plunge(self, roots: Roots) -> None:
        """Follow what is most promising down to one way to fill the fanouts, for a good mapping to begin with."""
        if (least := roots.least()) is None or self._incumbent.is_hopeless(max(least, self._incumbent.floor)):
            return
        root = roots.pop()
        try:
            while root.stage < Stage.PRICED or len(root.which) > 1 or isinstance(root.part, Arrays):
                if self._incumbent.is_hopeless(root.key):
                    return
                self._incumbent.deadline.check()
                parts = self._taken_apart(root)
                if len(parts) > 1 and all(len(part.which) == 1 for part in parts):  # which is better is not known yet
                    parts = [self._pricing.priced(part) if part.stage == Stage.FILLED else part for part in parts]
                parts.sort()
                if not parts:
                    return
                root, *others = parts
                for other in others:
                    roots.push(other)
        except TimeUp:
            pass
        roots.push(root)

    def _improve(self, samples: int, rng_seed: int, seconds: float) -> None:
        """Sample around the best mapping known, for so long at most."""
        left = self._incumbent.deadline.left
        until = self._incumbent.deadline.part(min(SAMPLED, seconds / left) if left else 0.0)
        sampled = [part for part in self._incumbent.filled if part.is_open]
        for place, part in enumerate(sampled):
            own = self._incumbent.best is not None and self._incumbent.best.part is part
            starts = self._incumbent.best.found.genomes if own and self._incumbent.best is not None else None
            self._incumbent.sample(part, 5 * samples, rng_seed, starts, until.part(1 / (len(sampled) - place)))

    def _taken_apart(self, root: Root) -> list[Root]:
        """What a root leaves to be searched: itself with a better bound, its parts, or nothing."""
        if root.stage == Stage.LISTED:
            return self._fill(root)
        if isinstance(root.part, Arrays) and are_next(root):
            return members_of(root, self._numbers)
        if not root.is_filled and (root.stage >= root.last_together or 1 < len(root.which) <= root.most_alone):
            return [self._pricing.least(part) for part in root.groups(self._numbers)]
        if root.stage < Stage.PRICED:
            return [self._pricing.priced(root)]
        if not root.has_paths:
            self._incumbent.leave(root.key)
            return []
        if root.asks:
            return [self._pricing.asked(root)]
        if not root.is_decided:
            return root.halves(self._numbers)
        found = self._pricing.paths(root)
        if not found:
            self._incumbent.leave(root.key)
        elif all(path.least < np.inf for path in found):
            for path in found:
                self._pricing.note_path(root, path)
            Labels(self._incumbent, root, found).run()
        return []

    def _fill(self, root: Root) -> list[Root]:
        """A root taken apart by the factors of its fanouts, or as it is where there are too many ways to fill them."""
        fillings = root.part.fillings(root.bounds, self._incumbent.deadline)
        if fillings is None:
            if not isinstance(root.part, Arrays):  # of which each alone may have few
                self._pricing.are_paths = False
            return [replace(root, stage=Stage.FILLED)]
        choices = root.part.choices
        swaps = mirrors(choices, root.part.facts, [[f] for f in choices.of_bounds(root.bounds)])
        fillings = joined(root.mapspace, fillings.some(without_mirrored(fillings, swaps)))
        which, by_lanes = np.arange(len(fillings)), self._incumbent.objective != "energy"
        every = replace(root, fillings=fillings, which=which, stage=Stage.FILLED, by_lanes=by_lanes)
        if not len(fillings):
            return []
        parts = [every]
        while any(len(part.which) > _TOGETHER for part in parts):
            parts = [
                less
                for part in parts
                for less in (part.groups(self._numbers) if len(part.which) > _TOGETHER else [part])
            ]
        if len(parts) > 1:
            parts = [replace(p, fillings=fillings.some(p.which), which=np.arange(len(p.which))) for p in parts]
        return [self._pricing.least(part) for part in parts]
