"""The HTML report of a study: one self-contained file."""

from __future__ import annotations

from pathlib import Path

from flexloop.report.data import arch_of, report_data
from flexloop.report.findings import findings
from flexloop.report.gains import check_one_arch
from flexloop.report.page import render_page, write_page
from flexloop.report.provenance import provenance
from flexloop.results.table import COLUMNS, Results

_SCRIPTS = (
    "dom.js",
    "format.js",
    "colour.js",
    "state.js",
    "lattice.js",
    "axes.js",
    "bars.js",
    "heatmap.js",
    "energy.js",
    "roofline.js",
    "mapping.js",
    "tables.js",
    "main.js",
)
"""In the order in which they are joined into one script; each uses only what stands before it."""


def write_report(results: Results, path: Path) -> Path:
    """Write the report of a study and return its path.

    Raises:
        SpecError: if the results are empty or mix several arch specs or objectives.
        OutputError: if the file cannot be written.
    """
    return write_page(render_report(results), path)


def render_report(results: Results) -> str:
    """The report's HTML."""
    check_one_arch(results)
    data, arch = report_data(results), arch_of(results)
    return render_page(
        "report.html.j2",
        _SCRIPTS,
        data,
        networks=data["networks"],
        arch=data["arch"],
        description=arch.description if arch else "",
        objective=data["objective"],
        baseline=data["baseline"],
        has_roofs=bool(data["roofs"]),
        findings=findings(results),
        provenance=provenance(results),
        glossary=COLUMNS,
    )
