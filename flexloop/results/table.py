"""What a study returns: its tables, and what can be made of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flexloop.results.files import save
from flexloop.tables.study import StudyTables
from flexloop.validation import fitting

if TYPE_CHECKING:
    from flexloop.report.figures import Plots


@dataclass(frozen=True, repr=False)
class Results(StudyTables):
    """A study's outcome: its tables, which can be saved, plotted and reported."""

    def report(self, path: str | Path) -> Path:
        """Write the HTML report to a file; return its path."""
        from flexloop.report.html import write_report

        return write_report(self, fitting(Path, path, "report"))

    @property
    def plot(self) -> Plots:
        """Figures: ``results.plot.lattice()``, ``.networks()``, ``.layers()``, ``.energy()``, ``.roofline()``."""
        from flexloop.report.figures import Plots

        return Plots(self)

    def save(self, folder: str | Path) -> Path:
        """Write ``results.parquet``, ``results.csv``, ``totals.csv``, ``meta.json`` and the mappings' YAML files."""
        return save(self, fitting(Path, folder, "folder"))
