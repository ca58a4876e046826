"""The general mapper: any chain of storage levels, several fanouts, any constraints, free bypass.

Small mapspaces are enumerated. Larger ones are searched by branch and bound: bypass and bounds first, then factors slot
by slot from the innermost outwards, then orders. Partial mappings whose bound (see `general_bounds`) is no better than
the best mapping known are cut off with everything below them. At the time limit the least bound left open certifies.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import prod

import numpy as np
import numpy.typing as npt

from flexloop.engines.embedded.mapper.choices import Choices, Genomes, concatenate
from flexloop.engines.embedded.mapper.costing import Costing, facts_of
from flexloop.engines.embedded.mapper.exact.form import Form, recognise
from flexloop.engines.embedded.mapper.exact.optimal import Search, families
from flexloop.engines.embedded.mapper.general_bounds import Decided, Floats, Ints, Relaxation
from flexloop.engines.embedded.mapper.general_orders import shared_dims, starting_with, temporal_orders, view_of
from flexloop.engines.embedded.mapper.general_spread import Spread, arrangements, spreads
from flexloop.engines.embedded.mapper.sampler import Found, best_of_all, better, choices_of, sample
from flexloop.engines.embedded.mapper.space import Certificate, Objective, Optimum, Seed, Space
from flexloop.errors import NoVerdictError, UnmappableError
from flexloop.timeloop.constraints import DataspaceConstraint

_ENUMERATED = 200_000
"""Mapspaces of at most this many mappings together are enumerated."""
_SPREADS = 512
"""Ways to fill the fanouts that are told apart from the start; where there are more, they are decided slot by slot."""
_CHUNK = 128
_BATCH = 2048


def find_best_general(
    spaces: Sequence[Space],
    objective: Objective,
    seeds: Sequence[Seed] = (),
    *,
    time_limit: float = 60.0,
    rng_seed: int = 0,
    samples: int = 20_000,
) -> Optimum:
    """Find the best mapping of all spaces, proved or with a lower bound.

    Args:
        spaces: the mapspaces, searched as one.
        objective: what to minimise.
        seeds: mappings known to be in the spaces, to start from.
        time_limit: seconds after which the proof is given up.
        rng_seed: seed of the sampler that finds the first mappings.
        samples: mappings sampled before branch and bound, over all spaces.

    Raises:
        UnmappableError: if no mapping fits, with the reason for the one with the smallest tiles.
        NoVerdictError: if none was found within the time limit, and it is not proved that there is none.
    """
    search = _Search(spaces, objective, time.thread_time() + time_limit)
    search.start(seeds)
    if not search.enumerate_if_small():
        # A bad incumbent makes the exact search prove much about patterns of bypass that a good one excludes at once.
        search.sample(seeds, samples // 3, rng_seed)
        search.prove_exactly()
        search.sample(seeds, samples - samples // 3, rng_seed + 1)
        search.prove()
    return search.result()


@dataclass
class _Space:
    """A space with what searching it needs."""

    index: int
    space: Space
    choices: Choices
    costing: Costing
    size: int


@dataclass(order=True)
class _Root:
    """A space with its bypass and its bounds decided, and its bound."""

    key: tuple[float, float]
    order: int
    space: _Space = field(compare=False)
    keep: npt.NDArray[np.bool_] = field(compare=False)
    bounds: tuple[int, ...] = field(compare=False)
    refined: bool = field(compare=False, default=False)
    energy: float = field(compare=False, default=0.0)
    spread: Spread | None = field(compare=False, default=None)


class _Search:
    def __init__(self, spaces: Sequence[Space], objective: Objective, deadline: float) -> None:
        self._spaces = []
        for index, space in enumerate(spaces):
            choices = choices_of(space)
            size = 0 if choices.empty_dimension else choices.size()
            self._spaces.append(_Space(index, space, choices, Costing(space.spec, choices), size))
        self._objective: Objective = objective
        self._deadline = deadline
        self._best: Found | None = None
        self._where: _Space | None = None
        self._evaluated = 0
        self._open = np.inf
        self._exact: set[tuple[int, bytes]] = set()

    def start(self, seeds: Sequence[Seed]) -> None:
        """Cost the seeds, for everything else to be compared with."""
        for seed in seeds:
            space = self._spaces[seed.space]
            self.cost(space, space.costing.genomes(seed.mapping))

    def sample(self, seeds: Sequence[Seed], samples: int, rng_seed: int) -> None:
        """Improve the seeds by sampling the spaces that the exact search has not covered."""
        sampled = [s for s in self._spaces if s.size and any(True for _ in self._patterns(s))]
        for space in sampled:
            starts = [space.costing.genomes(seed.mapping) for seed in seeds if seed.space == space.index]
            found, evaluated = sample(
                space.costing,
                space.choices,
                self._objective,
                budget=min(samples // len(sampled), space.size * 4),
                rng_seed=rng_seed,
                starts=concatenate(starts) if starts else None,
            )
            self._evaluated += evaluated
            self._offer(space, found)

    def _patterns(self, space: _Space) -> Iterator[npt.NDArray[np.bool_]]:
        """The patterns of bypass that nothing is proved about yet."""
        for keep in space.choices.bypass_patterns():
            if keep.any(axis=0).all() and (space.index, keep.tobytes()) not in self._exact:
                yield keep

    def enumerate_if_small(self) -> bool:
        """Cost everything if that is little; return whether it was."""
        if sum(space.size for space in self._spaces) > _ENUMERATED:
            return False
        for space in self._spaces:
            if space.size:
                found, evaluated = best_of_all(space.costing, space.choices, self._objective)
                self._evaluated += evaluated
                self._offer(space, found)
        return True

    def prove(self) -> None:
        """Cut off or cost everything that is left, in the order of the bounds."""
        order = itertools.count()
        heap = list(self._roots(order))
        heapq.heapify(heap)
        while heap:
            root = heapq.heappop(heap)
            if self._hopeless(root.key):
                return
            if self._late():
                self._open = min(self._open, root.key[0])
                return
            if not root.refined:
                heapq.heappush(heap, self._refined(root))
            elif root.spread is None and (parts := self._spread(root, order)):
                for part in parts:
                    heapq.heappush(heap, part)
            else:
                _Branch(self, root).run()

    def _refined(self, root: _Root) -> _Root:
        """A root with the bound that its tiles give, which takes longer to work out than that of its MACs alone."""
        facts = facts_of(root.space.costing.spec)
        relaxation = Relaxation(facts, root.space.choices, root.keep, root.bounds, root.spread)
        energy, cycles = relaxation.bound(np.ones((1, 1, len(root.bounds)), dtype=np.int64))
        key = self.key(float(energy[0]), float(cycles[0]))
        return replace(root, key=max(key, root.key), refined=True, energy=float(energy[0]))

    def _spread(self, root: _Root, order: Iterator[int]) -> list[_Root]:
        """A root taken apart by the factors of its fanouts; nothing where they are too many or there is no fanout."""
        found = spreads(root.space.choices, root.bounds, _SPREADS) or []
        parts = []
        for spread in found if any(found) else ():
            cycles = prod(root.bounds) / prod(f for factors in spread.values() for f in factors)
            key = max(root.key, self.key(root.energy, cycles))
            parts.append(replace(root, key=key, order=next(order), refined=False, spread=spread))
        return parts

    def prove_exactly(self) -> None:
        """Hand the patterns of bypass that have the exact search's form to it, all with one incumbent."""
        forms: list[tuple[int, Form]] = []
        owners: list[_Space] = []
        for space in self._spaces:
            for keep in self._patterns(space) if space.size else ():
                if (form := recognise(_pinned(space, keep))) is not None:
                    forms.append((len(owners), form))
                    owners.append(space)
                    self._exact.add((space.index, keep.tobytes()))
        if not forms:
            return
        incumbent = (self._best.key[0], self._best.key[1]) if self._best else (np.inf, np.inf)
        search = Search(families(forms, self._objective), self._objective, incumbent, self._deadline)
        outcome = search.run()
        if outcome is not None:
            space = owners[outcome.place]
            self._evaluated += outcome.evaluated
            self.cost(space, space.costing.genomes(outcome.mapping))
        if self._best is None or search.lower_bound < self._best.key[0] * (1 - 1e-12):
            self._open = min(self._open, search.lower_bound)

    def result(self) -> Optimum:
        """The best mapping with its certificate."""
        if self._best is None or self._where is None:
            if np.isfinite(self._open):
                raise NoVerdictError("no mapping found within the time limit; allow more time (effort)")
            raise UnmappableError(self._reason())
        cost = self._best.key[0], self._best.key[1]
        optimal = self._open >= cost[0]
        size = float(sum(space.size for space in self._spaces))
        certificate = Certificate(
            optimal=optimal,
            lower_bound=cost[0] if optimal else float(self._open),
            evaluated=self._evaluated,
            excluded=max(size - self._evaluated, 0.0) if optimal else 0.0,
        )
        bounds, mapping = self._where.costing.mapping(self._best.genomes)
        return Optimum(self._where.index, bounds, mapping, cost, certificate)

    def _reason(self) -> str:
        for space in self._spaces:
            if space.size:
                least = f"none reaches the least parallelism of {space.choices.min_parallelism:g}"
                return f"no mapping fits: {space.costing.reason(space.choices.smallest()) or least}"
        choices = self._spaces[0].choices
        return f"no factors of {choices.empty_dimension} within the constraints multiply to an allowed bound"

    def _roots(self, order: Iterator[int]) -> Iterator[_Root]:
        for space in self._spaces:
            if not space.size:
                continue
            facts = facts_of(space.costing.spec)
            padded = list(itertools.product(*([f.bound for f in options] for options in space.choices.factorizations)))
            for keep in self._patterns(space):
                for bounds in padded:
                    macs = float(prod(bounds))
                    cycles = macs / prod(prod(s.extent) for s in space.choices.slots if s.spatial)
                    energy = macs * facts.compute_energy
                    yield _Root(self.key(energy, cycles), next(order), space, keep, bounds)

    def key(self, energy: float, cycles: float) -> tuple[float, float]:
        """Objective and tie-break of a bound."""
        if self._objective == "latency":
            return cycles, energy
        return (energy, cycles) if self._objective == "energy" else (energy * cycles, energy)

    def keys(self, energy: Floats, cycles: Floats) -> tuple[Floats, Floats]:
        """The same for arrays."""
        if self._objective == "latency":
            return cycles, energy
        return (energy, cycles) if self._objective == "energy" else (energy * cycles, energy)

    def _hopeless(self, key: tuple[float, float]) -> bool:
        return self._best is not None and key >= self._best.key[:2]

    def hopeful(self, primary: Floats, tie: Floats) -> npt.NDArray[np.bool_]:
        """Which bounds are better than the best mapping known."""
        finite: npt.NDArray[np.bool_] = np.isfinite(primary)
        if self._best is None:
            return finite
        best = self._best.key
        finite &= (primary < best[0]) | ((primary == best[0]) & (tie < best[1]))
        return finite

    def _late(self) -> bool:
        return time.thread_time() > self._deadline

    def late(self, primary: Floats) -> bool:
        """Whether time is up; then what these bounds stand for stays open."""
        if self._late():
            self._open = min(self._open, float(primary.min(initial=np.inf)))
            return True
        return False

    def cost(self, space: _Space, genomes: Genomes) -> None:
        """Cost mappings and remember the best."""
        genomes = genomes.take(np.flatnonzero(space.choices.fits_array(genomes)))
        if len(genomes):
            self._evaluated += len(genomes)
            costs = space.costing.cost(genomes)
            self._offer(space, better(None, genomes, costs, self._objective, self._evaluated))

    def _offer(self, space: _Space, found: Found | None) -> None:
        if found is not None and (self._best is None or found.key < self._best.key):
            self._best, self._where = found, space


