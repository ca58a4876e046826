"""Energy and the cycles of a bandwidth at once: what a path costs where every cycle is charged so many pJ.

A mapping that costs little energy may need many cycles, and the other way round. Of energies and cycles bounded apart,
the least of both may be out of reach of any one mapping; the least of their weighted sum is a line that all mappings
lie above (Lagrangian relaxation).
"""

from __future__ import annotations

from dataclasses import dataclass

from flexloop.embedded.mapper.fillings import Fillings
from flexloop.embedded.mapper.paths.charges import Charges
from flexloop.embedded.mapper.paths.conditions import Stage
from flexloop.embedded.mapper.paths.grid import Floats, Ints
from flexloop.embedded.mapper.paths.prices import Prices


@dataclass(frozen=True)
class BlendedPrices:
    """Prices of energy, and prices of cycles times pJ a cycle (see `Prices`)."""

    energy: Prices
    cycles: Prices
    weight: float

    @property
    def fillings(self) -> Fillings:
        """The ways to fill the fanouts."""
        return self.energy.fillings

    @property
    def computing(self) -> Floats:
        """[ways]: the price of all MACs."""
        return self.energy.computing

    def operands(self, t: int, parent: int) -> Floats:
        """[ways]: see `Prices.operands`."""
        return self.energy.operands(t, parent) + self.weight * self.cycles.operands(t, parent)

    def never_moved(self, t: int, child: int) -> Floats:
        """[ways]: see `Prices.never_moved`."""
        return self.energy.never_moved(t, child) + self.weight * self.cycles.never_moved(t, child)


@dataclass(frozen=True)
class Blend:
    """What is charged on a path: energy (pJ), and for each cycle of a bandwidth so many pJ more.

    Attributes:
        energy: what the steps cost in pJ.
        cycles: what they cost in cycles.
        weight: pJ a cycle.
    """

    energy: Charges
    cycles: Charges
    weight: float

    @property
    def prices(self) -> BlendedPrices:
        """The prices of words."""
        return BlendedPrices(self.energy.prices, self.cycles.prices, self.weight)

    def costs(self, stage: Stage, ways: Ints, places: Ints) -> Floats:
        """[charges, tiles]: see `Charges.costs`."""
        return self.energy.costs(stage, ways, places) + self.weight * self.cycles.costs(stage, ways, places)
