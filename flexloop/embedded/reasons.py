"""Why a mapping is invalid, in the words of Timeloop's last line; and what is refused though Timeloop says nothing."""

from __future__ import annotations

import numpy as np

from flexloop.embedded.arrays import Bools, Ints
from flexloop.embedded.batch import Batch
from flexloop.embedded.rules import tables as rules
from flexloop.embedded.spec import Spec
from flexloop.errors import UnsupportedError
from flexloop.timeloop.mapping import Mapping

_AT_MACS = (rules.BYPASSED_EVERYWHERE, rules.MAC_INSTANCES, rules.MAC_X, rules.MAC_Y)


def wrong_product(spec: Spec, mapping: Mapping) -> str:
    """What Timeloop says of the first dimension whose factors do not multiply to its bound; empty if all do."""
    bounds = mapping.bounds()
    for name in spec.problem.dimensions:
        product = bounds.get(name, 1)
        if product != spec.problem.bounds[name]:
            return (
                f"parsing mapping: product of all factors of dimension {name} is {product}, which is not equal to the "
                f"dimension size of the workload {spec.problem.bounds[name]}."
            )
    return ""


def require_supported(outcome: int) -> None:
    """Refuse outcomes that have no figures.

    Raises:
        UnsupportedError: for these.
    """
    if outcome == rules.BEYOND_TABLES:
        raise UnsupportedError(
            "mapping: beyond the counts that the model keeps exact; use smaller bounds or unrollings"
        )
    if outcome == rules.BELOW_ZERO:
        raise UnsupportedError(
            "mapping: less of an updated data space crosses some boundary than one instance holds for itself, so that "
            "Timeloop's counts go below zero (it prints numbers near 2^64, or stops on an assertion); it happens where "
            "loops have residuals, or where tiles of the data space have gaps or overlap"
        )


def passed_on(spec: Spec, batch: Batch, held: Bools) -> str:
    """Which data space is kept by levels alone that hand its accesses on, the outermost of them to none.

    Args:
        spec: architecture and problem.
        batch: of one mapping.
        held: bool[1, L, T] which levels hold a data space (rule 16).
    """
    t = int(np.argmin(held[0].any(axis=0)))
    levels = " and ".join(spec.level_names[p] for p in np.flatnonzero(batch.keep[0, :, t]))
    return (
        f"no_coalesce of {spec.data_space_names[t]} at {levels}: every level that keeps it hands its accesses on, so "
        "that none holds it; Timeloop stops at that on an assertion (utilized_capacity > 0); remove no_coalesce at one "
        "of these levels, or keep the data space at another one too"
    )


def reason(spec: Spec, outcome: int, failure: Ints) -> str:
    """Why a mapping is invalid.

    Args:
        spec: architecture and problem.
        outcome: of the rules, invalid but supported.
        failure: see `rules.workspace.Workspace`.
    """
    if outcome == rules.UNSHARED_RESIDUAL:
        return (
            "a spatial loop has a residual, but no loop over its dimension stands outside it, so that its last pass is "
            "the only one; write the residual as its factor"
        )
    if outcome in _AT_MACS:
        return f"couldn't map level {spec.mac.name}: {_macs(outcome, *failure[1:3])}"
    level, asked, present, over, *mesh = (int(n) for n in failure)
    if outcome in (rules.TILE_TOO_LARGE, rules.TILE_TOO_SMALL):
        text = _tile(spec, level, outcome, asked, present)
        text += _mesh(over, *mesh) if over else ""  # Timeloop writes the one right behind the other
    else:
        text = _mesh(outcome - rules.LEVEL_INSTANCES + 1, asked, present)
    return f"couldn't map level {spec.level_names[level]}: {text}"


def _macs(outcome: int, asked: int, present: int) -> str:
    if outcome == rules.BYPASSED_EVERYWHERE:
        return "one of the tensors is bypassed in all storage levels"
    what = {rules.MAC_INSTANCES: "instances", rules.MAC_X: "X expansion", rules.MAC_Y: "Y expansion"}[outcome]
    return f"mapped max Arithmetic {what} {asked} exceeds hardware instances {present}"


def _tile(spec: Spec, level: int, outcome: int, asked: int, present: int) -> str:
    storage = spec.levels[level]
    if outcome == rules.TILE_TOO_SMALL:
        least = present * storage.min_utilization
        return f"mapped tile size {asked} is less than constrained minimum utilization {least:g}"
    if storage.allow_overbooking:  # said once for each data space
        text = "best tile confidence is less than constrained minimum tile confidence 0"
        return text * len(spec.data_space_names)
    return f"mapped tile size {asked} exceeds buffer capacity {present}"


def _mesh(over: int, asked: int, present: int) -> str:
    """``over`` is what `rules.nest.fits_mesh` returns."""
    what = {1: "instances", 2: "X expansion", 3: "Y expansion"}[over]
    return f"mapped {what} {asked} exceeds available hardware instances {present}"
