"""Energies and areas of a Timeloop design, by the source that ``--energy`` names."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

from flexloop.arch.design.model import Design
from flexloop.energy.source import EnergyTables, complete_art, complete_ert
from flexloop.energysources.complete import EnergyChoice, complete_energies
from flexloop.engines.select import EngineSettings


def design_tables(source: str, design: Design, engines: EngineSettings) -> EnergyTables:
    """The tables of a design's components, under the paths of the one list that its variants are rendered as.

    Args:
        source: ``table``, where the design's own ERT comes first, ``accelergy`` or ``hwcomponents``.
        design: the design.
        engines: how Accelergy is found.

    Raises:
        UnsupportedError: for a class of components that the source has no figures for, with the ways out.
        EngineError: if a source is missing or fails.
    """
    if source == "table" and design.ERT is not None:
        given = EnergyTables(f"the ERT of {design.name}", design.ERT, design.ART)
        return _completed(given, design)
    config: dict[str, Any] = {"architecture": design.architecture, "compound_components": design.components}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the architecture has without effect was said when it was read
        tables = complete_energies(config, [], EnergyChoice(source, engines)).tables
    assert tables is not None  # every one of these sources makes some
    return _completed(tables, design)


def _completed(tables: EnergyTables, design: Design) -> EnergyTables:
    ert = complete_ert(tables.ert, design, tables.source)
    art = None if tables.art is None else complete_art(tables.art, design, tables.source)
    return replace(tables, ert=ert, art=art)
