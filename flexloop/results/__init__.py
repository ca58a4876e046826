"""Results of studies: tables with a row a layer and class, made of cells and kept in files."""

from flexloop.results.columns import COLUMNS
from flexloop.results.table import Results

__all__ = ["COLUMNS", "Results"]
