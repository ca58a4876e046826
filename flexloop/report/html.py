"""The HTML report of a study: one self-contained file."""

from __future__ import annotations

from pathlib import Path

from flexloop.atomic import write_file
from flexloop.report.data import arch_of, report_data
from flexloop.report.findings import findings
from flexloop.report.gains import check_one_objective
from flexloop.report.page import render_page
from flexloop.report.provenance import provenance
from flexloop.tables.columns import COLUMNS
from flexloop.tables.study import StudyTables, subject

_SCRIPTS = (
    "dom.js",
    "format.js",
    "colour.js",
    "download.js",
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


def write_report(results: StudyTables, path: Path) -> Path:
    """Write the report of a study and return its path.

    Raises:
        SpecError: if the results are empty or mix several objectives.
        OutputError: if the file cannot be written.
    """
    return write_file(path, render_report(results))


def render_report(results: StudyTables) -> str:
    """The report's HTML."""
    check_one_objective(results)
    data, archs = report_data(results), [arch_of(part) for part in results.by_arch()]
    return render_page(
        "report.html.j2",
        _SCRIPTS,
        data,
        networks=[subject(results, str(name)) for name in dict.fromkeys(results.rows["network"])],
        arch=" and ".join(study["arch"] for study in data["studies"]),
        descriptions=[arch.description for arch in archs if arch and arch.description],
        objective=data["studies"][0]["objective"],
        baseline=str(results.baseline),
        has_roofs=any(study["roofs"] for study in data["studies"]),
        no_roofs=" ".join(study["noRoofs"] for study in data["studies"]),
        findings=findings(results),
        provenance=provenance(results),
        glossary=COLUMNS,
    )
