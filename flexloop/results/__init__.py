"""Results of studies: tables with a row a layer and class, made of cells and kept in files."""

from flexloop.results.table import Results
from flexloop.tables.columns import COLUMNS

__all__ = ["COLUMNS", "Results"]
