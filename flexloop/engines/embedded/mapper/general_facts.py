"""What the bounds of partly decided mappings need to know of architecture and problem."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class LevelFacts:
    """What the bounds need to know of a storage level; energies are in pJ a word, bandwidths in words a cycle.

    ``scale`` is what a word of each data space counts for in the bandwidths.
    """

    instances: int
    capacity: float
    read_energy: float
    write_energy: float
    update_energy: float
    read_bandwidth: float
    write_bandwidth: float
    shared_bandwidth: float
    scale: tuple[float, ...]
    leakage: float


@dataclass(frozen=True)
class TensorFacts:
    """A data space.

    Attributes:
        ranks: each as (dimension, coefficient) pairs.
        read_write: whether it is written.
    """

    ranks: tuple[tuple[tuple[int, int], ...], ...]
    read_write: bool

    @property
    def is_diagonal(self) -> bool:
        """Whether some dimension is in several ranks."""
        dimensions = [d for rank in self.ranks for d, _ in rank]
        return len(set(dimensions)) < len(dimensions)

    @cached_property
    def groups(self) -> tuple[tuple[tuple[int, int], ...], ...]:
        """The ranks, those of a diagonal data space merged into one, so that each dimension is in one of them."""
        if not self.is_diagonal:
            return self.ranks
        return (tuple({d: c for rank in self.ranks for d, c in rank}.items()),)


@dataclass(frozen=True)
class Facts:
    """What the bounds need to know of architecture and problem, levels inner to outer."""

    levels: tuple[LevelFacts, ...]
    tensors: tuple[TensorFacts, ...]
    compute_energy: float
