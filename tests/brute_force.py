"""Every mapping of a variant, listed straight from its constraints: slow, plain, and shared by several tests."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from math import prod
from operator import mul

from flexloop.arch.fields import StorageLevel
from flexloop.arch.spec import ArchSpec
from flexloop.classes import FlexClass
from flexloop.mapspace import MapSpace, Variant, mapspace
from flexloop.workloads.layers import DIMENSIONS, Layer, tile_size

Loops = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class ListedMapping:
    """A mapping in a form that two descriptions of the same mapping share: loops of one iteration are left out.

    Attributes:
        shape: extents of the array.
        bounds: the padded bound of each dimension.
        temporal: for each level with loops, innermost first, its loops from the innermost outwards.
        x, y: what lies on each mesh axis, in the order of DIMENSIONS.
    """

    shape: tuple[int, int]
    bounds: tuple[int, ...]
    temporal: tuple[Loops, ...]
    x: Loops
    y: Loops


@dataclass(frozen=True)
class _Column:
    """The factors of one dimension: the padded bound, the temporal one of each level, and what the array unrolls.

    Attributes:
        tiles: of each level with loops, innermost first.
    """

    bound: int
    temporal: tuple[int, ...]
    axis: str
    spatial: int
    tiles: tuple[int, ...]


def list_mappings(space: MapSpace) -> list[ListedMapping]:
    """All mappings of a mapspace, those of overlapping variants repeated."""
    return [mapping for variant in space.variants for mapping in variant_mappings(variant)]


class Listing:
    """The mappings of the classes of an arch for a layer; a variant that many classes share is listed once."""

    def __init__(self, arch: ArchSpec, layer: Layer) -> None:
        self._arch, self._layer = arch, layer
        self._of_variant: dict[str, frozenset[ListedMapping]] = {}
        self.of = cache(self._of)

    def _of(self, flexclass: FlexClass) -> frozenset[ListedMapping]:
        variants = mapspace(flexclass, self._arch, self._layer).variants
        return frozenset[ListedMapping]().union(*map(self._listed, variants))

    def _listed(self, variant: Variant) -> frozenset[ListedMapping]:
        key = repr((variant.shape, variant.bounds, variant.partitioned, variant.constraints))
        if key not in self._of_variant:
            self._of_variant[key] = frozenset(variant_mappings(variant))
        return self._of_variant[key]


def spec_of(variant: Variant) -> ArchSpec:
    """The variant's arch, which is an arch spec."""
    assert isinstance(variant.arch, ArchSpec)
    return variant.arch


def variant_mappings(variant: Variant) -> Iterator[ListedMapping]:
    """All mappings of one variant that fit the array and the buffers."""
    levels = spec_of(variant).loop_levels
    for columns in _legal_columns(variant):
        loops = [
            [(d, columns[d].temporal[i]) for d in DIMENSIONS if columns[d].temporal[i] > 1] for i in range(len(levels))
        ]
        choices = [_orders(variant, level, loops[i]) for i, level in enumerate(levels)]
        for temporal in itertools.product(*choices):
            yield ListedMapping(
                shape=(variant.shape.X, variant.shape.Y),
                bounds=tuple(columns[d].bound for d in DIMENSIONS),
                temporal=temporal,
                x=_unrolled(columns, "X"),
                y=_unrolled(columns, "Y"),
            )


def tile_tuples(variant: Variant) -> set[tuple[tuple[int, ...], ...]]:
    """The distinct (bounds, tiles of each level with loops but the outermost) of a variant's legal mappings."""
    inner = range(len(spec_of(variant).loop_levels) - 1)
    return {
        (tuple(c.bound for c in columns.values()), *(tuple(c.tiles[i] for c in columns.values()) for i in inner))
        for columns in _legal_columns(variant)
    }


def _unrolled(columns: dict[str, _Column], axis: str) -> Loops:
    return tuple((d, c.spatial) for d, c in columns.items() if c.axis == axis)


def _legal_columns(variant: Variant) -> Iterator[dict[str, _Column]]:
    options = [_columns(variant, d) for d in DIMENSIONS]
    buffers, coefficients = list(_buffers(variant)), variant.layer.coefficients
    for chosen in itertools.product(*options):
        columns = dict(zip(DIMENSIONS, chosen, strict=True))
        if _fits_array(variant, columns) and all(_fits(buffer, columns, coefficients) for buffer in buffers):
            yield columns


