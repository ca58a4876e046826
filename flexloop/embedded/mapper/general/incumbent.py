"""The best mapping yet of mapspaces that are searched as one, and the least bound of what was left open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flexloop.deadline import Deadline
from flexloop.embedded.arrays import Bools, Floats
from flexloop.embedded.mapper.costing import Costing
from flexloop.embedded.mapper.general.part import Part
from flexloop.embedded.mapper.general.roots import NOTHING, Key
from flexloop.embedded.mapper.sampler import Found, best_of, choices_of, sample
from flexloop.embedded.mapper.slots import Genomes
from flexloop.embedded.mapper.space import BestSoFar, Certificate, Objective, Optimum, Seed, Space, ranked
from flexloop.errors import NoVerdictError, UnmappableError, UnsupportedError

NOT_FOUND = "no mapping found within the time limit, and none is proved not to exist; allow more time"
_AS_GOOD = 1 - 4e-12
"""How far bounds may lie below a cost and be as good."""


@dataclass
class Best:
    """The best mapping yet, and whose it is."""

    found: Found
    part: Part

    @property
    def key(self) -> Key:
        """Its objective and its tie-break."""
        return self.found.key[0], self.found.key[1]


class Incumbent:
    """What every step of a search adds to: the best mapping yet, and what was left open.

    Args:
        spaces: the mapspaces, searched as one.
        objective: what to minimise.
        deadline: when to end.
        so_far: hears of every better mapping.
        floor: no mapping that is still to be searched costs less.
    """

    def __init__(
        self,
        spaces: Sequence[Space],
        objective: Objective,
        deadline: Deadline,
        so_far: BestSoFar | None = None,
        floor: Key = (0.0, 0.0),
    ) -> None:
        self.parts = []
        for index, space in enumerate(spaces):
            choices = choices_of(space)
            self.parts.append(Part(index, space, choices, Costing(space.spec, choices)))
        self.filled = [part for part in self.parts if part.choices.empty_dimension is None]
        self.objective: Objective = objective
        self.deadline, self.so_far = deadline, so_far or BestSoFar()
        self.best: Best | None = None
        self.evaluated = 0
        self.open = NOTHING
        self.floor = floor
        self.is_done = self.is_hopeless(floor)
        """Whether nothing can be better than the best mapping known."""

    @property
    def best_key(self) -> Key:
        """The objective and the tie-break of the best mapping yet; infinite where there is none."""
        return NOTHING if self.best is None else self.best.key

    @property
    def open_parts(self) -> list[Part]:
        """The mapspaces about which not everything is proved."""
        return [part for part in self.filled if part.is_open]

    def start(self, seeds: Sequence[Seed]) -> None:
        """Cost the seeds, or a mapping with the smallest tiles, for everything else to be compared with."""
        for seed in seeds:
            part = self.parts[seed.space]
            self.note(part, part.costing.genomes(seed.mapping))
        for part in self.filled:
            if self.is_done or self.best is not None:
                return
            self.note(part, part.choices.smallest())

    def key(self, energy: float, cycles: float) -> Key:
        """Objective and tie-break of a bound."""
        return (-np.inf, energy) if self.objective == "edp" and energy < 0 else ranked(self.objective, cycles, energy)

    def keys(self, energy: Floats, cycles: Floats) -> tuple[Floats, Floats]:
        """The same for arrays."""
        primary, tie = ranked(self.objective, cycles, energy)
        return np.where(energy >= 0, primary, -np.inf) if self.objective == "edp" else primary, tie

    def is_hopeless(self, key: Key) -> bool:
        """Whether a bound is no better than the best mapping known."""
        return not self._beats(np.array(key[:1]), np.array(key[1:]))[0]

    def hopeful(self, primary: Floats, tie: Floats) -> Bools:
        """Which bounds are better than the best mapping known, and whether anything can be."""
        return np.zeros(primary.shape, dtype=np.bool_) if self.is_done else self._beats(primary, tie)

    def _beats(self, primary: Floats, tie: Floats) -> Bools:
        possible: Bools = primary < np.inf
        best, least_tie = self.best_key
        # Sums of the same numbers in another order differ by rounding: what comes that close is as good.
        possible &= (primary < best * _AS_GOOD) | ((primary <= best) & (tie < least_tie * _AS_GOOD))
        return possible

    def may_tie(self, primary: float) -> bool:
        """Whether mappings of this objective, at least, are as good as the best one at best: the tie-break decides."""
        return self.best_key[0] * _AS_GOOD <= primary

    def leave(self, key: Key) -> None:
        """Hear that nothing more will be learnt of what a bound stands for."""
        self.open = min(self.open, max(key, self.floor))

    def leave_open(self, primary: Floats, tie: Floats) -> None:
        """The same for arrays of bounds."""
        if primary.size:
            least = primary.min()
            self.leave((float(least), float(tie[primary == least].min())))

    def raise_floor(self, floor: Key) -> None:
        """Hear that no mapping that is still to be searched costs less."""
        self.floor = max(self.floor, floor)
        self.is_done = self.is_hopeless(self.floor)

    def cost(self, part: Part, genomes: Genomes, floor: Key) -> None:
        """Cost mappings whose bounds are at least ``floor``; what time does not allow for is left open."""
        before = part.costing.uncounted
        if not self.note(part, genomes) or part.costing.uncounted > before:
            self.leave(floor)

    def note(self, part: Part, genomes: Genomes, *, as_good_too: bool = False) -> bool:
        """Cost mappings and remember the best, or one as good too; whether there was time for all."""
        genomes = genomes.take(np.flatnonzero(part.choices.fits_array(genomes)))
        if not len(genomes):
            return True
        costs = part.costing.cost(genomes, self.deadline)
        self.evaluated += len(costs)
        self.offer(part, best_of(genomes, costs, self.objective), as_good_too=as_good_too)
        return len(costs) == len(genomes)

    def offer(self, part: Part, found: Found | None, *, as_good_too: bool = False) -> None:
        """Remember a mapping if it is the best yet, or as good as that."""
        if found is None:
            return
        if self.best is None or found.key < self.best.found.key or (as_good_too and found.key == self.best.found.key):
            self.best = Best(found, part)
            self.so_far.best = found.key[0]
            self.is_done = self.is_hopeless(self.floor)

    def sample(self, part: Part, budget: int, rng_seed: int, starts: Genomes | None, deadline: Deadline) -> None:
        """Sample a mapspace, from some mappings on (see `sampler.sample`), and remember the best."""
        found, evaluated = sample(
            part.costing,
            part.choices,
            self.objective,
            budget=budget,
            rng_seed=rng_seed,
            starts=starts,
            deadline=deadline,
        )
        self.evaluated += evaluated
        self.offer(part, found)

    def result(self) -> Optimum:
        """The best mapping with its certificate.

        Raises:
            UnmappableError, UnsupportedError, NoVerdictError: if there is none: it is proved that none fits, the model
                counts none exactly, or neither is known.
        """
        if self.best is None:
            if any(part.costing.uncounted for part in self.parts):
                raise UnsupportedError("no mapping was found that the model counts exactly; use smaller bounds")
            if self.open[0] < np.inf:
                raise NoVerdictError(NOT_FOUND)
            raise UnmappableError(next(iter(self.filled), self.parts[0]).costing.why_none())
        certificate = Certificate.of(self.best_key, self.open, self.evaluated)
        bounds, mapping = self.best.part.costing.mapping(self.best.found.genomes)
        return Optimum(self.best.part.index, bounds, mapping, self.best.key, certificate)
