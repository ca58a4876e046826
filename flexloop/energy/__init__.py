"""Energy and area of an arch spec's components: the shipped table, Timeloop's ERT, and where they came from."""

from flexloop.energy.ert import build_art, build_ert
from flexloop.energy.source import EnergyTables, energy_tables
from flexloop.energy.table import EnergyTable, load_table

__all__ = ["EnergyTable", "EnergyTables", "build_art", "build_ert", "energy_tables", "load_table"]
