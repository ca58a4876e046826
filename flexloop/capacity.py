"""Which tiles fit: the words that tiles occupy at each on-chip level, against its capacity and its partition.

A tile occupies the sum of its kept tensors' bounding boxes, as Timeloop counts it. Levels without loops share the
tile of the level with loops inside them, so a group of buffers side by side holds one tile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flexloop.arch.spec import ArchSpec
from flexloop.arch.tiles import fixed_tiles
from flexloop.workloads.layers import Layer, tile_size


@dataclass(frozen=True)
class Overflow:
    """A limit that a tile exceeds.

    Attributes:
        level: the storage level.
        words: what the tile needs there, for each tensor that counts towards the limit.
        limit: words available.
    """

    level: str
    words: dict[str, int]
    limit: int

    def __str__(self) -> str:
        parts = " + ".join(f"{tensor} {words:,}" for tensor, words in self.words.items())
        return f"the tile at {self.level} needs {parts} = {sum(self.words.values()):,} words of {self.limit:,}"


def overflows(arch: ArchSpec, layer: Layer, tiles: tuple[dict[str, int], ...]) -> list[Overflow]:
    """The capacities that tiles exceed; ``tiles`` are per level with loops but the outermost, innermost first."""
    found = []
    for group, tile in zip(arch.buffer_groups, tiles, strict=True):
        for level in group:
            words: dict[str, int] = {t: tile_size(t, tile, layer.coefficients) for t in level.keep}
            if sum(words.values()) > level.tile_limit:
                found.append(Overflow(level.name, words, level.tile_limit))
    return found


def partition_overflows(arch: ArchSpec, layer: Layer, tile: Mapping[str, int]) -> list[Overflow]:
    """The shares of the partitioned buffer that a tile above the array exceeds."""
    found = []
    for tensor, limit in arch.partition().items():
        words = tile_size(tensor, dict(tile), layer.coefficients)
        if words > limit:
            found.append(Overflow(f"{arch.array.below} (share of {tensor})", {tensor: words}, limit))
    return found


def fixed_overflows(arch: ArchSpec, layer: Layer) -> list[Overflow]:
    """The capacities that the spec's fixed tiles exceed on a layer; none means that the rigid class maps it."""
    return overflows(arch, layer, fixed_tiles(arch, layer).tiles)


def fixed_tile_exceeds_only_the_partition(arch: ArchSpec, layer: Layer) -> bool:
    """Whether the fixed tiles fit every buffer but not the partition, as a large stride can make them."""
    tiles = fixed_tiles(arch, layer).tiles
    return bool(partition_overflows(arch, layer, tiles[arch.array_index])) and not overflows(arch, layer, tiles)
