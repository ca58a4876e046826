"""The general mapper: any chain of storage levels, several fanouts, any constraints, free bypass.

Small mapspaces are enumerated. Larger ones are searched by branch and bound: bypass and bounds first, then factors slot
by slot from the innermost outwards, then orders. Partial mappings whose bound (see `general.bounds`) is no better than
the best mapping known are cut off with everything below them. At the time limit the least bound left open certifies.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from flexloop.deadline import Deadline, TimeUp
from flexloop.embedded.mapper.choices import Choices
from flexloop.embedded.mapper.costing import Costing
from flexloop.embedded.mapper.exact.form import Form, recognise
from flexloop.embedded.mapper.exact.optimal import Search, families
from flexloop.embedded.mapper.facts import Resource
from flexloop.embedded.mapper.fillings import Fillings, every_filling
from flexloop.embedded.mapper.general.bounds import Floats, Relaxation
from flexloop.embedded.mapper.general.branch import Branch
from flexloop.embedded.mapper.general.labels import SLACK, Labels
from flexloop.embedded.mapper.general.roots import MOST_TOGETHER, NOTHING, Key, Part, Root, Roots, Stage
from flexloop.embedded.mapper.paths.prices import keeping_of
from flexloop.embedded.mapper.paths.shortest import Shortest, are_few, knows_paths, shortest
from flexloop.embedded.mapper.sampler import Found, better, choices_of, sample
from flexloop.embedded.mapper.slots import Genomes, concatenate
from flexloop.embedded.mapper.space import Certificate, Objective, Optimum, Seed, Space, Standing
from flexloop.errors import NoVerdictError, UnmappableError, UnsupportedError
from flexloop.timeloop.constraints import DataspaceConstraint

NOT_FOUND = "no mapping found within the time limit, and none is proved not to exist; allow more time"
_ENUMERATED = 200_000
"""Mapspaces of at most this many mappings together are enumerated."""
_MOST_WAYS = 5_000
"""Ways to fill the fanouts that are told apart from the start; where there are more, they are decided slot by slot."""
_FORMS = 512
"""Patterns of bypass that are handed to the exact search at most."""
_FEWER = 20
"""By how much fewer mappings are sampled where shortest paths lead to good ones."""
_AGAIN = 0.5
"""Seconds of sampling for a second of proving, where proving takes long."""
_AS_GOOD = 1 - 2e-12
"""How far bounds may lie below a cost and be as good."""
_TIGHT = 0.6
"""What share of a root's cycles a bandwidth needs at least for more to be found out about it."""
_RELAXED = 0.5
"""Share of the time for an exact search that passes over a limit on loops."""
_SAMPLED = 0.2
"""Share of the time that sampling may take before anything is proved, and again after the exact search."""


