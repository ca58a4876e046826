"""What the bounds of partly decided mappings need to know of architecture and problem."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LevelFacts:
    """What the bounds need to know of a storage level; energies are in pJ a word, bandwidths in words a cycle."""

    instances: int
    capacity: float
    read_energy: float
    write_energy: float
    update_energy: float
    read_bandwidth: float
    write_bandwidth: float
    leakage: float


@dataclass(frozen=True)
class TensorFacts:
    """A data space: its ranks as (dimension, coefficient) pairs, and whether it is written."""

    ranks: tuple[tuple[tuple[int, int], ...], ...]
    read_write: bool


@dataclass(frozen=True)
class Facts:
    """What the bounds need to know of architecture and problem, levels inner to outer."""

    levels: tuple[LevelFacts, ...]
    tensors: tuple[TensorFacts, ...]
    compute_energy: float
