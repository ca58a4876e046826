"""The mapping that a least path stands for."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

import numpy as np

from flexloop.embedded.mapper.choices import Choices
from flexloop.embedded.mapper.general_spread import Spread
from flexloop.embedded.mapper.paths.grid import Grid, Ints
from flexloop.embedded.mapper.paths.prices import KEPT, Keeping
from flexloop.embedded.mapper.paths.programme import SETTLED, Move, Profile, Programme, Stage, Values
from flexloop.embedded.mapper.slots import Genomes


class Walk:
    """Goes along a least path of a programme whose stages are kept.

    Args:
        choices: the mapspace's slots.
        keeping: what is kept, bypassed, open.
        grid: the tiles.
        spread: the factors of the fanouts, by slot.
        programme: the programme.
    """

    def __init__(self, choices: Choices, keeping: Keeping, grid: Grid, spread: Spread, programme: Programme) -> None:
        self._choices, self._grid, self._spread, self._programme = choices, grid, spread, programme
        self._tile: Ints = np.ones(len(grid.bounds), dtype=np.int64)
        self._loops: list[dict[int, int]] = [{} for _ in choices.slots]
        self._keep = keeping == KEPT

    def genomes(self) -> Genomes | None:
        """The mapping as a batch of one; None where there is no path, or its loops break a limit or fit no fanout.

        A path knows which tiles there may be outside of a slot, not which factors there may be in it.
        """
        profile = self._programme.start
        if profile is None:
            return None
        for place, slot in enumerate(self._choices.slots):
            if slot.spatial:
                self._loops[place] = dict(enumerate(self._spread[place]))
                self._tile = self._tile * np.array(self._spread[place])
                continue
            for stage in (stage for stage in reversed(self._programme.stages) if stage.slot == place):
                profile = self._through(stage, slot.level, profile)
            for t, condition in enumerate(profile):
                self._keep[slot.level, t] |= condition == (SETTLED, slot.level)
            after = self._programme.kept(slot.level, profile)
            if after is None:
                return None
            profile = after[0]
        return self._mapping()

    def _through(self, stage: Stage, level: int, profile: Profile) -> Profile:
        """The profile outside of some loops; they are noted.

        At each tile the step is taken whose values differ least from the value there: by rounding alone.
        """
        while True:
            energy = self._here(stage.inside, profile)
            ways = [(abs(self._here(stage.outside, profile) - energy), 0, 0, 1, profile)]
            for number, (d, prime, move) in enumerate(self._ways(stage, level, profile), 1):
                left = energy - self._cost(move)
                self._tile[d] *= prime
                values = stage.inside if stage.dims else stage.outside
                ways.append((abs(self._here(values, move.after) - left), number, d, prime, move.after))
                self._tile[d] //= prime
            _, _, d, prime, profile = min(ways)
            if prime == 1:
                return profile
            self._tile[d] *= prime
            loops = self._loops[stage.slot]
            loops[d] = loops.get(d, 1) * prime

    def _ways(self, stage: Stage, level: int, profile: Profile) -> Iterator[tuple[int, int, Move]]:
        """The steps that may be taken inside some loops, with dimension and prime, or what a slot's end may do."""
        if not stage.dims:
            yield from ((0, 1, move) for move in self._programme.ends(level, profile))
        for d in stage.dims:
            for prime in self._grid.primes[d]:
                if self._grid.bounds[d] % (int(self._tile[d]) * prime) == 0:
                    yield from ((d, prime, move) for move in self._programme.moves(level, profile, d, prime))

    def _here(self, values: Values, profile: Profile) -> float:
        return float(values[profile][self._at()]) if profile in values else inf

    def _cost(self, move: Move) -> float:
        return float(np.broadcast_to(move.cost, self._grid.size)[self._at()])

    def _at(self) -> int:
        return int(self._grid.index(self._tile[None])[0])

    def _mapping(self) -> Genomes | None:
        dims = range(len(self._grid.bounds))
        factors = np.array([[loops.get(d, 1) for d in dims] for loops in self._loops], dtype=np.int64)
        low, high = self._choices.limits
        if (factors < low).any() or (factors > high).any():
            return None
        orders, splits = [], []
        for slot, loops, row in zip(self._choices.slots, self._loops, factors, strict=True):
            if slot.spatial:
                placed = slot.placed(row.tolist())
                if placed is None:
                    return None
                orders.append(placed[0])
                splits.append(placed[1])
                continue
            inner = [d for d in loops if d in slot.middle]
            orders.append((*slot.prefix, *inner, *(d for d in slot.middle if d not in inner), *slot.suffix))
            splits.append(0)
        return Genomes(
            factors[None], np.array(orders, dtype=np.int64)[None], np.array(splits, dtype=np.int64)[None],
            self._keep[None],
        )  # fmt: skip
