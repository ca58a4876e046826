"""The check that no result breaks the lattice of classes."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

import pandas as pd

from flexloop.classes import FlexClass
from flexloop.errors import FlexloopError
from flexloop.tables.totals import COST_COLUMN


class LatticeError(FlexloopError):
    """A more flexible class came out worse than a less flexible one, which its mapspace rules out."""


def check_lattice(rows: pd.DataFrame) -> None:
    """Hold a study to the lattice: layer by layer, a superclass never costs more than a subclass.

    Compared is the cost of the objective searched, ties aside. A layer that a class cannot map has infinite cost.

    Raises:
        LatticeError: naming the network, the layer, the two classes and their costs.
    """
    by_layer = rows[rows["status"] != "failed"].groupby(["network", "arch", "layer", "objective"], sort=False)
    for (network, _, layer, objective), group in by_layer:
        column = COST_COLUMN[str(objective)]
        costs = {
            FlexClass.parse(name): float(cost) if status == "ok" else float("inf")
            for name, cost, status in zip(group["class"], group[column], group["status"], strict=True)
        }
        _check_layer(costs, f"{network}, layer {layer}, {column}")


def comparable(classes: Iterable[FlexClass]) -> Iterator[tuple[FlexClass, FlexClass]]:
    """The pairs of classes in which the second is more flexible than the first."""
    return ((lower, upper) for lower, upper in itertools.permutations(classes, 2) if lower < upper)


def _check_layer(costs: dict[FlexClass, float], where: str) -> None:
    for lower, upper in comparable(costs):
        if costs[upper] > costs[lower]:
            raise LatticeError(
                f"{where}: class {upper} costs {costs[upper]:.6g} although its subclass {lower} costs "
                f"{costs[lower]:.6g}; this is a fault of the search, please report it with the command that you ran"
            )
