"""A second cost model for tests: a plain walk over the loop nest, child by child and step by step.

It shares no formula with the compiled rules. Every temporal loop runs its iterations 0 and 1, and what iteration 1 does
counts for all but the first, as Timeloop does it; at each step every child of a level asks for the words that it lacks,
takes them from a neighbour that got just these a step before, or else from the level, which serves children that want
the same words at once.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil, floor, inf, prod

from flexloop.embedded.problem import DataSpace
from flexloop.embedded.spec import Spec
from flexloop.timeloop.mapping import Mapping

Loop = tuple[str, int, int]
"""Dimension, iterations, stride."""
Offset = tuple[int, ...]
Delivery = tuple[Offset, Offset | None]
"""What a child gets: the offset of its tile, and the move whose new words it gets, or None for the whole tile."""


@dataclass
class Flow:
    """What crosses the boundary below one level, for one parent."""

    accesses: dict[tuple[int, int], float] = field(default_factory=dict)  # by multicast and number of groups
    weighted: float = 0.0
    handed: float = 0.0
    children: int = 1

    @property
    def content(self) -> float:
        return sum(self.accesses.values())

    @property
    def share(self) -> float:
        return sum(self.accesses[key] * key[0] / self.children for key in sorted(self.accesses))


@dataclass(frozen=True)
class Figures:
    """Cycles, energy, and (capacity, reads, fills, updates, temporal reductions) by level and data space."""

    cycles: int
    energy_pj: float
    counts: dict[tuple[str, str], tuple[int, int, int, int, int]]


class Nest:
    """The loops of a mapping with their strides, and the tiles between them."""

    def __init__(self, spec: Spec, mapping: Mapping) -> None:
        extent = dict.fromkeys(spec.problem.dimensions, 1)
        self.spatial: list[list[Loop]] = []
        self.temporal: list[list[Loop]] = []
        self.tiles: list[dict[str, int]] = []
        self.x: list[int] = []
        self.y: list[int] = []
        for level in mapping.levels:
            self.spatial.append([self._enter(extent, *loop) for loop in (*level.x_loops, *level.y_loops)])
            self.x.append(prod(n for _, n in level.x_loops))
            self.y.append(prod(n for _, n in level.y_loops))
            self.temporal.append([self._enter(extent, *loop) for loop in level.loops])
            self.tiles.append(dict(extent))
        self.steps = prod(n for loops in self.temporal for _, n, _ in loops)

    @staticmethod
    def _enter(extent: dict[str, int], d: str, n: int) -> Loop:
        stride = extent[d]
        extent[d] *= n
        return d, n, stride

    def instances(self, level: int) -> int:
        """Instances of a level in use: the unrolling outside it."""
        return prod(self.x[level + 1 :]) * prod(self.y[level + 1 :])

    def below(self, level: int) -> dict[str, int]:
        """The tile of one child of a level."""
        return self.tiles[level - 1] if level else dict.fromkeys(self.tiles[0], 1)


def extents(space: DataSpace, tile: dict[str, int]) -> list[int]:
    return [1 + sum(c * (tile[d] - 1) for d, c in rank) for rank in space.projection]


def offset(space: DataSpace, loops: Sequence[Loop], indices: Sequence[int]) -> Offset:
    """Where a tile lies when the loops stand at these indices."""
    at: Counter[str] = Counter()
    for (d, _, stride), i in zip(loops, indices, strict=True):
        at[d] += i * stride
    return tuple(sum(c * at[d] for d, c in rank) for rank in space.projection)


def minus(a: Offset, b: Offset) -> Offset:
    return tuple(i - j for i, j in zip(a, b, strict=True))


def plus(a: Offset, b: Offset) -> Offset:
    return tuple(i + j for i, j in zip(a, b, strict=True))


def deliveries(
    space: DataSpace, nest: Nest, level: int, *, rereads: bool
) -> Iterator[tuple[int, int, Offset, Offset | None] | None]:
    """For each step: its weight, the words of one child, the offset and the move; None where nothing is delivered."""
    loops = [loop for block in nest.temporal[level:] for loop in block]
    size = extents(space, nest.below(level))
    whole, here, remembered = prod(size), offset(space, loops, [0] * len(loops)), None
    for number, index in enumerate(itertools.product((0, 1), repeat=len(loops))):
        on = index[::-1]
        weight = prod(n - 1 for i, (_, n, _) in zip(on, loops, strict=True) if i)
        there = offset(space, loops, on)
        move, here = minus(there, here), there
        if number == 0 or rereads:
            yield weight, whole, there, None
        elif not any(move):
            yield None
        elif remembered is None or move == remembered:
            remembered = move
            held = prod(max(0, e - abs(v)) for e, v in zip(size, move, strict=True))
            yield weight, whole - held, there, move if held else None
        else:
            remembered = None
            yield weight, whole, there, None


def neighbours(child: int, children: int, row: int) -> list[int]:
    found = [child - row, child + row]
    found += [child - 1] if child % row else []
    found += [child + 1] if (child + 1) % row else []
    return [f for f in found if 0 <= f < children]


def flow(spec: Spec, space: DataSpace, mapping: Mapping, nest: Nest, level: int) -> Flow:
    limits, name = mapping.levels[level].limits, space.name
    # MACs keep nothing: they want their word at every step.
    rereads = level == 0 or name in mapping.levels[level - 1].limits.no_temporal_reuse
    loops = nest.spatial[level]
    places = [
        offset(space, loops, index[::-1]) for index in itertools.product(*(range(n) for _, n, _ in reversed(loops)))
    ]
    children, row = len(places), max(spec.fanout_xy[level][0], nest.x[level])
    made = Flow(children=children)
    before: list[Delivery] | None = None
    alone = name in limits.no_multicast_no_reduction
    for step in deliveries(space, nest, level, rereads=rereads):
        if step is None:
            before = None
            continue
        weight, words, base, move = step
        now: list[Delivery] = [(plus(base, place), move) for place in places]
        served = {
            e for e in range(children) if before and any(before[f] == now[e] for f in neighbours(e, children, row))
        }
        if name in limits.no_link_transfer:
            served = set()
        own = [(place, e if alone else 0) for e, place in enumerate(places)]
        wanted = Counter(own[e] for e in range(children) if e not in served)
        if len(wanted) >= len(set(own)):
            served, wanted = set(), Counter(own)
        for multicast, groups in Counter(wanted.values()).items():
            key = multicast, groups
            made.accesses[key] = made.accesses.get(key, 0.0) + groups * words * weight
        made.weighted += (children - len(served)) * words * weight
        made.handed += len(served) * words * weight
        before = now
    if level == 0 and spec.fanout_xy[0] == (1, 1):
        made.accesses = {(1, 1): float(nest.steps)}
    return made


def half_up(value: float) -> int:
    return floor(value + 0.5)


def outermost(space: DataSpace, mapping: Mapping) -> int:
    """The outermost level that keeps a data space and does not hand on all accesses; -1 if there is none."""
    held = [space.name in part.keep and space.name not in part.limits.no_coalesce for part in mapping.levels]
    return max((level for level, holds in enumerate(held) if holds), default=-1)


def space_counts(
    spec: Spec, mapping: Mapping, nest: Nest, space: DataSpace
) -> dict[tuple[str, str], tuple[int, int, int, int, int]]:
    """The counts of one data space; outside the outermost level that holds it there are none."""
    top = outermost(space, mapping)
    flows = [flow(spec, space, mapping, nest, level) for level in range(top + 1)]
    shares = [*(above.share for above in flows[1:]), 0.0]
    sizes = [prod(extents(space, tile)) for tile in nest.tiles]
    own = [sizes[-1]]
    for level in range(len(mapping.levels) - 2, -1, -1):
        around = dict(nest.tiles[level])
        for d, n, _ in nest.spatial[level + 1]:
            around[d] *= n
        own.insert(0, own[0] * sizes[level] // prod(extents(space, around)))
    counts = {}
    for level, part in enumerate(mapping.levels):
        if level > top:
            if space.name in part.keep:
                counts[part.target, space.name] = 0, 0, 0, 0, 0
            continue
        passes = space.name in part.limits.no_coalesce
        if passes or space.name not in part.keep:
            above = flows[level + 1]
            factor = flows[level].content * above.children / above.weighted
            above.accesses = {key: n * factor for key, n in above.accesses.items()}
            above.handed = 0.0
        if space.name not in part.keep:
            continue
        content, last = flows[level].content, level == top
        peer = 0.0 if last else flows[level + 1].handed / nest.instances(level)
        if space.read_write:
            spared = 0 if passes or space.name in part.limits.rmw_first_update else own[level]
            read = half_up(content + peer - spared)
            fills = half_up(peer) if last else half_up(shares[level] + peer - spared)
            fills = read if passes else fills
            figures = sizes[level], read, fills, half_up(content), read
        else:
            figures = sizes[level], half_up(content + peer), int(shares[level] + peer), 0, 0
        counts[part.target, space.name] = figures
    return counts


def walk(spec: Spec, mapping: Mapping) -> Figures:
    """Cost one valid mapping."""
    nest = Nest(spec, mapping)
    counts = {
        key: figures
        for space in spec.problem.data_spaces
        for key, figures in space_counts(spec, mapping, nest, space).items()
    }
    cycles, energy = nest.steps, 0.0
    for storage in spec.levels:
        kept = [figures for (level, _), figures in counts.items() if level == storage.name]
        reads = sum(read / nest.steps for _, read, _, _, _ in kept)
        writes = sum((fills + updates) / nest.steps for _, _, fills, updates, _ in kept)
        slow = min(1.0, _slow(storage.read_bandwidth, reads), _slow(storage.write_bandwidth, writes))
        cycles = max(cycles, ceil(nest.steps / slow))
    for level, storage in enumerate(spec.levels):
        used, block = nest.instances(level), storage.block_size
        for (name, _), (_, read, fills, updates, _) in counts.items():
            if name == storage.name:
                one = ceil(read / block) * storage.read_energy + ceil(fills / block) * storage.write_energy
                one += ceil(updates / block) * storage.update_energy
                energy += one * min(used, storage.instances // storage.cluster_size)
        energy += storage.leakage * cycles * max(1, used)
    return Figures(cycles, energy + prod(spec.problem.bounds.values()) * spec.mac.compute_energy, counts)


def _slow(bandwidth: float, words: float) -> float:
    return bandwidth / words if words > bandwidth else inf
