"""The roofline model (Williams, Waterman and Patterson, CACM 2009) for storage levels of an arch.

A layer that performs I MACs for each byte moved at a level with a bandwidth of B bytes a cycle cannot exceed I*B MACs a
cycle, nor the number of MAC units. Reads and writes have bandwidths of their own in Timeloop; their sum is the
slope, so the roof holds for every mixture of the two and is reached only where they are balanced.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

import pandas as pd

from flexloop.arch.base import Arch


@dataclass(frozen=True)
class Roof:
    """What one storage level allows.

    Attributes:
        level: the level's name.
        read_bandwidth, write_bandwidth: bytes a cycle, all instances together.
        word_bytes: bytes of one word.
        peak: MACs a cycle of the whole array.
    """

    level: str
    read_bandwidth: float
    write_bandwidth: float
    word_bytes: float
    peak: int

    @property
    def bandwidth(self) -> float:
        """Bytes a cycle, reads and writes together."""
        return self.read_bandwidth + self.write_bandwidth

    @property
    def ridge(self) -> float:
        """The intensity, MACs a byte, from which the MACs are the limit."""
        return self.peak / self.bandwidth

    def intensity(self, rows: pd.DataFrame) -> pd.Series:
        """Real MACs for each byte that rows of a results table move at this level."""
        return rows["macs"] / (rows[f"accesses_{self.level}"] * self.word_bytes)


def roofs(arch: Arch) -> list[Roof]:
    """The roof of each storage level, outermost first, all instances together; a level without a limit has none."""
    found = []
    for memory in arch.memories:
        scale = memory.word_bits / 8 * memory.instances
        read, write = memory.read_bandwidth * scale, memory.write_bandwidth * scale
        if isfinite(read + write):
            found.append(Roof(memory.name, read, write, memory.word_bits / 8, arch.arithmetic.instances))
    return found


def why_none(arch: Arch | None) -> str:
    """Why there is no roof, in words; for results that do not hold their arch, None."""
    if arch is None:
        return "The results do not hold the arch spec that they were made with, so its roofs are unknown."
    return (
        f"No storage level of {arch.name} has a limit of bandwidth, so there is no roof but that of its "
        f"{arch.arithmetic.instances:,} MACs: latency is work over the PEs in use."
    )


def attained(rows: pd.DataFrame) -> pd.Series:
    """Real MACs a cycle."""
    return rows["macs"] / rows["cycles"]