def _columns(variant: Variant, d: str) -> list[_Column]:
    """Every way to split each padded bound of one dimension over the levels and the array."""
    arch, constraints = spec_of(variant), variant.constraints
    array = constraints.loop(arch.array.below, spatial=True)
    inner = constraints.loop(arch.levels[-1].name, spatial=True).factors.get(d, 1)
    axes: tuple[str, ...] = ("X", "Y")
    if array.permutation:
        assert array.split is not None
        axes = ("X",) if array.permutation.index(d) < array.split else ("Y",)
    pinned = [constraints.loop(level.name, spatial=False).factors.get(d) for level in arch.loop_levels]
    columns: list[_Column] = []
    for bound in variant.bounds[d]:
        if constraints.template == "uber":
            columns += _with_remainders(variant, d, bound, inner, pinned, axes)
            continue
        assert bound % inner == 0
        for spatial in _divisors(bound // inner):
            if array.factors.get(d, spatial) != spatial:
                continue
            for temporal in _splits(bound // inner // spatial, pinned):
                tiles = _tiles(arch, inner, temporal, spatial)
                columns += [_Column(bound, temporal, axis, spatial, tiles) for axis in (axes if spatial > 1 else ("",))]
    return columns


def _with_remainders(
    variant: Variant, d: str, bound: int, inner: int, pinned: list[int | None], axes: tuple[str, ...]
) -> Iterator[_Column]:
    """As Timeloop has them: free factors divide what pinned ones leave, rounded up; each is cut to what is left."""
    arch = spec_of(variant)
    fixed = variant.constraints.loop(arch.array.below, spatial=True).factors.get(d)
    held = inner * prod(n for n in (*pinned, fixed) if n is not None)
    rest = -(-bound // held)
    for spatial in _divisors(rest) if fixed is None else [fixed]:
        free = rest if fixed is not None else rest // spatial
        whole = free * prod(n for n in pinned if n is not None)
        for temporal in _splits(whole, pinned):
            left, cut = -(-bound // inner), []
            used = spatial
            for index, factor in enumerate(temporal):
                if index == arch.array_index:
                    used = min(spatial, left)
                    left = -(-left // used)
                cut.append(min(factor, left))
                left = -(-left // cut[-1])
            tiles = _tiles(arch, inner, cut, used)
            yield from (_Column(bound, tuple(cut), axis, used, tiles) for axis in (axes if used > 1 else ("",)))


def _tiles(arch: ArchSpec, inner: int, temporal: Sequence[int], spatial: int) -> tuple[int, ...]:
    at = arch.array_index
    within = itertools.accumulate(temporal, mul, initial=inner)
    return tuple(tile * (spatial if i >= at else 1) for i, tile in enumerate(itertools.islice(within, 1, None)))


def _splits(product: int, pinned: list[int | None]) -> Iterator[tuple[int, ...]]:
    """Every tuple of factors, one per level, with this product; pinned ones as they are."""
    if not pinned:
        if product == 1:
            yield ()
        return
    for factor in _divisors(product) if pinned[0] is None else [pinned[0]]:
        if product % factor == 0:
            for rest in _splits(product // factor, pinned[1:]):
                yield (factor, *rest)


def _divisors(n: int) -> list[int]:
    return [k for k in range(1, n + 1) if n % k == 0]


def _fits_array(variant: Variant, columns: dict[str, _Column]) -> bool:
    on_x = prod(c.spatial for c in columns.values() if c.axis == "X")
    on_y = prod(c.spatial for c in columns.values() if c.axis == "Y")
    return on_x <= variant.shape.X and on_y <= variant.shape.Y


@dataclass(frozen=True)
class _Buffer:
    """What holds of the tiles of one level: their places among the levels with loops, and how many words there are."""

    index: int
    keep: tuple[str, ...]
    capacity: int | None
    limits: dict[str, int]


def _buffers(variant: Variant) -> Iterator[_Buffer]:
    arch = spec_of(variant)
    index = -1
    for level in arch.inner_to_outer[:-1]:
        index += level.loops  # a level without loops shares the tile of the one inside it
        assert index >= 0
        parted = index == arch.array_index and variant.partitioned
        yield _Buffer(index, tuple(level.keep), level.capacity, arch.partition() if parted else {})


def _fits(buffer: _Buffer, columns: dict[str, _Column], coefficients: dict[str, int]) -> bool:
    if buffer.capacity is None and not buffer.limits:
        return True
    tile = {d: column.tiles[buffer.index] for d, column in columns.items()}
    sizes = {t: tile_size(t, tile, coefficients) for t in buffer.keep}
    if buffer.capacity is not None and sum(sizes.values()) > buffer.capacity:
        return False
    return all(size <= buffer.limits.get(t, size) for t, size in sizes.items())


def _orders(variant: Variant, level: StorageLevel, loops: list[tuple[str, int]]) -> list[Loops]:
    permutation = variant.constraints.loop(level.name, spatial=False).permutation
    if permutation:
        return [tuple(sorted(loops, key=lambda loop: permutation.index(loop[0])))]
    return list(itertools.permutations(loops))
