"""The best single mapping of a Timeloop design for a network: what a rigid machine made for it would have wired in."""

from __future__ import annotations

from dataclasses import replace

from flexloop.arch.design.model import Design
from flexloop.arch.design.rigid import pinned_by
from flexloop.classes import RIGID
from flexloop.errors import UnmappableError
from flexloop.studies.analysis import cost_column
from flexloop.study import StudyOptions, run_study
from flexloop.workloads.layers import Network


def rigid_for(design: Design, network: Network, options: StudyOptions | None = None) -> Design:
    """The design with everything that it leaves open pinned to the best of its layers' best mappings.

    Every layer's best mapping as the design stands is tried on all layers; the one whose network costs least counts.

    Args:
        design: the design.
        network: the network.
        options: the objective, and how the layers' best mappings are searched.

    Raises:
        UnmappableError: if none of these mappings maps the whole network.
    """
    options = options or StudyOptions()
    found = run_study(RIGID, network, design, options)
    best: tuple[float, Design] | None = None
    quick = replace(options, use_store=False)
    for layer in found.rows.loc[found.rows["status"] == "ok", "layer"]:
        source = f"the best mapping of {network.name}'s layer {layer} for {options.objective}"
        candidate = pinned_by(design, found.mapping(str(layer)), source)
        results = run_study(RIGID, network, candidate, quick)
        cost = float(results.totals[cost_column(results)].iloc[0])
        if cost == cost and (best is None or cost < best[0]):
            best = (cost, candidate)
    if best is None:
        raise UnmappableError(f"no single mapping of {design.name} maps all layers of {network.name}")
    return best[1]
