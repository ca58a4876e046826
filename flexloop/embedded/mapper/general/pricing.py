"""Bounds of roots by their shortest paths: of energy, of the cycles of bandwidths, and of both at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from flexloop.embedded.mapper.facts import Resource
from flexloop.embedded.mapper.general.arrays import Arrays
from flexloop.embedded.mapper.general.incumbent import Incumbent
from flexloop.embedded.mapper.general.measure import Line, Measure
from flexloop.embedded.mapper.general.roots import Root, Stage
from flexloop.embedded.mapper.general.weights import Weights, slow_end
from flexloop.embedded.mapper.paths.shortest import Charged, Shortest, shortest

_TIGHT = 0.6
"""The least share of a root's cycles for which a bandwidth is looked into."""


class Pricing:
    """Bounds the roots of a search, and costs the mappings that their shortest paths stand for.

    Args:
        incumbent: the best mapping yet.
        are_paths: whether shortest paths lead to good mappings.

    Attributes:
        are_paths: whether they do, or have led to one.
    """

    def __init__(self, incumbent: Incumbent, *, are_paths: bool) -> None:
        self._incumbent, self.are_paths = incumbent, are_paths
        # How many times the cycles of the MACs each bandwidth needed, where fanouts are filled in one way, at most.
        self._needed: dict[Resource, float] = {}
        # The shortest paths of the root that was bounded last, by its number, where its fanouts are filled in one way.
        self._fresh, self._fresh_of = dict[Resource | None, Shortest](), 1

    def bounded(self, root: Root, stage: Stage, energy: float, cycles: float) -> Root:
        """A root whose mappings need so much energy (pJ) and so many cycles at least."""
        energy, cycles = max(energy, root.energy), max(cycles, root.cycles)
        return replace(
            root, key=max(self._incumbent.key(energy, cycles), root.key), stage=stage, energy=energy, cycles=cycles
        )

    def least(self, root: Root) -> Root:
        """A root bounded by the cycles of the MACs."""
        return self.bounded(root, root.stage, root.energy, root.least_cycles())

    def priced(self, root: Root) -> Root:
        """A root bounded by its shortest path, first without what takes long, whose mapping is costed."""
        measure = Measure(self._incumbent, root.part.facts, root.bounds)
        if self._incumbent.objective == "latency" and root.is_small and not root.is_even:
            # Cycles follow from how many MACs work at once, or from what the outermost levels give and take.
            return self._throttled(replace(root, stage=Stage.PRICED), measure, coarse=False)
        coarse = root.stage < Stage.COARSE
        found = None if root.fillings is None else self._path(root, self._most_energy(root), coarse=coarse)
        if found is None:
            return replace(root, stage=Stage.COARSE if coarse else Stage.PRICED, has_paths=False)
        self.note_path(root, found)
        self._remember(root, found)
        energy = float(measure.total(np.array([found.least]), np.array([root.cycles]))[0])
        stage = Stage.PRICED if found.is_fine else Stage.COARSE
        root = self.bounded(replace(root, has_paths=True), stage, energy, 0.0)
        if energy == np.inf or not self._ask_cycles(root):
            return root
        if not root.is_even and not (found.is_fine and root.is_small):
            return root
        if found.is_fine and found.takes_long and root.is_filled and not isinstance(root.part, Arrays):
            return replace(root, asks=True)
        return self._asked(root, found, measure, coarse=coarse)

    def asked(self, root: Root) -> Root:
        """A root whose path is known, bounded by the cycles of its bandwidths too: they may take several more paths."""
        root, measure = replace(root, asks=False), Measure(self._incumbent, root.part.facts, root.bounds)
        found = self._paths_of(root).get(None) or self._path(root, self._most_energy(root), coarse=False)
        if found is None or found.least == np.inf:
            return root if found is None else self.bounded(root, root.stage, np.inf, 0.0)
        self._remember(root, found)
        return self._asked(root, found, measure, coarse=False)

    def _asked(self, root: Root, found: Shortest, measure: Measure, *, coarse: bool) -> Root:
        resources = root.part.facts.resources if self._is_slow(root, found) else ()
        root = self._throttled(root, measure, coarse=coarse, resources=resources)
        if self._incumbent.is_hopeless(root.key) or not root.is_filled:
            return root
        return self._blended(root, found, measure, resources or root.tight, coarse=coarse)

    def _throttled(self, root: Root, measure: Measure, *, coarse: bool, resources: Sequence[Resource] = ()) -> Root:
        """A root bounded by the cycles that bandwidths need; those that may need many are remembered.

        Asked are some resources, or else those of the root that may be tight by what they needed elsewhere. Where
        fanouts are filled in ways that let more or fewer MACs work only the levels outside of all fanouts are asked:
        they move much the same words in all of them.
        """
        outermost = 0 if root.is_even or root.fillings is None else max(root.fillings.levels, default=0)
        alone, steps = root.is_filled, root.least_cycles()
        tight = []
        for resource in sorted(resources or root.tight, key=lambda resource: -self._needed.get(resource, 0.0)):
            if self._incumbent.is_hopeless(root.key):
                return root
            if resource[0] < outermost:
                tight.append(resource)
                continue
            if not resources and not self._may_be_tight(root, resource):
                continue
            found = self._path(root, self._most_cycles(root), resource, coarse=coarse)
            if found is None:
                continue
            self.note_path(root, found)
            cycles = float(measure.cycles(np.zeros(1), np.array([found.least]))[0])
            if resources or cycles >= _TIGHT * root.cycles or not root.is_even:
                tight.append(resource)
            root = self.bounded(root, root.stage, 0.0, cycles)
            if alone:
                self._needed[resource] = max(cycles / steps, self._needed.get(resource, 0.0))
                if root.is_small:
                    self._fresh[resource] = found
        return replace(root, tight=tuple(tight))

    def _may_be_tight(self, root: Root, resource: Resource) -> bool:
        """Whether a bandwidth may need about as many cycles as a root does, by what it needed elsewhere.

        Where energy counts too a mapping of the least energy tells when to ask first: see `_is_slow`.
        """
        unknown = np.inf if self._incumbent.objective == "latency" else 0.0
        return self._needed.get(resource, unknown) * root.least_cycles() >= _TIGHT * root.cycles

    def _blended(
        self, root: Root, found: Shortest, measure: Measure, resources: Sequence[Resource], *, coarse: bool
    ) -> Root:
        """A root bounded by energy and the cycles of a bandwidth at once; the blends that tell more are remembered."""
        blends = []
        for resource in resources:
            weights = Weights(self._incumbent, root)
            weights.hear(found)
            best = None
            while weight := weights.next():
                path = self._path(root, np.inf, resource, weight, coarse=coarse)
                if path is None:
                    break
                self.note_path(root, path)
                line = Line(weight, np.array([path.least]))
                primary, tie = measure.keys(np.array([found.least]), np.array([root.cycles]), [line])
                if (key := (float(primary[0]), float(tie[0]))) > root.key:
                    best, root = (resource, weight), replace(root, key=key)
                if self._incumbent.is_hopeless(root.key):
                    return root
                weights.hear(path)
            blends += [best] if best else []
        return replace(root, blends=tuple(blends))

    def _ask_cycles(self, root: Root) -> bool:
        """Whether cycles matter: for energy where they decide between mappings that are as good."""
        if self._incumbent.objective != "energy":
            return True
        return root.is_filled and self._incumbent.may_tie(root.key[0])

    def _is_slow(self, root: Root, found: Shortest) -> bool:
        """Whether the mapping of the least energy needs more cycles than a root does, or may where it is not traced."""
        if isinstance(root.part, Arrays) or not root.is_filled or not found.is_fine:
            return False
        return found.genomes is None or slow_end(self._incumbent, root, found) is not None

    def paths(self, root: Root) -> list[Shortest]:
        """The shortest paths of a root whose fanouts are filled, for energy and for each tight bandwidth.

        None where those for energy have too many values to be kept.
        """
        fresh = self._paths_of(root)
        found = [fresh.get(None) or self._path(root, self._most_energy(root), coarse=False)]
        if self._ask_cycles(root):
            for resource in root.tight:
                found.append(fresh.get(resource) or self._path(root, self._most_cycles(root), resource, coarse=False))
            found += [self._path(root, np.inf, *blend, coarse=False) for blend in root.blends]
        energy, *others = (self._kept(root, path) for path in found)
        return [] if energy is None else [energy, *(path for path in others if path is not None)]

    def _kept(self, root: Root, path: Shortest | None) -> Shortest | None:
        """A path with the values of all slots: of each data space alone, where of all together they are too many."""
        if path is None or path.is_kept:
            return path
        least = self._most_cycles(root) if path.resource and not path.weight else np.inf
        return self._path(root, least, path.resource, path.weight, coarse=True, apart=True)

    def _remember(self, root: Root, found: Shortest) -> None:
        self._fresh, self._fresh_of = {None: found} if root.is_filled and root.is_small else {}, root.order

    def _paths_of(self, root: Root) -> dict[Resource | None, Shortest]:
        """The paths that are remembered, if these are a root's."""
        return self._fresh if root.order == self._fresh_of else {}

    def _path(
        self, root: Root, most: float, resource: Resource | None = None, weight: float = 0.0, *,
        coarse: bool, apart: bool = False,
    ) -> Shortest | None:  # fmt: skip
        """The shortest path of a root, where there are not too many; none above a limit."""
        assert root.fillings is not None
        ways = root.fillings, root.which, most, self._incumbent.deadline
        return shortest(root.mapspace, *ways, coarse=coarse, charged=Charged(resource, weight), apart=apart)

    def note_path(self, root: Root, found: Shortest) -> None:
        """Cost the mapping of a path."""
        if found.genomes is not None and not isinstance(root.part, Arrays):
            self.are_paths = True
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
        best, tie = self._incumbent.best_key
        if self._incumbent.objective == "energy":
            most = tie
        else:
            most = best if self._incumbent.objective == "latency" else best / root.energy if root.energy > 0 else np.inf
        return most - root.part.facts.latency