def _pinned(space: _Space, keep: npt.NDArray[np.bool_]) -> Space:
    """A space with its bypass decided."""
    names = space.choices.data_spaces
    dataspaces = tuple(
        DataspaceConstraint(
            level,
            tuple(t for t, kept in zip(names, row, strict=True) if kept),
            tuple(t for t, kept in zip(names, row, strict=True) if not kept),
        )
        for level, row in zip(space.choices.levels, keep, strict=True)
    )
    return replace(space.space, constraints=replace(space.space.constraints, dataspaces=dataspaces))


class _Branch:
    """Branch and bound below one root."""

    def __init__(self, search: _Search, root: _Root) -> None:
        self._search, self._space, self._keep = search, root.space, root.keep
        self._choices = root.space.choices
        facts = facts_of(root.space.costing.spec)
        self._spread = root.spread or {}
        self._floor = root.key[0]
        self._relaxation = Relaxation(facts, self._choices, root.keep, root.bounds, root.spread)
        self._factorizations = [
            next(f for f in options if f.bound == bound)
            for options, bound in zip(self._choices.factorizations, root.bounds, strict=True)
        ]
        moving = {d for d, bound in enumerate(root.bounds) if bound > 1}
        self._views = tuple(view_of(tensor.ranks, moving) for tensor in facts.tensors)

    def run(self) -> None:
        """Search everything below the root."""
        start = np.ones((1, 1, len(self._factorizations)), dtype=np.int64)
        self._descend(start, np.zeros(1), np.zeros(1))

    def _descend(self, tiles: Ints, primary: Floats, tie: Floats) -> None:
        slot = tiles.shape[1] - 1
        if slot == len(self._choices.slots):
            self._leaves(tiles, primary, tie)
            return
        tiles = self._expand(tiles, slot)
        if not len(tiles):
            return
        primary, tie = self._search.keys(*self._relaxation.bound(tiles))
        primary = np.maximum(primary, self._floor)
        order = np.lexsort((tie, primary))
        order = order[self._search.hopeful(primary[order], tie[order])]
        for start in range(0, len(order), _CHUNK):
            rows = order[start : start + _CHUNK]
            rows = rows[self._search.hopeful(primary[rows], tie[rows])]
            if not len(rows):
                return
            if self._search.late(primary[order[start:]]):
                return
            self._descend(tiles[rows], primary[rows], tie[rows])

    def _expand(self, tiles: Ints, slot: int) -> Ints:
        """Decide the factors of one more slot in every way that fits."""
        rows = np.arange(len(tiles))
        grown = tiles[:, -1].copy()
        for d, factorization in enumerate(self._factorizations):
            starts, nexts = factorization.steps(slot)
            first = starts[np.searchsorted(factorization.divisors, grown[:, d])]
            counts = first[:, 1] - first[:, 0]
            picked = np.repeat(np.arange(len(rows)), counts)
            offsets = np.arange(len(picked)) - np.repeat(np.cumsum(counts) - counts, counts)
            rows, grown = rows[picked], grown[picked]
            grown[:, d] = nexts[first[picked, 0] + offsets]
            if slot in self._spread:
                wanted = grown[:, d] == tiles[rows, -1, d] * self._spread[slot][d]
                rows, grown = rows[wanted], grown[wanted]
            fits = self._fits(slot, tiles[rows, -1], grown)
            rows, grown = rows[fits], grown[fits]
        return np.concatenate([tiles[rows], grown[:, None]], axis=1)

    def _fits(self, slot: int, before: Ints, grown: Ints) -> npt.NDArray[np.bool_]:
        place = self._choices.slots[slot]
        fits = np.ones(len(grown), dtype=np.bool_)
        if place.spatial:
            fits &= (grown // before).prod(axis=1) <= prod(place.extent)
        for level in range(place.level, len(self._choices.levels)):
            fits &= self._relaxation.fits(level, grown)
        return fits

    def _leaves(self, tiles: Ints, primary: Floats, tie: Floats) -> None:
        """Cost every kind of order of mappings whose factors are decided."""
        decided = self._relaxation.decided(tiles)
        waiting: list[Genomes] = []
        for row in range(len(tiles)):
            if self._search.late(primary[row:]):
                break
            if self._search.hopeful(primary[row : row + 1], tie[row : row + 1])[0]:
                waiting.extend(self._leaf(decided, row))
            if sum(map(len, waiting)) >= _BATCH:
                self._search.cost(self._space, concatenate(waiting))
                waiting = []
        if waiting:
            self._search.cost(self._space, concatenate(waiting))

    def _leaf(self, decided: Decided, row: int) -> Iterator[Genomes]:
        """The orders of one mapping that may be worth it, by their innermost loops."""
        factors = decided.tiles[row, 1:] // decided.tiles[row, :-1]
        energy, cycles, loops = self._relaxation.by_innermost(decided, row)
        primary, tie = self._search.keys(energy, cycles)
        hopeful = np.argwhere(self._search.hopeful(primary, tie))
        if not len(hopeful):
            return
        linked = self._linked(factors)
        options = [self._arrangements(s, factors[s], linked) for s in range(len(factors))]
        for place in hopeful:
            innermost = {slot: int(found[i]) for (slot, found), i in zip(loops.items(), place, strict=True)}
            chosen = [starting_with(options[s], innermost.get(s), factors[s]) for s in range(len(options))]
            total = prod(len(splits) for _, splits in chosen)
            for start in range(0, total, _BATCH):
                if self._search.late(primary[tuple(place)][None]):
                    return
                picked = np.arange(start, min(start + _BATCH, total))
                index = np.unravel_index(picked, [len(splits) for _, splits in chosen])
                yield self._genomes(factors, chosen, index)

    def _linked(self, factors: Ints) -> bool:
        """Whether neighbours might pass something on: across a shared rank, or whatever is read again at every step."""
        for slot, row in zip(self._choices.slots, factors, strict=True):
            across = any(d in shared_dims(v) for v in self._views for d in np.flatnonzero(row > 1))
            if slot.spatial and (across or self._relaxation.rereads(slot.level)):
                return True
        return False

    def _genomes(
        self, factors: Ints, options: Sequence[tuple[Ints, Ints]], index: Sequence[npt.NDArray[np.intp]]
    ) -> Genomes:
        n = len(index[0])
        return Genomes(
            np.broadcast_to(factors, (n, *factors.shape)),
            np.stack([orders[i] for (orders, _), i in zip(options, index, strict=True)], axis=1),
            np.stack([splits[i] for (_, splits), i in zip(options, index, strict=True)], axis=1),
            np.broadcast_to(self._keep, (n, *self._keep.shape)),
        )

    def _arrangements(self, s: int, factors: Ints, linked: bool) -> tuple[Ints, Ints]:
        slot = self._choices.slots[s]
        loops = tuple((d, int(f)) for d, f in enumerate(factors.tolist()) if f > 1)
        if not slot.spatial:
            return temporal_orders(slot, tuple(d for d, _ in loops), self._views, linked=linked)
        # The order of a fanout's loops matters to transfers between neighbours alone.
        return arrangements(slot, loops, all_orders=linked)
