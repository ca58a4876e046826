"""The proof: whatever is left of the mapspaces is cut off or costed, in the order of the bounds.

A root is bounded by its shortest path, or by its tiles (`general.bounds`) where paths are too many or do not apply.
What is then still hopeful is taken apart by its fanouts and its bypass, and searched by branch and bound.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from flexloop.deadline import Deadline, TimeUp
from flexloop.embedded.mapper.facts import Resource
from flexloop.embedded.mapper.general.arrays import Arrays, as_arrays, members_of
from flexloop.embedded.mapper.general.bounds import Relaxation
from flexloop.embedded.mapper.general.branch import Branch
from flexloop.embedded.mapper.general.incumbent import Incumbent
from flexloop.embedded.mapper.general.labels import Labels
from flexloop.embedded.mapper.general.measure import Line, Measure
from flexloop.embedded.mapper.general.mirrors import mirrors, without_mirrored
from flexloop.embedded.mapper.general.roots import Part, Root, Roots, Stage
from flexloop.embedded.mapper.general.weights import Weights
from flexloop.embedded.mapper.paths.prices import keeping_of
from flexloop.embedded.mapper.paths.shortest import Shortest, are_few, knows_paths, shortest

SAMPLED = 0.2
"""Share of the time that sampling may take before anything is proved, and again after the exact search."""
_TOGETHER = 5_000
"""Ways that are priced together; what paths cost in each of them is held in memory."""
_AGAIN = 0.5
"""Seconds of sampling for a second of proving, where proving takes long."""
_TIGHT, _MAY_BE_TIGHT = 0.6, 0.3
"""The least share of a root's cycles for which a bandwidth is looked into: fanouts filled in one way, or in several."""


def has_paths(part: Part, deadline: Deadline) -> bool:
    """Whether a mapspace has shortest paths, and not too many ways to fill the fanouts for them."""
    choices = part.choices
    bounds = [options[0].bound for options in choices.factorizations]
    keeping = keeping_of(choices.kept, choices.free_bypass)
    if not knows_paths(choices) or not are_few(part.facts, keeping, bounds):
        return False
    try:
        return part.fillings(bounds, deadline) is not None
    except TimeUp:
        return False


