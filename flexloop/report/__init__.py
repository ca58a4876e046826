"""Results for people to look at: one self-contained HTML file, and figures for a paper."""

from flexloop.report.figures import write_figures
from flexloop.report.html import render_report, write_report

__all__ = ["render_report", "write_figures", "write_report"]
