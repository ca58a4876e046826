"""Results of another tool beside ours, cell by cell: what it has more, what no machine can have, where it breaks.

Its table is a CSV of columns base, class, network, layer and latency (cycles). A figure below the roofline, the MACs on
all PEs and every word moved once, is none that the hardware could reach. Freeing an axis never makes the best mapping
worse; where a tool's figure for the more flexible class is the greater one, its search has missed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from flexloop.arch.spec import ArchSpec
from flexloop.classes import FlexClass
from flexloop.errors import SpecError, UnknownNameError
from flexloop.results.table import Results
from flexloop.studies.leastcost import least_cycles
from flexloop.tables.lattice import comparable
from flexloop.tables.totals import geomean
from flexloop.workloads.layers import Network

COLUMNS = ("base", "class", "network", "layer", "latency")
"""Columns that the table of another tool must have, in any order; others do not count."""

NOTABLE = 1.1
"""A more flexible class that is slower by more than this factor has its own count."""

_OPST = re.compile(r"(?:O?([01])P?([01])S?([01])T?([01]))", re.IGNORECASE)


@dataclass(frozen=True)
class OtherTool:
    """Two tools' latencies.

    Attributes:
        cells: one row a cell of the other tool: base, network, layer, class, its letters as O-P-S-T, theirs, ours,
            ratio (theirs over ours), roofline (cycles that no mapping undercuts), below_roofline.
        broken: pairs of classes on a layer in which the more flexible one is slower: base, network, layer, lower,
            upper, both latencies, and factor.
        pairs: comparable pairs there are.
    """

    cells: pd.DataFrame
    broken: pd.DataFrame
    pairs: int

    def sentences(self) -> list[str]:
        """How the two compare, in words."""
        cells, below = self.cells, self.cells["below_roofline"]
        valid = cells[~below]
        said = [
            f"{len(cells):,} cells of another tool beside ours; {int(below.sum()):,} of its figures lie below the "
            f"roofline, which no mapping can."
        ]
        if len(valid):
            said.append(
                f"The others are {geomean(valid['ratio']):.2f} times ours (geometric mean; {valid['ratio'].min():.2f} "
                f"to {valid['ratio'].max():.2f})."
            )
        notable = int((self.broken["factor"] > NOTABLE).sum())
        said.append(
            f"In {len(self.broken):,} of {self.pairs:,} pairs of its classes the more flexible one is slower, in "
            f"{notable:,} by more than {NOTABLE - 1:.0%}: there its search has missed. In ours none is."
        )
        return said

    def tables(self) -> dict[str, pd.DataFrame]:
        """By caption: geometric means by base and class, and the pairs that break the lattice, the worst first."""
        caption = "Another tool beside ours, geometric means by class (figures below the roofline left out)"
        tables = {caption: self.means()}
        if len(self.broken):
            worst = self.broken.sort_values("factor", ascending=False).head(10)
            tables["Where it breaks the lattice, the ten worst pairs"] = worst
        return tables

    def means(self) -> pd.DataFrame:
        """Theirs over ours by base and class: columns base, class, O-P-S-T, cells, ratio."""
        valid = self.cells[~self.cells["below_roofline"]]
        keys = ["base", "class", "O-P-S-T"]
        grouped = valid.groupby(keys, sort=False)["ratio"]
        return grouped.agg(cells="size", ratio=geomean).reset_index()


def compare_latencies(path: Path, results: Results, networks: Sequence[Network]) -> OtherTool:
    """Lay another tool's latencies beside ours.

    Args:
        path: its CSV (see `COLUMNS`). Classes are named as here, ``T1O0P1S0``, or in the order of the paper's authors,
            ``O0P1S0T1`` or ``0101``.
        results: ours, in latency.
        networks: what they were run on.

    Raises:
        SpecError: if the file is no such table, or has a cell twice or one that was not run.
        UnknownNameError: for a name that is none of the study's.
    """
    cells = _compared(path, read_cells(path), results, networks)
    broken, pairs = _lattice(cells)
    return OtherTool(cells, broken, pairs)


def class_of(text: str) -> FlexClass:
    """A class by its name in either order of the letters.

    >>> str(class_of("0101")), str(class_of("T1O0P1S0"))
    ('T1O0P1S0', 'T1O0P1S0')
    """
    match = _OPST.fullmatch(text.strip())
    if match is None:
        return FlexClass.parse(text)
    order, parallel, shape, tiles = match.groups()
    return FlexClass.parse(f"T{tiles}O{order}P{parallel}S{shape}")


def read_cells(path: Path) -> pd.DataFrame:
    """The table of another tool, its classes under their names here and the line of each cell (SpecError if wrong)."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, skipinitialspace=True)
    except (OSError, ValueError) as error:
        raise SpecError(f"{path}: no table of another tool ({error}); give a CSV of {', '.join(COLUMNS)}") from error
    if missing := [column for column in COLUMNS if column not in table.columns]:
        raise SpecError(f"{path}: no column {missing[0]!r}; the columns are {', '.join(COLUMNS)}")
    rows = [_row(path, line, row) for line, row in enumerate(table.to_dict("records"), start=2)]
    cells = pd.DataFrame.from_records(rows, columns=[*COLUMNS, "line"])
    if len(twice := cells[cells.duplicated(list(COLUMNS[:4]))]):
        raise SpecError(f"{path}: line {twice['line'].iloc[0]}: that cell stands twice; keep one")
    return cells


