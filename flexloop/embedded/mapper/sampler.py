"""A seeded sampler over any mapspace, with local improvement, and the enumeration of small ones.

The sampler serves where no proof is needed: as the start of a search that proves, and as an independent check of one.
Equal arguments give equal answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flexloop.deadline import Deadline
from flexloop.embedded.arrays import Floats, Rows
from flexloop.embedded.mapper.choices import Choices
from flexloop.embedded.mapper.costing import Costing, sort_keys
from flexloop.embedded.mapper.drawing import draw, draw_factors, draw_orders, draw_splits
from flexloop.embedded.mapper.factors import exponents
from flexloop.embedded.mapper.slots import Genomes, concatenate
from flexloop.embedded.mapper.space import Objective, Space
from flexloop.embedded.model import Costs

_BATCH = 1024
_FRESH = 256
"""Mappings drawn at random before the best of them are improved."""
_POOL = 48
_PATIENCE = 8
"""Batches without improvement after which the pool is thrown away and the sampler starts afresh."""


@dataclass(frozen=True)
class Found:
    """The best mapping of a search so far.

    Attributes:
        key: the objective and its tie-breaks; smaller is better.
        genomes: a batch of this one mapping.
    """

    key: tuple[float, ...]
    genomes: Genomes


def choices_of(space: Space, fanouts: Sequence[tuple[int, int]] | None = None) -> Choices:
    """What a space leaves open, or would with other fanouts."""
    spec = space.spec
    bounds = {d: space.bounds[d] for d in spec.problem.dimensions}
    names = spec.level_names, fanouts or spec.fanout_xy, bounds, spec.data_space_names
    return Choices(*names, space.constraints, space.most_loops)


def sample(
    costing: Costing,
    choices: Choices,
    objective: Objective,
    *,
    budget: int,
    rng_seed: int,
    starts: Genomes | None = None,
    deadline: Deadline | None = None,
) -> tuple[Found | None, int]:
    """Look for a good mapping among about ``budget`` ones; return the best valid one and how many were costed.

    Args:
        costing: costs mappings of the space.
        choices: what the space leaves open.
        objective: what to minimise.
        budget: mappings to cost.
        rng_seed: equal seeds give equal answers.
        starts: mappings to begin with.
        deadline: when to end; the first mappings are costed whatever the time.
    """
    rng = np.random.default_rng(rng_seed)
    pool = Pool(costing, choices, objective, deadline)
    pool.add(choices.smallest() if starts is None else concatenate([choices.smallest(), starts]))
    best, idle = pool.best, 0
    fresh = True
    while max(pool.evaluated, pool.given // 4) < budget and not (deadline is not None and deadline.passed()):
        before = pool.best
        if fresh or pool.best is None:
            pool.add(draw(choices, rng, _FRESH))
        else:
            pool.add(mutated(choices, pool.parents(rng, _BATCH), rng))
        idle = 0 if fresh or pool.best is not before else idle + 1
        fresh = idle >= _PATIENCE
        if pool.best is not None and (best is None or pool.best.key < best.key):
            best = pool.best
        if fresh:
            pool.forget()
    return best, pool.evaluated


class Pool:
    """The best few distinct mappings of a run of local improvement."""

    def __init__(
        self, costing: Costing, choices: Choices, objective: Objective, deadline: Deadline | None = None
    ) -> None:
        self._costing, self._choices, self._objective, self._deadline = costing, choices, objective, deadline
        self._genomes: Genomes | None = None
        self._keys: Floats = np.empty((0, 3))
        self.best: Found | None = None
        self.evaluated = self.given = 0

    def forget(self) -> None:
        """Start afresh."""
        self._genomes, self.best = None, None

    def add(self, genomes: Genomes) -> None:
        """Cost mappings and keep the best."""
        self.given += len(genomes)
        genomes = genomes.take(np.flatnonzero(self._choices.fits_array(genomes)))
        if not len(genomes):
            return
        costs = self._costing.cost(genomes, self._deadline)
        self.evaluated += len(costs)
        rows = np.flatnonzero(costs.valid)
        if not len(rows):
            return
        keys = sort_keys(costs, self._objective)[rows]
        genomes = genomes.take(rows)
        if self._genomes is not None:
            genomes = concatenate([self._genomes, genomes])
            keys = np.concatenate([self._keys, keys])
        order = np.lexsort(keys.T[::-1])
        # Equal costs are mostly one nest written in several ways: one of them is enough.
        fresh = np.ones(len(order), dtype=np.bool_)
        fresh[1:] = (keys[order][1:] != keys[order][:-1]).any(axis=1)
        chosen = order[fresh][:_POOL]
        self._genomes, self._keys = genomes.take(chosen), keys[chosen]
        key = tuple(self._keys[0].tolist())
        if self.best is None or key < self.best.key:
            self.best = Found(key, self._genomes.take(slice(0, 1)))

    def parents(self, rng: np.random.Generator, n: int) -> Genomes:
        """Draw n mappings of the pool, better ones more often."""
        assert self._genomes is not None
        ranks = (rng.random(n) ** 2 * len(self._genomes)).astype(np.intp)
        return self._genomes.take(ranks)


def best_of(genomes: Genomes, costs: Costs, objective: Objective) -> Found | None:
    """The best valid mapping of a batch."""
    rows = np.flatnonzero(costs.valid)
    if not len(rows):
        return None
    keys = sort_keys(costs, objective)[rows]
    row = int(np.lexsort(keys.T[::-1])[0])
    return Found(tuple(keys[row].tolist()), genomes.take(rows[row : row + 1]))


def mutated(choices: Choices, parents: Genomes, rng: np.random.Generator) -> Genomes:
    """Change each mapping a little: a factor moved or redrawn, an order, a split, a bypass."""
    n = len(parents)
    child = Genomes(parents.factors.copy(), parents.orders.copy(), parents.splits.copy(), parents.keep.copy())
    kind = rng.integers(0, 10, n)
    _move_primes(choices, child, np.flatnonzero(kind < 5), rng)
    _redraw_dimension(choices, child, np.flatnonzero(kind == 5), rng)
    _reorder(choices, child, np.flatnonzero((kind == 6) | (kind == 7)), rng)
    _move_primes(choices, child, np.flatnonzero(kind == 8), rng)
    _reorder(choices, child, np.flatnonzero(kind == 8), rng)
    _flip_bypass(choices, child, np.flatnonzero(kind == 9), rng)
    return child


def _move_primes(choices: Choices, child: Genomes, rows: Rows, rng: np.random.Generator) -> None:
    """Take a prime out of one slot's factor of a dimension and put it into another slot's."""
    slots, dims = len(choices.slots), len(choices.dimensions)
    if slots < 2:
        return
    d = rng.integers(0, dims, len(rows))
    source = rng.integers(0, slots, len(rows))
    target = (source + rng.integers(1, slots, len(rows))) % slots
    primes = [_primes(choices, i) for i in range(dims)]
    prime = np.array([primes[i][int(u * len(primes[i]))] for i, u in zip(d, rng.random(len(rows)), strict=True)])
    allowed = (child.factors[rows, source, d] % prime == 0) & (prime > 1)
    new_source = child.factors[rows, source, d] // prime
    new_target = child.factors[rows, target, d] * prime
    low, high = choices.limits
    allowed &= (new_source >= low[source, d]) & (new_target <= high[target, d])
    rows, source, target, d = rows[allowed], source[allowed], target[allowed], d[allowed]
    child.factors[rows, source, d] = new_source[allowed]
    child.factors[rows, target, d] = new_target[allowed]
    _mend_splits(choices, child, rows, rng)


def _redraw_dimension(choices: Choices, child: Genomes, rows: Rows, rng: np.random.Generator) -> None:
    """Draw all factors of one dimension anew, with any of its bounds."""
    which = rng.integers(0, len(choices.dimensions), len(rows))
    for d in range(len(choices.dimensions)):
        chosen = rows[which == d]
        child.factors[chosen, :, d] = draw_factors(choices, rng, d, len(chosen))
    _mend_splits(choices, child, rows, rng)


def _reorder(choices: Choices, child: Genomes, rows: Rows, rng: np.random.Generator) -> None:
    """Draw the order of one slot anew, or bring one of its free loops innermost."""
    which = rng.integers(0, len(choices.slots), len(rows))
    for s in range(len(choices.slots)):
        chosen = rows[which == s]
        if len(chosen):
            child.orders[chosen, s] = draw_orders(choices, rng, len(chosen), s)
            child.splits[chosen, s] = draw_splits(choices, rng, child.factors[chosen, s], child.orders[chosen, s], s)


def _mend_splits(choices: Choices, child: Genomes, rows: Rows, rng: np.random.Generator) -> None:
    for s in range(len(choices.slots)):
        if choices.slots[s].spatial and choices.slots[s].split is None:
            child.splits[rows, s] = draw_splits(choices, rng, child.factors[rows, s], child.orders[rows, s], s)


def _flip_bypass(choices: Choices, child: Genomes, rows: Rows, rng: np.random.Generator) -> None:
    if not choices.free_bypass:
        _move_primes(choices, child, rows, rng)
        return
    free = np.array(choices.free_bypass)[rng.integers(0, len(choices.free_bypass), len(rows))]
    child.keep[rows, free[:, 0], free[:, 1]] ^= True


def _primes(choices: Choices, d: int) -> tuple[int, ...]:
    """The primes in the bounds of one dimension, as often as in the bound that has most of them; 1 if none."""
    most = max(options := choices.factorizations[d], key=lambda f: sum(exponents(f.bound).values()))
    found = exponents(most.bound)
    for option in options:
        found = found | exponents(option.bound)
    return tuple(found.elements()) or (1,)
