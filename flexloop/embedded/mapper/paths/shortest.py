"""The shortest path of a mapspace whose fanouts are filled: a bound, bounds on the way, and a mapping."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import inf
from typing import NamedTuple

import numpy as np

from flexloop.deadline import Deadline
from flexloop.embedded.mapper.choices import Choices
from flexloop.embedded.mapper.facts import Facts, Resource
from flexloop.embedded.mapper.fillings import Fillings
from flexloop.embedded.mapper.paths.bank import Bank
from flexloop.embedded.mapper.paths.blend import Blend
from flexloop.embedded.mapper.paths.charges import Charges
from flexloop.embedded.mapper.paths.conditions import Steps, profiles
from flexloop.embedded.mapper.paths.grid import Floats, Grid, Ints, Row, size_of
from flexloop.embedded.mapper.paths.keeping import BYPASSED, NOWHERE, Keeping
from flexloop.embedded.mapper.paths.prices import Prices
from flexloop.embedded.mapper.paths.programme import FOLLOWED, TRACED, Programme, Ways
from flexloop.embedded.mapper.paths.trace import Walk
from flexloop.embedded.mapper.paths.words import Words
from flexloop.embedded.mapper.shares import Shares
from flexloop.embedded.mapper.slots import Genomes, Slot

_MOST = 40_000_000
"""Values at a time that a programme is run for."""
_TABLES = 4
"""Tables of a kind that are kept, each of a mapspace with its bounds decided, or of ways to fill its fanouts: one may
take a hundred megabytes."""
_STEPS = 64
"""Tables of steps that are kept: other bounds, arrays and classes of a study have the same."""
_SMALL, _MANY = 30_000, 40
"""Tiles of a grid that takes a few megabytes with all that is told of its tiles, and how many of them are kept."""


class Decided(NamedTuple):
    """A mapspace with its bounds decided.

    Attributes:
        facts: architecture and problem.
        choices: the mapspace's slots.
        keeping: [levels, data spaces] what is kept, bypassed, open.
        bounds: the bound of each dimension.
    """

    facts: Facts
    choices: Choices
    keeping: Keeping
    bounds: Sequence[int]


class Charged(NamedTuple):
    """What is charged on a path.

    Attributes:
        resource: a bandwidth whose cycles take the place of energy; None: energy.
        weight: pJ for each of its cycles, which are then charged beside energy; 0: they alone are.
    """

    resource: Resource | None = None
    weight: float = 0.0


ENERGY = Charged()


@dataclass(frozen=True)
class Shortest:
    """What a programme has found, or several that bound a part of the data spaces each.

    Attributes:
        least: the least energy (pJ), leakage left out; infinite where there is none of interest.
        genomes: the mappings that this stands for, by where loops lie on fanouts, where it is traced.
        programmes: the values of all paths, which add up.
        is_fine: whether this is the best that can be said.
        is_kept: whether the values of all slots are kept, for branch and bound along paths.
        resource: whose cycles are charged; None: energy is.
        weight: pJ for each of these cycles, which are then charged beside energy; 0: they alone are.
    """

    least: float
    genomes: Genomes | None
    programmes: tuple[Programme, ...]
    is_fine: bool
    is_kept: bool
    resource: Resource | None = None
    weight: float = 0.0

    @property
    def takes_long(self) -> bool:
        """Whether it takes long to be found."""
        return any(programme.takes_long for programme in self.programmes)

    def beyond(self, slot: int, tiles: Ints) -> Floats:
        """[n]: least energy (pJ) of all that lies outside of tiles [n, dimensions], from a slot on."""
        found: Floats = np.sum([p.beyond[slot][p.index(slot, tiles)] for p in self.programmes], axis=0)
        return found


def shortest(
    mapspace: Decided,
    fillings: Fillings,
    which: Ints,
    most: float = inf,
    deadline: Deadline | None = None,
    *,
    coarse: bool = False,
    charged: Charged = ENERGY,
    apart: bool = False,
) -> Shortest | None:
    """The shortest path, or None where there are too many tiles.

    Where there are too many in too many profiles each data space has a path of its own.

    Args:
        mapspace: the mapspace.
        fillings: ways to fill the fanouts.
        which: one of them, or several, in none of which a mapping costs less.
        most: energies (pJ) above this one are of no interest.
        deadline: when to give up, with `TimeUp`.
        coarse: whether to leave out what takes long: following runs along shared ranks, and tracing the path.
        charged: what is charged.
        apart: whether each data space has a path of its own.
    """
    tensors, levels = range(len(mapspace.facts.tensors)), mapspace.facts.levels
    # Levels that hand accesses on count for no boundary.
    held = np.where([[t in level.no_coalesce for t in tensors] for level in levels], BYPASSED, mapspace.keeping)
    held[-1, held[-1] == BYPASSED] = NOWHERE
    spaces = [mapspace._replace(keeping=held)]
    taken = fillings.factors[which[0]].prod(axis=0) if len(which) == 1 else 1
    tiles = size_of((np.array(mapspace.bounds) // taken).tolist())
    if apart or tiles * _profiles(spaces[0])[0] > _MOST:
        spaces = [mapspace._replace(facts=mapspace.facts.of_one(t), keeping=held[:, [t]]) for t in tensors]
    if any(tiles * _profiles(space)[0] > _MOST for space in spaces):
        return None
    plain, followed = _profiles(spaces[0])
    # Runs are those of perfect loops.
    may_follow = tiles * followed <= FOLLOWED and len(spaces) == 1 and _shares(mapspace).are_whole
    is_fine = not coarse or plain == followed or not may_follow
    programmes = []
    for space in spaces:
        ways, kept = (
            _ways(space, fillings, follows=may_follow and not coarse),
            tuple(map(tuple, space.keeping.tolist())),
        )
        ways.bank.tidy()
        own = _charges(ways, kept, fillings, charged.resource)
        blend = Blend(_charges(ways, kept, fillings, None), own, charged.weight) if charged.weight else None
        traced = is_fine and len(spaces) == 1 and fillings.joined is None
        programmes.append(Programme(ways, blend or own, which, most, deadline, may_be_traced=traced))
    first, genomes = programmes[0], None
    if first.traced:
        genomes = Walk(mapspace.choices, mapspace.keeping, fillings.one(int(which[0])), first).genomes()
    for programme in programmes:
        programme.within.clear()  # nobody else needs them, and they are most of what is held
    least, is_kept = sum(p.least for p in programmes), all(p.is_kept for p in programmes)
    return Shortest(least, genomes, tuple(programmes), is_fine, is_kept, *charged)


@lru_cache(maxsize=_TABLES)
def _charges(ways: Ways, keeping: tuple[Row, ...], fillings: Fillings, resource: Resource | None) -> Charges:
    prices = Prices(ways.words, np.array(keeping, dtype=np.int8), fillings, ways.inside, resource)
    return Charges(ways.bank, prices, ways.movable)


def are_few(facts: Facts, keeping: Keeping, bounds: Sequence[int], most: int = TRACED) -> bool:
    """Whether paths are few enough to be found in a fraction of a second."""
    return size_of(bounds) * profiles(keeping, [[] for _ in facts.tensors]) <= most


def _profiles(mapspace: Decided) -> tuple[int, int]:
    """How many profiles there may be at once, without following runs and with."""
    return _profiles_of(mapspace.facts, tuple(map(tuple, mapspace.keeping.tolist())), tuple(mapspace.bounds))


@lru_cache(maxsize=_TABLES)
def _profiles_of(facts: Facts, kept: tuple[Row, ...], bounds: Row) -> tuple[int, int]:
    keeping = np.array(kept, dtype=np.int8)
    moving = [[sum(bounds[d] > 1 for d, _ in rank) for rank in t.ranks] for t in facts.tensors]
    return profiles(keeping, [[] for _ in moving]), profiles(keeping, moving)


def _shares(mapspace: Decided) -> Shares:
    return mapspace.choices.imperfect.shares(mapspace.bounds)


def _words_of(mapspace: Decided) -> Words:
    return _words(mapspace.facts, _grid(tuple(mapspace.bounds)), _shares(mapspace))


def _ways(mapspace: Decided, fillings: Fillings, *, follows: bool) -> Ways:
    """Tiles and steps of a mapspace, following runs or not."""
    choices, bounds = mapspace.choices, mapspace.bounds
    every = choices.of_bounds(bounds)
    limits = tuple((fillings.limits(tuple(f.lows)), fillings.limits(tuple(f.highs))) for f in every)
    kept, count = tuple(map(tuple, mapspace.keeping.tolist())), _profiles(mapspace)[follows]
    return _ways_of(_words_of(mapspace), choices.slots, limits, kept, count, follows)


@lru_cache(maxsize=_TABLES)
def _ways_of(
    words: Words, slots: tuple[Slot, ...], limits: tuple[tuple[Row, Row], ...], keeping: tuple[Row, ...], count: int,
    follows: bool,
) -> Ways:  # fmt: skip
    # Steps know nothing of what fanouts hold: arrays of other shapes have the same.
    plain = tuple(replace(slot, extent=(1, 1), split=None) if slot.spatial else slot for slot in slots)
    looped = [frozenset(d for d, (_, high) in enumerate(limits) if high[place] > 1) for place in range(len(slots))]
    temporal = tuple(frozenset[int]() if slot.spatial else dims for slot, dims in zip(slots, looped, strict=True))
    sliding = tuple(tuple(words.sliding_dims(t)) if follows else () for t in range(len(words.moved)))
    steps = _steps(plain, temporal, keeping, tuple(words.grid.primes), tuple(words.relevant), sliding)
    return Ways(slots, limits, words, keeping, steps, count, _bank(words))


@lru_cache(maxsize=_STEPS)
def _steps(
    slots: tuple[Slot, ...], movable: tuple[frozenset[int], ...], keeping: tuple[Row, ...], primes: tuple[Row, ...],
    relevant: tuple[frozenset[int], ...], sliding: tuple[Row, ...],
) -> Steps:  # fmt: skip
    return Steps(slots, movable, np.array(keeping, dtype=np.int8), primes, relevant, sliding)


def _grid(bounds: Row) -> Grid:
    return (_small_grid if size_of(bounds) <= _SMALL else _large_grid)(bounds)


def _words(facts: Facts, grid: Grid, shares: Shares) -> Words:
    return (_small_words if grid.size <= _SMALL else _large_words)(facts, grid, shares)


_small_grid, _large_grid = lru_cache(maxsize=_MANY)(Grid), lru_cache(maxsize=_TABLES)(Grid)
_small_words, _large_words = lru_cache(maxsize=_MANY)(Words), lru_cache(maxsize=_TABLES)(Words)
_bank = lru_cache(maxsize=_TABLES)(Bank)