def _row(path: Path, line: int, row: dict[Any, Any]) -> dict[str, Any]:
    try:
        latency = float(row["latency"])
    except ValueError:
        latency = math.nan
    if not 0 < latency < math.inf:
        raise SpecError(f"{path}: line {line}: latency is {row['latency']!r}; give cycles above 0")
    named = {column: str(row[column]).strip() for column in COLUMNS[:4]}
    named["class"] = str(class_of(named["class"]))
    return {**named, "latency": latency, "line": line}


def _check_names(path: Path, theirs: pd.DataFrame, results: Results) -> None:
    for column, ours in (("base", "arch"), ("network", "network"), ("layer", "layer"), ("class", "class")):
        known = dict.fromkeys(map(str, results.rows[ours]))
        for name, line in zip(theirs[column], theirs["line"], strict=True):
            if name not in known:
                raise UnknownNameError(column, name, known, f"({path}, line {line})")


def _compared(path: Path, theirs: pd.DataFrame, results: Results, networks: Sequence[Network]) -> pd.DataFrame:
    _check_names(path, theirs, results)
    keys = ["base", "network", "layer", "class"]
    ours = results.rows.rename(columns={"arch": "base"}).set_index(keys)["cycles"]
    layers = {(net.name, layer.name): layer for net in networks for layer in net.layers}
    archs = {name: ArchSpec.model_validate(about["spec"]) for name, about in results.meta["archs"].items()}
    rows = []
    for cell in theirs.to_dict("records"):
        key = tuple(cell[k] for k in keys)
        if key not in ours.index:
            raise SpecError(f"{path}: line {cell['line']}: network {cell['network']} has no layer {cell['layer']}")
        mine = float(ours[key])
        roof = least_cycles(archs[cell["base"]], layers[cell["network"], cell["layer"]])
        letters = FlexClass.parse(cell["class"]).opst
        row = {**{k: cell[k] for k in keys}, "O-P-S-T": letters, "theirs": cell["latency"], "ours": mine}
        below = cell["latency"] < roof
        rows.append({**row, "ratio": cell["latency"] / mine, "roofline": roof, "below_roofline": below})
    return pd.DataFrame.from_records(rows)


def _lattice(cells: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """The pairs that break the lattice, and how many pairs there are."""
    broken, pairs = [], 0
    for place, group in cells.groupby(["base", "network", "layer"], sort=False):
        found = {FlexClass.parse(name): t for name, t in zip(group["class"], group["theirs"], strict=True)}
        for lower, upper in comparable(found):
            pairs += 1
            if found[upper] > found[lower]:
                slower = found[upper] / found[lower]
                broken.append((*place, str(lower), str(upper), found[lower], found[upper], slower))
    columns = ["base", "network", "layer", "lower", "upper", "latency lower", "latency upper", "factor"]
    return pd.DataFrame.from_records(broken, columns=columns), pairs