def find_best_general(
    spaces: Sequence[Space],
    objective: Objective,
    seeds: Sequence[Seed] = (),
    *,
    time_limit: float = 60.0,
    deadline: Deadline | None = None,
    rng_seed: int = 0,
    samples: int = 20_000,
    standing: Standing | None = None,
) -> Optimum:
    """Find the best mapping of all spaces, proved or with a lower bound.

    Args:
        spaces: the mapspaces, searched as one.
        objective: what to minimise.
        seeds: mappings known to be in the spaces, to start from.
        time_limit: seconds of CPU time after which the search ends with what it has.
        deadline: takes the place of the time limit.
        rng_seed: seed of the sampler that finds the first mappings.
        samples: mappings sampled before branch and bound, over all spaces.
        standing: called with the best mapping and its bound whenever they improve.

    Raises:
        UnmappableError: if no mapping fits, with the reason for the one with the smallest tiles.
        NoVerdictError: if none was found within the time limit, and it is not proved that there is none.
        UnsupportedError: if none was found that the model can count.
    """
    search = _Search(spaces, objective, deadline or Deadline(time_limit), standing or Standing())
    search.start(seeds)
    if not search.enumerate_if_small():
        search.recognise()
        # A bad incumbent makes the exact search prove much about patterns of bypass that a good one excludes at once.
        search.sample(seeds, samples // 3, rng_seed)
        search.prove_exactly()
        search.sample(seeds, samples - samples // 3, rng_seed + 1)
        search.prove(samples, rng_seed + 2)
    return search.result()


@dataclass
class _Best:
    """The best mapping yet, and whose it is."""

    found: Found
    part: Part

    @property
    def key(self) -> Key:
        """Its objective and its tie-break."""
        return self.found.key[0], self.found.key[1]


class _Search:
    def __init__(self, spaces: Sequence[Space], objective: Objective, deadline: Deadline, standing: Standing) -> None:
        self.parts = []
        for index, space in enumerate(spaces):
            choices = choices_of(space)
            self.parts.append(Part(index, space, choices, Costing(space.spec, choices)))
        self._filled = [part for part in self.parts if part.choices.empty_dimension is None]
        self._objective: Objective = objective
        self.deadline, self._standing = deadline, standing
        self._best: _Best | None = None
        self._evaluated = 0
        self._open = NOTHING
        self._forms: tuple[list[tuple[int, Form]], list[tuple[Part, bytes]], bool] = ([], [], False)
        self._are_paths = False
        self._floor: Key = (0.0, 0.0)
        """No mapping that is still to be searched costs less."""

    def start(self, seeds: Sequence[Seed]) -> None:
        """Cost the seeds and the mappings with the smallest tiles, for everything else to be compared with."""
        for seed in seeds:
            part = self.parts[seed.space]
            self._note(part, part.costing.genomes(seed.mapping))
        for part in self._filled:
            self._note(part, part.choices.smallest())

    def sample(self, seeds: Sequence[Seed], samples: int, rng_seed: int) -> None:
        """Improve the seeds by sampling the spaces that the exact search has not covered."""
        sampled = [part for part in self._filled if any(True for _ in part.patterns())]
        samples = samples // _FEWER if self._are_paths else samples
        until = self.deadline.part(_SAMPLED)
        for place, part in enumerate(sampled):
            if samples <= 0 or until.passed():
                return
            starts = [part.costing.genomes(seed.mapping) for seed in seeds if seed.space == part.index]
            found, evaluated = sample(
                part.costing,
                part.choices,
                self._objective,
                budget=samples // len(sampled),
                rng_seed=rng_seed,
                starts=concatenate(starts) if starts else None,
                deadline=until.part(1 / (len(sampled) - place)),
            )
            self._evaluated += evaluated
            self._offer(part, found)

    def _improve(self, samples: int, rng_seed: int) -> None:
        """Sample around the best mapping known."""
        for part in self._filled:
            own = self._best is not None and self._best.part is part
            starts = self._best.found.genomes if own and self._best is not None else None
            found, evaluated = sample(
                part.costing, part.choices, self._objective, budget=5 * samples, rng_seed=rng_seed, starts=starts,
                deadline=self.deadline.part(_SAMPLED),
            )  # fmt: skip
            self._evaluated += evaluated
            self._offer(part, found)

    def enumerate_if_small(self) -> bool:
        """Cost everything if that is little and there is time for it; return whether all was costed."""
        left: float = _ENUMERATED
        for part in self._filled:
            left -= part.choices.size(left)
            if left < 0 or self.deadline.passed():
                return False
        try:
            for part in self._filled:
                for genomes in part.choices.listed(1024, self.deadline):
                    self._note(part, genomes)
                    self.deadline.check()
        except TimeUp:
            return False
        return not any(part.costing.uncounted for part in self.parts)

    def prove(self, samples: int, rng_seed: int) -> None:
        """Cut off or cost everything that is left, in the order of the bounds.

        Where that takes long, sampling goes on in between.
        """
        roots = Roots(self._filled, self.key)
        begun, sampled = self.deadline.now(), 0.0
        while (least := roots.least()) is not None:
            if (
                samples
                and not self._are_paths
                and (proving := self.deadline.now() - begun - sampled) > 1.0
                and sampled < _AGAIN * proving
            ):
                before, rng_seed = self.deadline.now(), rng_seed + 1
                self._improve(samples, rng_seed)
                sampled += self.deadline.now() - before
            bound = max(least, self._floor)
            self._standing.bound = min(self._open, bound)[0]
            if self._hopeless(bound):
                return
            root = roots.pop()
            try:
                self.deadline.check()
                for part in self._taken_apart(root, roots.numbers):
                    roots.push(part)
            except TimeUp:
                self._leave(least)
                return

    def _taken_apart(self, root: Root, numbers: Iterator[int]) -> list[Root]:
        """What a root leaves to be searched: itself with a better bound, its parts, or nothing."""
        if root.stage == Stage.LISTED:
            return self._fill(root, numbers)
        if len(root.which) > 1 and (root.stage >= Stage.PRICED or len(root.which) <= MOST_TOGETHER):
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
            Branch(self, root, self._relaxation(root, looks_beyond=True)).run()
        elif all(path.least < np.inf for path in found):
            for path in found:
                self._note_path(root, path)
            Labels(self, root, self._relaxation(root, looks_beyond=False), found).run()
        return []

    def _relaxation(self, root: Root, *, looks_beyond: bool) -> Relaxation:
        decided = root.keep, root.bounds, root.filling
        return Relaxation(root.part.facts, root.part.choices, *decided, self.deadline, looks_beyond=looks_beyond)

    def _bounded(self, root: Root, stage: Stage, energy: float, cycles: float) -> Root:
        energy, cycles = max(energy, root.energy), max(cycles, root.cycles)
        return replace(root, key=max(self.key(energy, cycles), root.key), stage=stage, energy=energy, cycles=cycles)

    def _fill(self, root: Root, numbers: Iterator[int]) -> list[Root]:
        """A root taken apart by the factors of its fanouts, or as it is where there are too many ways to fill them."""
        found = every_filling(root.part.choices, root.bounds, _MOST_WAYS, self.deadline)
        if found is None:
            self._are_paths = False
            return [replace(root, stage=Stage.FILLED)]
        fillings = Fillings.of(root.part.choices, found)
        which, by_lanes = np.arange(len(fillings)), self._objective != "energy"
        every = replace(root, fillings=fillings, which=which, stage=Stage.FILLED, by_lanes=by_lanes)
        if not len(fillings):
            return []
        # Cycles follow from how many MACs work at once; what energy is needed at least is found out for all ways first.
        parts = every.groups(numbers) if self._objective == "latency" else [every]
        return [self._least(part) for part in parts]

    def _least(self, root: Root) -> Root:
        return self._bounded(root, root.stage, root.energy, root.least_cycles())

    def _priced(self, root: Root) -> Root:
        """A root bounded by its shortest path, first without what takes long, whose mapping is costed."""
        coarse = root.stage < Stage.COARSE
        found = None if root.fillings is None else self._path(root, self._most_energy(root), coarse=coarse)
        if found is None:
            return replace(root, stage=Stage.COARSE if coarse else Stage.PRICED, has_paths=False)
        self._note_path(root, found)
        facts = root.part.facts
        leaked = sum(level.leakage for level in facts.levels) * (root.cycles - facts.latency)
        energy = found.least + leaked - facts.below_zero(root.bounds)
        stage = Stage.PRICED if found.is_fine else Stage.COARSE
        root = self._bounded(replace(root, has_paths=True), stage, energy, 0.0)
        if self._objective == "energy" or energy == np.inf or not root.is_even:
            return root
        return self._throttled(root, coarse=coarse)

    def _throttled(self, root: Root, *, coarse: bool) -> Root:
        """A root bounded by the cycles that bandwidths need; those that may need many are remembered."""
        tight = []
        for resource in root.tight:
            found = self._path(root, self._most_cycles(root), resource, coarse=coarse)
            if found is not None:
                self._note_path(root, found)
                cycles = float(np.ceil(found.least * SLACK)) + root.part.facts.latency
                if cycles >= _TIGHT * root.cycles:
                    tight.append(resource)
                root = self._bounded(root, root.stage, 0.0, cycles)
        return replace(root, tight=tuple(tight))

    def _paths(self, root: Root) -> list[Shortest]:
        """The shortest paths of a root whose fanouts are filled, for energy and for each tight bandwidth."""
        found = [self._path(root, self._most_energy(root), coarse=False)]
        if self._objective != "energy":
            found += [self._path(root, self._most_cycles(root), resource, coarse=False) for resource in root.tight]
        return [path for path in found if path is not None]

    def _path(self, root: Root, most: float, resource: Resource | None = None, *, coarse: bool) -> Shortest | None:
        """The shortest path of a root, where there are not too many; none above a limit."""
        assert root.fillings is not None
        facts, choices = root.part.facts, root.part.choices
        ways = root.fillings, root.which, most, self.deadline
        return shortest(facts, choices, root.keeping, root.bounds, *ways, coarse=coarse, resource=resource)

    def _note_path(self, root: Root, found: Shortest) -> None:
        """Cost the mapping of a path."""
        if found.genomes is not None:
            self._note(root.part, found.genomes)

    def _most_energy(self, root: Root) -> float:
        """The energy, leakage left out, above which a mapping of a root is of no interest."""
        if self._best is None:
            return np.inf
        best, tie = self._best.key
        if self._objective == "latency":
            most = tie if root.cycles >= best else np.inf
        else:
            most = best if self._objective == "energy" else best / root.cycles
        return most + root.part.facts.below_zero(root.bounds)

    def _most_cycles(self, root: Root) -> float:
        """The cycles above which a mapping of a root is of no interest."""
        if self._best is None or self._objective == "energy":
            return np.inf
        best, _ = self._best.key
        most = best if self._objective == "latency" else best / root.energy if root.energy > 0 else np.inf
        return most - root.part.facts.latency

    def recognise(self) -> None:
        """Look for patterns of bypass that have the exact search's form."""
        forms: list[tuple[int, Form]] = []
        owners: list[tuple[Part, bytes]] = []
        whole = True
        for part in self._filled:
            if 1 << len(part.choices.free_bypass) > _FORMS:
                whole = False
                continue
            for keep in part.patterns():
                if self.deadline.passed():
                    return
                form = recognise(_pinned(part, keep))
                whole &= form is not None
                if form is not None:
                    forms.append((len(owners), form))
                    owners.append((part, keep.tobytes()))
        self._forms = forms, owners, whole
        # Where shortest paths lead to good mappings few need be sampled, but the exact search needs a good incumbent.
        self._are_paths = not forms and all(map(self._has_paths, self._filled))

    def _has_paths(self, part: Part) -> bool:
        """Whether paths are known, and not too many ways to fill the fanouts for them."""
        bounds = [options[0].bound for options in part.choices.factorizations]
        keeping = keeping_of(part.choices.kept, part.choices.free_bypass)
        if not knows_paths(part.choices) or not are_few(part.facts, keeping, bounds):
            return False
        try:
            return every_filling(part.choices, bounds, _MOST_WAYS, self.deadline) is not None
        except TimeUp:
            return False

    def prove_exactly(self) -> None:
        """Hand the patterns of bypass that have the exact search's form to it, all with one incumbent.

        It knows no limit on loops: where its best mapping has too many, its cost bounds those with few.
        """
        forms, owners, whole = self._forms
        if not forms:
            return
        limited = any(part.choices.few_loops for part, _ in owners)
        incumbent = self._best.key if self._best else NOTHING
        until = self.deadline.part(_RELAXED) if limited else self.deadline
        search = Search(families(forms, self._objective), self._objective, incumbent, until)
        outcome, bound = search.run(), search.open
        if outcome is not None:
            part, _ = owners[outcome.place]
            self._evaluated += outcome.evaluated
            found = part.costing.genomes(outcome.mapping)
            self._note(part, found)
            if not part.choices.fits_array(found)[0]:
                bound = min(bound, (search.lower_bound, 0.0))
        if limited and bound < (self._best.key if self._best else NOTHING):
            self._floor = (bound[0], 0.0) if whole else self._floor
            return
        for part, pattern in owners:
            part.proved.add(pattern)
        self._open = min(self._open, bound)

    def result(self) -> Optimum:
        """The best mapping with its certificate."""
        if self._best is None:
            if any(part.costing.uncounted for part in self.parts):
                raise UnsupportedError("no mapping was found that the model counts exactly; use smaller bounds")
            if self._open[0] < np.inf:
                raise NoVerdictError(NOT_FOUND)
            raise UnmappableError(self._reason())
        cost = self._best.key
        certificate = Certificate.of(cost, self._open, self._evaluated)
        part = self._best.part
        bounds, mapping = part.costing.mapping(self._best.found.genomes)
        return Optimum(part.index, bounds, mapping, cost, certificate)

    def _reason(self) -> str:
        for part in self._filled:
            return f"no mapping fits: {part.costing.reason(part.choices.smallest()) or _unmet(part.choices)}"
        choices = self.parts[0].choices
        return f"no factors of {choices.empty_dimension} within the constraints multiply to an allowed bound"

    def key(self, energy: float, cycles: float) -> Key:
        """Objective and tie-break of a bound."""
        if self._objective == "latency":
            return cycles, energy
        if self._objective == "energy":
            return energy, cycles
        return energy * cycles if energy >= 0 else -np.inf, energy

    def keys(self, energy: Floats, cycles: Floats) -> tuple[Floats, Floats]:
        """The same for arrays."""
        if self._objective == "latency":
            return cycles, energy
        if self._objective == "energy":
            return energy, cycles
        return np.where(energy >= 0, energy * cycles, -np.inf), energy

    def _hopeless(self, key: Key) -> bool:
        return not self.hopeful(np.array(key[:1]), np.array(key[1:]))[0]

    def hopeful(self, primary: Floats, tie: Floats) -> npt.NDArray[np.bool_]:
        """Which bounds are better than the best mapping known."""
        possible: npt.NDArray[np.bool_] = primary < np.inf
        if self._best is None:
            return possible
        best, least_tie = self._best.key
        # Sums of the same numbers in another order differ by rounding: what comes that close is as good.
        possible &= (primary < best * _AS_GOOD) | ((primary <= best) & (tie < least_tie * _AS_GOOD))
        return possible

    def leave_open(self, primary: Floats, tie: Floats) -> None:
        """Hear that nothing more will be learnt of what these bounds stand for."""
        if primary.size:
            least = primary.min()
            self._leave((float(least), float(tie[primary == least].min())))

    def _leave(self, key: Key) -> None:
        self._open = min(self._open, max(key, self._floor))

    def cost(self, part: Part, genomes: Genomes, floor: Key) -> None:
        """Cost mappings whose bounds are at least ``floor``; what time does not allow for is left open."""
        before = part.costing.uncounted
        if not self._note(part, genomes) or part.costing.uncounted > before:
            self._leave(floor)

    def _note(self, part: Part, genomes: Genomes) -> bool:
        """Cost mappings and remember the best; whether there was time for all."""
        genomes = genomes.take(np.flatnonzero(part.choices.fits_array(genomes)))
        if not len(genomes):
            return True
        costs = part.costing.cost(genomes, self.deadline)
        self._evaluated += len(costs)
        self._offer(part, better(None, genomes, costs, self._objective, self._evaluated))
        return len(costs) == len(genomes)

    def _offer(self, part: Part, found: Found | None) -> None:
        if found is not None and (self._best is None or found.key < self._best.found.key):
            self._best = _Best(found, part)
            self._standing.best = found.key[0]


def _unmet(choices: Choices) -> str:
    """What no mapping of a space does that its constraints ask for, although some fit the hardware."""
    wanted = [f"has at most {choices.few_loops.most} temporal loops"] if choices.few_loops else []
    if choices.min_parallelism or not wanted:
        wanted.append(f"reaches the least parallelism of {choices.min_parallelism:g}")
    return "none " + " and ".join(wanted)


def _pinned(part: Part, keep: npt.NDArray[np.bool_]) -> Space:
    """A space with its bypass decided, and without a limit on loops."""
    names = part.choices.data_spaces
    dataspaces = tuple(
        DataspaceConstraint(
            level,
            tuple(t for t, kept in zip(names, row, strict=True) if kept),
            tuple(t for t, kept in zip(names, row, strict=True) if not kept),
        )
        for level, row in zip(part.choices.levels, keep, strict=True)
    )
    return replace(part.space, constraints=replace(part.space.constraints, dataspaces=dataspaces), most_loops=None)