class Proof:
    """Proves that nothing is better than the best mapping, or finds what is.

    Args:
        incumbent: the best mapping yet.
        are_paths: whether shortest paths lead to good mappings, so that none need be sampled.
    """

    def __init__(self, incumbent: Incumbent, *, are_paths: bool) -> None:
        self._incumbent, self._are_paths = incumbent, are_paths
        # How many times the cycles of the MACs each bandwidth needed, where fanouts are filled in one way, at most.
        self._needed: dict[Resource, float] = {}
        # The shortest paths of the root that was bounded last, by its number, where its fanouts are filled in one way.
        self._fresh, self._fresh_of = dict[Resource | None, Shortest](), 1

    def run(self, samples: int, rng_seed: int) -> None:
        """Cut off or cost everything that is left, in the order of the bounds.

        Where that takes long, sampling goes on in between.

        Args:
            samples: mappings sampled at a time, or 0.
            rng_seed: seed of the sampler.
        """
        roots = Roots(as_arrays(self._incumbent.filled), self._incumbent.key)
        self._plunge(roots)
        begun, sampled = self._incumbent.deadline.now(), 0.0
        while (least := roots.least()) is not None:
            proving = self._incumbent.deadline.now() - begun - sampled
            if samples and not self._are_paths and proving > 1.0 and sampled < _AGAIN * proving:
                before, rng_seed = self._incumbent.deadline.now(), rng_seed + 1
                self._improve(samples, rng_seed, max(_AGAIN * proving - sampled, 1.0))
                sampled += self._incumbent.deadline.now() - before
            bound = max(least, self._incumbent.floor)
            self._incumbent.so_far.bound = min(self._incumbent.open, bound)[0]
            if self._incumbent.is_hopeless(bound):
                return
            root = roots.pop()
            try:
                self._incumbent.deadline.check()
                for part in self._taken_apart(root, roots.numbers):
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
            while root.stage < Stage.PRICED or len(root.which) > 1:
                self._incumbent.deadline.check()
                if root.stage == Stage.COARSE and len(root.which) > 1:
                    parts = [self._least(part) for part in root.groups(roots.numbers)]
                    if len(parts) <= root.most_alone:
                        parts = [self._priced(part) for part in parts]
                else:
                    parts = self._taken_apart(root, roots.numbers)
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

    def _taken_apart(self, root: Root, numbers: Iterator[int]) -> list[Root]:
        """What a root leaves to be searched: itself with a better bound, its parts, or nothing."""
        if root.stage == Stage.LISTED:
            return self._fill(root, numbers)
        if isinstance(root.part, Arrays) and (
            root.fillings is None or len(root.which) == 1 and root.stage >= Stage.PRICED
        ):
            return members_of(root, numbers)
        if len(root.which) > 1 and (root.stage >= Stage.COARSE or len(root.which) <= root.most_alone):
            return [self._least(part) for part in root.groups(numbers)]
        if root.stage < Stage.PRICED:
            return [self._priced(root)]
        if not root.is_decided:
            return root.halves(numbers)
        if root.stage == Stage.PRICED and not root.has_paths:
            energy, cycles = self._relaxation(root, looks_beyond=True).bound(
                np.ones((1, 1, len(root.bounds)), dtype=np.int64)
            )
            return [self._bounded(root, Stage.BOUNDED, float(energy[0]), float(cycles[0]))]
        found = self._paths(root) if root.has_paths else []
        if not found or not found[0].is_kept:
            Branch(self._incumbent, root, self._relaxation(root, looks_beyond=True)).run()
        elif all(path.least < np.inf for path in found):
            for path in found:
                self._note_path(root, path)
            Labels(self._incumbent, root, self._relaxation(root, looks_beyond=False), found).run()
        return []

    def _relaxation(self, root: Root, *, looks_beyond: bool) -> Relaxation:
        decided = root.keep, root.bounds, root.filling
        return Relaxation(
            root.part.facts, root.part.choices, *decided, self._incumbent.deadline, looks_beyond=looks_beyond
        )

    def _bounded(self, root: Root, stage: Stage, energy: float, cycles: float) -> Root:
        energy, cycles = max(energy, root.energy), max(cycles, root.cycles)
        return replace(
            root, key=max(self._incumbent.key(energy, cycles), root.key), stage=stage, energy=energy, cycles=cycles
        )

    def _fill(self, root: Root, numbers: Iterator[int]) -> list[Root]:
        """A root taken apart by the factors of its fanouts, or as it is where there are too many ways to fill them."""
        fillings = root.part.fillings(root.bounds, self._incumbent.deadline)
        if fillings is None:
            self._are_paths = False
            return [replace(root, stage=Stage.FILLED)]
        fillings = fillings.some(without_mirrored(fillings, mirrors(root.part.choices, root.part.facts, root.bounds)))
        which, by_lanes = np.arange(len(fillings)), self._incumbent.objective != "energy"
        every = replace(root, fillings=fillings, which=which, stage=Stage.FILLED, by_lanes=by_lanes)
        if not len(fillings):
            return []
        parts = [every]
        while any(len(part.which) > _TOGETHER for part in parts):
            parts = [
                less for part in parts for less in (part.groups(numbers) if len(part.which) > _TOGETHER else [part])
            ]
        if len(parts) > 1:
            parts = [replace(p, fillings=fillings.some(p.which), which=np.arange(len(p.which))) for p in parts]
        return [self._least(part) for part in parts]

    def _least(self, root: Root) -> Root:
        return self._bounded(root, root.stage, root.energy, root.least_cycles())

    def _priced(self, root: Root) -> Root:
        """A root bounded by its shortest path, first without what takes long, whose mapping is costed."""
        measure = Measure(self._incumbent, root.part.facts, root.bounds)
        if self._incumbent.objective == "latency" and root.is_small and not root.is_even:
            # Cycles follow from how many MACs work at once, or from what the outermost levels give and take.
            return self._throttled(replace(root, stage=Stage.PRICED), measure, coarse=False)
        coarse = root.stage < Stage.COARSE
        found = None if root.fillings is None else self._path(root, self._most_energy(root), coarse=coarse)
        if found is None:
            return replace(root, stage=Stage.COARSE if coarse else Stage.PRICED, has_paths=False)
        self._note_path(root, found)
        self._fresh, self._fresh_of = {None: found} if len(root.which) == 1 and root.is_small else {}, root.order
        energy = float(measure.total(np.array([found.least]), np.array([root.cycles]))[0])
        stage = Stage.PRICED if found.is_fine else Stage.COARSE
        root = self._bounded(replace(root, has_paths=True), stage, energy, 0.0)
        if self._incumbent.objective == "energy" or energy == np.inf:
            return root
        if not root.is_even and not (found.is_fine and root.is_small):
            return root
        root = self._throttled(root, measure, coarse=coarse)
        if self._incumbent.is_hopeless(root.key) or len(root.which) > 1:
            return root
        return self._blended(root, found, measure, coarse=coarse)

    def _throttled(self, root: Root, measure: Measure, *, coarse: bool) -> Root:
        """A root bounded by the cycles that bandwidths need; those that may need many are remembered.

        Where fanouts are filled in ways that let more or fewer MACs work only the levels outside of all fanouts are
        asked: they move much the same words in all of them.
        """
        outermost = 0 if root.is_even or root.fillings is None else max(root.fillings.levels, default=0)
        alone, steps = len(root.which) == 1, root.least_cycles()
        tight, least = [], _TIGHT if alone else _MAY_BE_TIGHT
        for resource in sorted(root.tight, key=lambda resource: -self._needed.get(resource, 0.0)):
            if self._incumbent.is_hopeless(root.key):
                return root
            if resource[0] < outermost:
                tight.append(resource)
                continue
            if alone and not self._may_be_tight(root, resource):
                continue
            found = self._path(root, self._most_cycles(root), resource, coarse=coarse)
            if found is None:
                continue
            self._note_path(root, found)
            cycles = float(measure.cycles(np.zeros(1), np.array([found.least]))[0])
            if cycles >= least * root.cycles or not root.is_even:
                tight.append(resource)
            root = self._bounded(root, root.stage, 0.0, cycles)
            if alone:
                self._needed[resource] = max(cycles / steps, self._needed.get(resource, 0.0))
                if root.is_small:
                    self._fresh[resource] = found
        return replace(root, tight=tuple(tight))

    def _may_be_tight(self, root: Root, resource: Resource) -> bool:
        """Whether a bandwidth may need about as many cycles as a root does, by what it needed elsewhere."""
        return self._needed.get(resource, np.inf) * root.least_cycles() >= _MAY_BE_TIGHT * root.cycles

    def _blended(self, root: Root, found: Shortest, measure: Measure, *, coarse: bool) -> Root:
        """A root bounded by energy and the cycles of a bandwidth at once; the blends that tell more are remembered."""
        blends = []
        is_throttled = self._is_throttled(root, found)
        for resource in root.part.facts.resources:
            if not is_throttled and not self._may_be_tight(root, resource):
                continue
            weights = Weights(self._incumbent, root)
            weights.hear(found)
            best = None
            while weight := weights.next():
                path = self._path(root, np.inf, resource, weight, coarse=coarse)
                if path is None:
                    break
                self._note_path(root, path)
                line = Line(weight, np.array([path.least]))
                primary, tie = measure.keys(np.array([found.least]), np.array([root.cycles]), [line])
                if (key := (float(primary[0]), float(tie[0]))) > root.key:
                    best, root = (resource, weight), replace(root, key=key)
                if self._incumbent.is_hopeless(root.key):
                    return root
                weights.hear(path)
            blends += [best] if best else []
        return replace(root, blends=tuple(blends))

    def _is_throttled(self, root: Root, found: Shortest) -> bool:
        """Whether the mapping of the least energy is known to need more cycles than a root does."""
        if found.genomes is None or isinstance(root.part, Arrays):
            return False
        costs = root.part.costing.cost(found.genomes, self._incumbent.deadline)
        return bool(len(costs) and costs.cycles[0] > root.cycles)

    def _paths(self, root: Root) -> list[Shortest]:
        """The shortest paths of a root whose fanouts are filled, for energy and for each tight bandwidth."""
        fresh = self._fresh if root.order == self._fresh_of else {}
        found = [fresh.get(None) or self._path(root, self._most_energy(root), coarse=False)]
        if self._incumbent.objective != "energy":
            for resource in root.tight:
                found.append(fresh.get(resource) or self._path(root, self._most_cycles(root), resource, coarse=False))
            found += [self._path(root, np.inf, *blend, coarse=False) for blend in root.blends]
        return [path for path in found if path is not None]

    def _path(
        self, root: Root, most: float, resource: Resource | None = None, weight: float = 0.0, *, coarse: bool
    ) -> Shortest | None:
        """The shortest path of a root, where there are not too many; none above a limit."""
        assert root.fillings is not None
        facts, choices = root.part.facts, root.part.choices
        ways = root.fillings, root.which, most, self._incumbent.deadline
        return shortest(
            facts, choices, root.keeping, root.bounds, *ways, coarse=coarse, resource=resource, weight=weight
        )

    def _note_path(self, root: Root, found: Shortest) -> None:
        """Cost the mapping of a path."""
        if found.genomes is not None and not isinstance(root.part, Arrays):
            self._are_paths = True
            self._incumbent.note(root.part, found.genomes)

    def _most_energy(self, root: Root) -> float:
        """The energy, leakage left out, above which a mapping of a root is of no interest."""
        best, tie = self._incumbent.best_key
        if self._incumbent.objective == "latency":
            most = tie if root.cycles >= best else np.inf
        else:
            most = best if self._incumbent.objective == "energy" else best / root.cycles
        return most + root.part.facts.below_zero(root.bounds)

    def _most_cycles(self, root: Root) -> float:
        """The cycles above which a mapping of a root is of no interest."""
        if self._incumbent.objective == "energy":
            return np.inf
        best, _ = self._incumbent.best_key
        most = best if self._incumbent.objective == "latency" else best / root.energy if root.energy > 0 else np.inf
        return most - root.part.facts.latency
