"""Sources of energies by their names."""

from __future__ import annotations

from flexloop import plugins
from flexloop.energy.components import Model
from flexloop.energy.hwmodels import HwModel
from flexloop.energy.table import load_table

SOURCES = ("table", "accelergy", "hwcomponents")
"""Names that ``--energy`` takes, beside those of sources that packages add, and a file."""


def source_names() -> tuple[str, ...]:
    """Names of all sources: flexloop's own, and those that packages add."""
    return (*SOURCES, *(name for name in plugins.names(plugins.ENERGY_SOURCES) if name not in SOURCES))


def model_of(source: str, technology: str) -> Model:
    """The figures of a source that knows single parts: the shipped table, hwcomponents, or what a package adds.

    Args:
        source: a name of `source_names`, but ``accelergy``.
        technology: whose table is meant.

    Raises:
        PluginError: if what a package adds lacks something.
    """
    if source == "table":
        return load_table(technology)
    if source == "hwcomponents":
        return HwModel()
    made = plugins.load(plugins.ENERGY_SOURCES, source)()
    model: Model = plugins.complete(made, Model, f"source of energies {source}")
    return model
