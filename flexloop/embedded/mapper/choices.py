"""The choices that a Timeloop mapspace leaves, slot by slot: factors, orders, splits, bypass; counted and listed.

A *slot* is a place where loops stand: the temporal loops of a storage level, or the fanout below one. Slots run inner
to outer. A mapping is a factor of each dimension in each slot, an order of all dimensions in each slot (leftmost
innermost), a split of each fanout's order into X and Y, and what each level keeps. Timeloop enumerates all of these,
loops of one iteration included; two mappings that differ in those alone are the same nest and count once here.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from math import factorial, inf, prod

import numpy as np

from flexloop.deadline import Deadline
from flexloop.embedded.arrays import Bools, Floats, Ints
from flexloop.embedded.mapper.factors import Factorizations, factorizations
from flexloop.embedded.mapper.few_loops import FewLoops
from flexloop.embedded.mapper.imperfect import Imperfect, Products, Remainders, listed, padded_table
from flexloop.embedded.mapper.slots import Genomes, Slot, concatenate, every_arrangement, held_by_fanouts, picked
from flexloop.errors import UnsupportedError
from flexloop.timeloop.constraints import Constraints, LoopConstraint
from flexloop.timeloop.reuse import ReuseLimits


class Choices:
    """Everything a mapspace leaves open.

    Args:
        levels: storage levels, inner to outer.
        fanouts: instances along X and Y of what lies below each level.
        bounds: for each dimension its allowed bounds.
        data_spaces: names.
        constraints: what is pinned.
        most_loops: temporal loops > 1 that a mapping may have; None: any number.

    Attributes:
        temporal, spatial: by level the slot of its temporal loops, and of the fanout below it, if it has one.
        reuse: for each level the reuse that all mappings go without.
        imperfect: the dimensions whose factors may multiply to more than the bound.
        few_loops: what a limit of temporal loops means; None: there is none.
    """

    def __init__(
        self,
        levels: Sequence[str],
        fanouts: Sequence[tuple[int, int]],
        bounds: Mapping[str, tuple[int, ...]],
        data_spaces: Sequence[str],
        constraints: Constraints,
        most_loops: int | None = None,
    ) -> None:
        self.levels, self.data_spaces = tuple(levels), tuple(data_spaces)
        self.dimensions = tuple(bounds)
        self.fanouts = tuple((int(x), int(y)) for x, y in fanouts)
        self.min_parallelism = constraints.parallelism.minimum if constraints.parallelism else 0.0
        self.reuse = tuple(constraints.limits.get(name, ReuseLimits()) for name in self.levels)
        rules: list[LoopConstraint] = []
        slots: list[Slot] = []
        for level, name in enumerate(levels):
            for spatial in (True, False):
                if spatial and prod(fanouts[level]) == 1:
                    continue
                rule = constraints.loop(name, spatial=spatial)
                rules.append(rule)
                slots.append(self._slot(level, spatial, rule))
        self.slots = tuple(slots)
        self.temporal = {slot.level: place for place, slot in enumerate(slots) if not slot.spatial}
        self.spatial = {slot.level: place for place, slot in enumerate(slots) if slot.spatial}
        self.imperfect = Imperfect([slot.spatial for slot in slots])
        self.factorizations: list[list[Products]] = [
            self._some_factors(d, sorted(allowed), rules, constraints.template) for d, allowed in bounds.items()
        ]
        self.few_loops = None
        if most_loops is not None:
            self.few_loops = FewLoops(slots, self.factorizations, most_loops)
        self.limits = self._limits()
        self._set_bypass(constraints)

    def _slot(self, level: int, spatial: bool, rule: LoopConstraint) -> Slot:
        place = {d: i for i, d in enumerate(self.dimensions)}
        prefix = tuple(place[d] for d in rule.permutation)
        suffix = tuple(place[d] for d in rule.suffix)
        middle = tuple(i for i in range(len(place)) if i not in prefix and i not in suffix)
        extent = self.fanouts[level] if spatial else (1, 1)
        # Without a fanout to the MACs every operand is read once a cycle, whatever the innermost order.
        counted = spatial or level > 0 or prod(self.fanouts[0]) > 1
        return Slot(level, spatial, extent, prefix, middle, suffix, rule.split, counted)

    def _some_factors(
        self, dimension: str, bounds: Sequence[int], rules: Sequence[LoopConstraint], template: str
    ) -> list[Products]:
        """The factorisations of a dimension, by their product."""
        pinned = {slot: rule.factors[dimension] for slot, rule in enumerate(rules) if dimension in rule.factors}
        if template == "perfect" or template == "uber" and not any(bound % prod(pinned.values()) for bound in bounds):
            return [f for f in (self._factorizations(dimension, bound, rules) for bound in bounds) if f.count]
        if len(bounds) > 1:
            raise UnsupportedError(f"mapspace {template} with several bounds of {dimension}: give one")
        lows = [rule.min_factors.get(dimension, 1) for rule in rules]
        highs = [rule.max_factors.get(dimension, 1 << 62) for rule in rules]
        if template == "uber":
            for slot, factor in pinned.items():
                lows[slot], highs[slot] = max(lows[slot], factor), min(highs[slot], factor)
            table = padded_table(bounds[0], pinned, lows, highs)
        else:
            most = {slot: rule.remainders for slot, rule in enumerate(rules) if rule.remainders is not None}
            table = Remainders(bounds[0], len(rules), pinned, most, lows, highs).table()
        self.imperfect.add(self.dimensions.index(dimension), bounds[0], table)
        return listed(table)

    def _factorizations(self, dimension: str, bound: int, rules: Sequence[LoopConstraint]) -> Factorizations:
        lows, highs = [], []
        for slot, rule in zip(self.slots, rules, strict=True):
            high = min(bound, max(slot.extent)) if slot.spatial else bound
            low = rule.min_factors.get(dimension, 1)
            high = min(high, rule.max_factors.get(dimension, high))
            if dimension in rule.factors:
                pinned = rule.factors[dimension]
                low, high = max(low, pinned), min(high, pinned)
            lows.append(low)
            highs.append(high)
        return factorizations(bound, tuple(lows), tuple(highs))

    def _limits(self) -> tuple[Ints, Ints]:
        """Least and greatest factors, [slots, dimensions]."""
        units = (1,) * len(self.slots)
        empty = factorizations(1, units, units)
        widest = [options[-1] if options else empty for options in self.factorizations]
        low = np.array([f.lows for f in widest], dtype=np.int64).T
        high = np.array([f.highs for f in widest], dtype=np.int64).T
        return low, high

    def _set_bypass(self, constraints: Constraints) -> None:
        self.kept = np.ones((len(self.levels), len(self.data_spaces)), dtype=np.bool_)
        self.free_bypass: list[tuple[int, int]] = []
        for level, name in enumerate(self.levels):
            rule = constraints.dataspace(name)
            for t, tensor in enumerate(self.data_spaces):
                if tensor in rule.bypass:
                    self.kept[level, t] = False
                elif tensor not in rule.keep and level < len(self.levels) - 1:
                    self.free_bypass.append((level, t))

    @property
    def empty_dimension(self) -> str | None:
        """A dimension that no factors within the constraints multiply to, or None."""
        for dimension, options in zip(self.dimensions, self.factorizations, strict=True):
            if not options:
                return dimension
        return None

    def of_bounds(self, bounds: Sequence[int]) -> list[Products]:
        """The factorisations of some bounds, one of each dimension."""
        return [
            next(f for f in options if f.bound == bound)
            for options, bound in zip(self.factorizations, bounds, strict=True)
        ]

    def allows(self, bounds: Sequence[int]) -> bool:
        """Whether every dimension may have its bound."""
        return all(
            any(f.bound == bound for f in options) for options, bound in zip(self.factorizations, bounds, strict=True)
        )

    def bypass_patterns(self) -> Iterator[Bools]:
        """Every [levels, data spaces] of what is kept, the fullest first."""
        for bits in itertools.product((True, False), repeat=len(self.free_bypass)):
            keep = self.kept.copy()
            for (level, t), bit in zip(self.free_bypass, bits, strict=True):
                keep[level, t] = bit
            yield keep

    def raw_size(self) -> int:
        """Mappings as Timeloop counts them: loops of one iteration have orders and splits too."""
        size = 1 << len(self.free_bypass)
        for options in self.factorizations:
            size *= sum(f.count for f in options)
        for slot in self.slots:
            size *= factorial(len(slot.middle))
            if slot.spatial and slot.split is None:
                size *= len(self.dimensions) + 1
        return size

    def size(self, most: float = inf) -> float:
        """Distinct mappings, those that do not fit the hardware included; where they are more than ``most``, infinite.

        Counting all may take time that doubles with every slot; counting up to ``most`` takes time in proportion.
        """
        least = prod(sum(f.count for f in options) for options in self.factorizations) << len(self.free_bypass)
        if least > most:
            return inf
        moving = np.array([slot.spatial or slot.counted for slot in self.slots])
        # For each way in which loops stand in the slots: how many of a slot's loops > 1 are free to move, and how many
        # there are.
        counts = np.zeros((1, 2, len(self.slots)), dtype=np.int64)
        ways: Floats = np.ones(1)
        for d in range(len(self.dimensions)):
            patterns, more = self._unit_patterns(d)
            free = np.array([d in slot.middle for slot in self.slots])
            steps = np.stack([patterns & free & moving, patterns & moving], axis=1)
            grown = (counts[:, None] + steps).reshape(-1, 2 * len(self.slots))
            found, where = np.unique(grown, axis=0, return_inverse=True)
            ways = np.bincount(where.ravel(), weights=np.outer(ways, more).ravel()).astype(np.float64)
            counts = found.reshape(-1, 2, len(self.slots))
            if ways.sum() > most:
                return inf
        total = sum(
            way * prod(slot.order_count(middle, loops) for slot, middle, loops in zip(self.slots, *count, strict=True))
            for way, count in zip(ways.tolist(), counts.tolist(), strict=True)
        ) * 2.0 ** len(self.free_bypass)
        return total if total <= most else inf

    def _unit_patterns(self, d: int) -> tuple[Bools, Floats]:
        """[k, slots] where a factorisation of a dimension may have loops > 1, and how many [k] have them just there."""
        patterns: Counter[tuple[bool, ...]] = Counter()
        for options in self.factorizations[d]:
            patterns.update(options.patterns)
        return np.array(list(patterns), dtype=np.bool_), np.array(list(patterns.values()), dtype=np.float64)

    def fits_array(self, genomes: Genomes) -> Bools:
        """[n]: whether every fanout holds its loops, the least parallelism is reached, and loops are as they may be."""
        on_x = genomes.on_x()
        fits = self.imperfect.contain(genomes.factors)
        if self.few_loops is not None:
            fits &= self.few_loops.hold(genomes.factors)
        used = np.ones(len(genomes))
        for s, slot in enumerate(self.slots):
            if slot.spatial:
                x = np.where(on_x[:, s], genomes.factors[:, s], 1).prod(axis=1)
                y = np.where(on_x[:, s], 1, genomes.factors[:, s]).prod(axis=1)
                fits &= (x <= slot.extent[0]) & (y <= slot.extent[1])
                # Timeloop's order of operations, innermost fanout first.
                used *= x.astype(np.float64) * y.astype(np.float64) / prod(slot.extent)
        return fits & (used >= self.min_parallelism)

    def listed(self, batch: int = 8192, deadline: Deadline | None = None) -> Iterator[Genomes]:
        """All distinct mappings that fit the array, in batches of about ``batch`` (TimeUp at the deadline)."""
        patterns = np.array(list(self.bypass_patterns()))
        tables = [np.concatenate([f.table for f in options]) for options in self.factorizations]
        parts: list[Genomes] = []
        rows = 0
        for factors in held_by_fanouts(tables, self.slots, deadline):
            for part in self._all_orders(factors, patterns, batch):
                parts.append(part)
                rows += len(part)
                if rows >= batch:
                    yield from self._fitting(parts, batch)
                    parts, rows = [], 0
        if parts:
            yield from self._fitting(parts, batch)

    def _fitting(self, parts: Sequence[Genomes], batch: int) -> Iterator[Genomes]:
        """Those that fit the array, at most ``batch`` at a time."""
        genomes = concatenate(parts)
        fitting = genomes.take(self.fits_array(genomes).nonzero()[0])
        for start in range(0, len(fitting), batch):
            yield fitting.take(slice(start, start + batch))

    def _all_orders(self, factors: Ints, patterns: Bools, batch: int) -> Iterator[Genomes]:
        """Every order, split and bypass for one [slots, dimensions] of factors, at most ``batch`` at a time."""
        options = [
            every_arrangement(slot, frozenset(np.flatnonzero(row > 1).tolist()))
            for slot, row in zip(self.slots, factors, strict=True)
        ]
        shape = [len(splits) for _, splits in options] + [len(patterns)]
        total = prod(shape)
        for start in range(0, total, batch):
            index = np.unravel_index(np.arange(start, min(start + batch, total)), shape)
            keep = patterns[index[-1]]
            yield Genomes(np.broadcast_to(factors, (len(keep), *factors.shape)), *picked(options, index[:-1]), keep)

    def smallest(self) -> Genomes:
        """Mappings with the smallest tiles inside: what fits if anything does. The first of them keeps everything.

        The other keeps only what must be kept, as far out as may be; there is none where bypass is not open.
        """
        factors = np.array([options[0].first() for options in self.factorizations], dtype=np.int64).T
        placed = [
            slot.placed(row.tolist()) or ((*slot.prefix, *slot.middle, *slot.suffix), slot.split or 0)
            for slot, row in zip(self.slots, factors, strict=True)
        ]
        keep = np.stack([self.kept, self._barely_kept()][: 2 if self.free_bypass else 1])
        orders = np.array([order for order, _ in placed], dtype=np.int64)
        splits = np.array([split for _, split in placed], dtype=np.int64)
        n = len(keep)
        return Genomes(np.stack([factors] * n), np.stack([orders] * n), np.stack([splits] * n), keep)

    def _barely_kept(self) -> Bools:
        keep = self.kept.copy()
        for level, t in self.free_bypass:
            keep[level, t] = False
        for level, t in reversed(self.free_bypass):
            keep[level, t] |= not keep[:, t].any()
        return keep
