"""The shortest path of a mapspace whose fanouts are filled: a bound, bounds on the way, and a mapping."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import inf, prod

from flexloop.deadline import Deadline
from flexloop.embedded.mapper.choices import Choices
from flexloop.embedded.mapper.general_facts import Facts
from flexloop.embedded.mapper.general_spread import Spread
from flexloop.embedded.mapper.paths.grid import Floats, Grid, Ints, size_of
from flexloop.embedded.mapper.paths.prices import BYPASSED, Keeping, Prices
from flexloop.embedded.mapper.paths.programme import Programme
from flexloop.embedded.mapper.paths.trace import Walk
from flexloop.embedded.mapper.slots import Genomes

_MOST = 40_000_000
"""Values at a time that a programme is run for."""
_TRACED = 4_000_000
"""Values at a time of which all are kept, for a path to be traced."""


@dataclass(frozen=True)
class Shortest:
    """What a programme has found.

    Attributes:
        least: the least energy (pJ), leakage left out; infinite where there is none of interest.
        genomes: the mapping that this stands for, as a batch of one, where it is traced.
    """

    least: float
    genomes: Genomes | None
    _grid: Grid
    _beyond: Sequence[Floats]

    def beyond(self, slot: int, tiles: Ints) -> Floats:
        """[n]: least energy (pJ) of all that lies outside of tiles [n, dimensions], from a slot on."""
        found: Floats = self._beyond[slot][self._grid.index(tiles)]
        return found


def shortest(
    facts: Facts,
    choices: Choices,
    keeping: Keeping,
    bounds: Sequence[int],
    spread: Spread,
    most: float = inf,
    deadline: Deadline | None = None,
) -> Shortest | None:
    """The shortest path, or None where there are too many tiles, or what paths do not know: limits of reuse, residuals.

    Args:
        facts: architecture and problem.
        choices: the mapspace's slots.
        keeping: [levels, data spaces] what is kept, bypassed, open.
        bounds: the bound of each dimension.
        spread: the factors of all fanouts, by slot.
        most: energies (pJ) above this one are of no interest.
        deadline: when to give up, with `TimeUp`.
    """
    if choices.imperfect or any(limits.names for limits in choices.reuse):
        return None
    values = size_of(bounds) * _profiles(facts, keeping, bounds)
    if not (runs := values <= _TRACED):
        values = size_of(bounds) * _profiles(facts, keeping, [1] * len(bounds))
    if values > _MOST:
        return None
    grid = _grid(tuple(bounds))
    levels = {place: slot.level for place, slot in enumerate(choices.slots) if slot.spatial}
    factorizations = [
        next(f for f in options if f.bound == bound)
        for options, bound in zip(choices.factorizations, bounds, strict=True)
    ]
    prices = Prices(facts, keeping, grid, spread, levels)
    traced = values <= _TRACED
    programme = Programme(
        choices, factorizations, keeping, grid, prices, spread, most, deadline, runs=runs, traced=traced
    )
    genomes = Walk(choices, keeping, grid, spread, programme).genomes() if traced else None
    return Shortest(programme.least, genomes, grid, programme.beyond)


def _profiles(facts: Facts, keeping: Keeping, bounds: Sequence[int]) -> int:
    """How many conditions the data spaces may be in together."""
    counts = []
    for t, tensor in enumerate(facts.tensors):
        levels = int((keeping[:, t] != BYPASSED).sum())
        moving = [sum(bounds[d] > 1 for d, _ in rank) for rank in tensor.ranks]
        counts.append(levels * (1 + 2 * sum(count for count in moving if count == 2)))
    return prod(counts)


@lru_cache(maxsize=4)
def _grid(bounds: tuple[int, ...]) -> Grid:
    return Grid(bounds)
