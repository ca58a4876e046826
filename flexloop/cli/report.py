"""The command ``report``: results as one HTML file, and as figures for a paper."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flexloop.cli.common import console


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("report")(report)


def report(
    results: Annotated[Path, typer.Argument(help="Folder that a study wrote (-o), or its results.parquet.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The HTML file.")] = Path("report.html"),
    figures: Annotated[
        Path | None, typer.Option("--figures", help="Folder for figures as SVG and PDF, sized for a two-column paper.")
    ] = None,
) -> None:
    """Show results to people: one HTML file that needs no network; with --figures also SVG and PDF files."""
    from flexloop.report.exploration import is_exploration, load_exploration, write_exploration_report
    from flexloop.report.figures import write_exploration_figures, write_figures
    from flexloop.report.html import write_report
    from flexloop.results.load import load

    if is_exploration(results):
        exploration = load_exploration(results)
        written = [write_exploration_report(exploration, output)]
        written += write_exploration_figures(exploration, figures) if figures is not None else []
    else:
        study = load(results)
        written = [write_report(study, output)]
        written += write_figures(study, figures) if figures is not None else []
    for path in written:
        console().print(str(path), markup=False)
