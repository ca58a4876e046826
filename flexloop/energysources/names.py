"""Names of the sources of energies."""

from __future__ import annotations

SOURCES = ("table", "accelergy", "hwcomponents")
"""Names that ``--energy`` takes, beside a file."""
