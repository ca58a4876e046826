"""Energy and area of an arch spec's components: the shipped table, Timeloop's ERT, and where they came from.

`flexloop.energysources.choose` picks a source by its name.
"""

from flexloop.energy.ert import build_art, build_ert
from flexloop.energy.source import EnergyTables, read_tables, shipped_tables
from flexloop.energy.table import EnergyTable, load_table

__all__ = ["EnergyTable", "EnergyTables", "build_art", "build_ert", "load_table", "read_tables", "shipped_tables"]
