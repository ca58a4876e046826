"""What an engine says of one mapping, in Timeloop's terms."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class TensorStats:
    """One data space at one storage level; counts are words of one instance, as Timeloop's stats give them.

    Attributes:
        utilized_capacity: words of the tile held here.
        utilized_instances: instances of the level in use.
        reads, fills, updates: scalar reads, fills and updates.
        temporal_reductions: partial sums read back to be added to.
        energy_pj: of all instances, pJ.
    """

    utilized_capacity: int
    utilized_instances: int
    reads: int
    fills: int
    updates: int
    temporal_reductions: int
    energy_pj: float


@dataclass(frozen=True)
class LevelStats:
    """One storage level, or the arithmetic level (which has no tensors).

    Attributes:
        name: the component's name.
        cycles: cycles that the level needs at its bandwidth.
        energy_pj: of all its instances, leakage included, pJ.
        utilized_instances: instances in use.
        tensors: the data spaces kept here, by name.
    """

    name: str
    cycles: int
    energy_pj: float
    utilized_instances: int
    tensors: dict[str, TensorStats] = field(default_factory=dict)


@dataclass(frozen=True)
class Traffic:
    """What a network carries of one data space, of one instance of the level that it begins at.

    Attributes:
        fanout: children of the instance in use.
        ingresses: words that enter, by how many children want them and how many such groups there are.
        link_transfers: words that neighbours hand to each other.
        spatial_reductions: additions on the way.
        hops: of a word, on average.
        energy_pj, link_energy_pj, reduction_energy_pj: of the words, the transfers and the additions, pJ.
    """

    fanout: int
    ingresses: tuple[tuple[int, int, float], ...]
    link_transfers: int
    spatial_reductions: int
    hops: float
    energy_pj: float
    link_energy_pj: float
    reduction_energy_pj: float

    @property
    def words(self) -> float:
        """Words that enter."""
        return sum(words for _, _, words in self.ingresses)


@dataclass(frozen=True)
class NetworkStats:
    """A network between two levels.

    Attributes:
        name: of the component, or of the two levels.
        utilized_instances: of the level that it begins at.
        tensors: what it carries, by data space.
        once: whether its energy counts once, however many instances are in use.
    """

    name: str
    utilized_instances: int
    tensors: dict[str, Traffic]
    once: bool = False

    @property
    def energy_pj(self) -> float:
        """Energy of all instances, pJ, in Timeloop's order of operations."""
        n = 1 if self.once else self.utilized_instances
        return sum((t.link_energy_pj + t.energy_pj) * n + t.reduction_energy_pj * n for t in self.tensors.values())


@dataclass(frozen=True)
class Evaluation:
    """The figures of one mapping, or the reason why it is invalid.

    Attributes:
        valid: whether the hardware can run the mapping.
        reason: Timeloop's words where it cannot.
        cycles: latency, bandwidth throttling included.
        energy_pj: total energy, pJ.
        utilization: computes / (MAC instances * cycles); padded work counts as work here.
        computes: multiply-accumulates, padding included.
        levels: the arithmetic level and every storage level that is used, innermost first.
        networks: those between levels that may use energy, where they are known, by name.
    """

    valid: bool
    reason: str
    cycles: int
    energy_pj: float
    utilization: float
    computes: int
    levels: tuple[LevelStats, ...] = ()
    networks: tuple[NetworkStats, ...] = ()

    @classmethod
    def invalid(cls, reason: str) -> Evaluation:
        """An evaluation of a mapping that the hardware cannot run."""
        return cls(valid=False, reason=reason, cycles=0, energy_pj=0.0, utilization=0.0, computes=0)

    @property
    def edp(self) -> float:
        """Energy-delay product, pJ * cycles."""
        return self.energy_pj * self.cycles
