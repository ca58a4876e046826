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
from flexloop.embedded.mapper.paths.grid import Floats, Grid, Ints, size_of
from flexloop.embedded.mapper.paths.prices import BYPASSED, NOWHERE, Keeping, Prices
from flexloop.embedded.mapper.paths.programme import FOLLOWED, TRACED, Programme, Row, Ways
from flexloop.embedded.mapper.paths.trace import Walk
from flexloop.embedded.mapper.paths.words import Words
from flexloop.embedded.mapper.slots import Genomes, Slot

_MOST = 40_000_000
"""Values at a time that a programme is run for."""


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
    """What a programme has found.

    Attributes:
        least: the least energy (pJ), leakage left out; infinite where there is none of interest.
        genomes: the mappings that this stands for, by where loops lie on fanouts, where it is traced.
        programme: the values of all paths.
        is_fine: whether this is the best that can be said.
        resource: whose cycles are charged; None: energy is.
        weight: pJ for each of these cycles, which are then charged beside energy; 0: they alone are.
    """

    least: float
    genomes: Genomes | None
    programme: Programme
    is_fine: bool
    resource: Resource | None = None
    weight: float = 0.0

    def beyond(self, slot: int, tiles: Ints) -> Floats:
        """[n]: least energy (pJ) of all that lies outside of tiles [n, dimensions], from a slot on."""
        found: Floats = self.programme.beyond[slot][self.programme.index(slot, tiles)]
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
) -> Shortest | None:
    """The shortest path, or None where there are too many tiles, or what paths do not know: residuals.

    Args:
        mapspace: the mapspace.
        fillings: ways to fill the fanouts.
        which: one of them, or several, in none of which a mapping costs less.
        most: energies (pJ) above this one are of no interest.
        deadline: when to give up, with `TimeUp`.
        coarse: whether to leave out what takes long: following runs along shared ranks, and tracing the path.
        charged: what is charged.
    """
    facts, choices, keeping, bounds = mapspace
    if not knows_paths(choices):
        return None
    factorizations = [
        next(f for f in options if f.bound == bound)
        for options, bound in zip(choices.factorizations, bounds, strict=True)
    ]
    limits = tuple((tuple(f.lows), tuple(f.highs)) for f in factorizations)
    handed_on = [[t in level.no_coalesce for t in range(len(facts.tensors))] for level in facts.levels]
    held = np.where(handed_on, BYPASSED, keeping)  # levels that hand accesses on count for no boundary
    held[-1, held[-1] == BYPASSED] = NOWHERE
    if ((held == BYPASSED) | (held == NOWHERE)).all(axis=0).any():
        return None
    kept = tuple(map(tuple, held.tolist()))
    taken = fillings.factors[which[0]].prod(axis=0) if len(which) == 1 else 1
    tiles, (plain, followed) = size_of((np.array(bounds) // taken).tolist()), _profiles(facts, kept, bounds)
    if tiles * plain > _MOST:
        return None
    # What several ways have in common is bounded without runs anyway where tiles are many.
    may_follow = tiles * followed <= FOLLOWED
    ways = _ways(facts, choices.slots, limits, kept, tuple(bounds), may_follow and not coarse)
    is_fine = not coarse or plain == followed or not may_follow
    ways.bank.tidy()
    own = _charges(ways, kept, fillings, charged.resource)
    blend = Blend(_charges(ways, kept, fillings, None), own, charged.weight) if charged.weight else None
    programme = Programme(ways, blend or own, which, most, deadline, may_be_traced=is_fine)
    walk = Walk(choices, keeping, fillings.one(int(which[0])), programme, ways.words) if programme.traced else None
    genomes = walk.genomes() if walk is not None else None
    programme.within.clear()  # nobody else needs them, and they are most of what is held
    return Shortest(programme.least, genomes, programme, is_fine, *charged)


@lru_cache(maxsize=16)
def _charges(ways: Ways, keeping: tuple[Row, ...], fillings: Fillings, resource: Resource | None) -> Charges:
    prices = Prices(ways.words, np.array(keeping, dtype=np.int8), fillings, resource)
    return Charges(ways.bank, prices, ways.movable, ways.inside)


def knows_paths(choices: Choices) -> bool:
    """Whether a mapspace has nothing that paths do not know."""
    return not choices.imperfect


def are_few(facts: Facts, keeping: Keeping, bounds: Sequence[int], most: int = TRACED) -> bool:
    """Whether paths are few enough to be found in a fraction of a second."""
    return size_of(bounds) * profiles(keeping, [[] for _ in facts.tensors]) <= most


def _profiles(facts: Facts, keeping: tuple[Row, ...], bounds: Sequence[int]) -> tuple[int, int]:
    """How many profiles there may be at once, without following runs and with."""
    moving = [[sum(bounds[d] > 1 for d, _ in rank) for rank in t.ranks] for t in facts.tensors]
    kept = np.array(keeping, dtype=np.int8)
    return profiles(kept, [[] for _ in moving]), profiles(kept, moving)


@lru_cache(maxsize=16)
def _ways(
    facts: Facts, slots: tuple[Slot, ...], limits: tuple[tuple[Row, Row], ...], keeping: tuple[Row, ...], bounds: Row,
    follows: bool,
) -> Ways:  # fmt: skip
    """Tiles and steps of a mapspace, following runs or not."""
    words = _words(facts, bounds)
    # Steps know nothing of what fanouts hold: arrays of other shapes have the same.
    plain = tuple(replace(slot, extent=(1, 1), split=None) if slot.spatial else slot for slot in slots)
    highs = tuple(zip(*(high for _, high in limits), strict=True))
    temporal = tuple(() if slot.spatial else high for slot, high in zip(slots, highs, strict=True))
    sliding = tuple(tuple(words.sliding_dims(t)) if follows else () for t in range(len(facts.tensors)))
    steps = _steps(plain, temporal, keeping, words.grid, tuple(words.relevant), sliding)
    return Ways(slots, limits, words, steps, _profiles(facts, keeping, bounds)[follows], _bank(words))


@lru_cache(maxsize=64)
def _steps(
    slots: tuple[Slot, ...], highs: tuple[Row, ...], keeping: tuple[Row, ...], grid: Grid,
    relevant: tuple[frozenset[int], ...], sliding: tuple[Row, ...],
) -> Steps:  # fmt: skip
    return Steps(slots, highs, np.array(keeping, dtype=np.int8), grid, relevant, sliding)


@lru_cache(maxsize=16)
def _grid(bounds: tuple[int, ...]) -> Grid:
    return Grid(bounds)


@lru_cache(maxsize=16)
def _words(facts: Facts, bounds: tuple[int, ...]) -> Words:
    return Words(facts, _grid(bounds))


@lru_cache(maxsize=16)
def _bank(words: Words) -> Bank:
    return Bank(words)
