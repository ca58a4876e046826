"""What is published of the paper's study beside what is found here, figure by figure."""

from __future__ import annotations

from collections.abc import Iterator
from math import isnan

import pandas as pd

from flexloop.arch.spec import ArchSpec
from flexloop.classes import FULLY_FLEXIBLE, FlexClass
from flexloop.integers import ceil_div
from flexloop.report.gains import rows_with_gains
from flexloop.results.table import Results
from flexloop.studies.futureproof import FutureProof
from flexloop.studies.kao import LATER, Published, published
from flexloop.studies.papertables import GAIN, class_table, gains_of, means
from flexloop.tables.lattice import comparable
from flexloop.tables.totals import geomean


def figures_table(latency: Results, future: FutureProof | None) -> pd.DataFrame:
    """The abstract's figure, those of the authors' program as measured, and ours, one row each."""
    known = published()
    rows = [*_class_figures(latency, known), *_future_figures(latency, future, known), *_search_figures(latency, known)]
    return pd.DataFrame(rows, columns=["figure", "O-P-S-T", "published", "ours", "ours by layer"])


Figure = tuple[str, str, str, str, str]


def _class_figures(latency: Results, known: Published) -> Iterator[Figure]:
    over_networks, over_layers = class_table(latency).set_index("class"), _layer_means(latency)
    for base, speedups in known.speedups.items():
        if base not in over_networks:
            continue
        for name, speedup in speedups.items():
            ours, by_layer = over_networks[base][name], over_layers[base, name]
            yield f"{base} {name}", FlexClass.parse(name).opst, _text(speedup), _text(ours), _text(by_layer)


def _layer_means(results: Results) -> pd.Series:
    """Geometric means of the layers' gains, each shape of a network once, by base and class."""
    rows = rows_with_gains(results)
    return rows.groupby(["arch", "class"])[GAIN[str(rows["objective"].iloc[0])]].agg(geomean)


def _future_figures(latency: Results, future: FutureProof | None, known: Published) -> Iterator[Figure]:
    full = FULLY_FLEXIBLE.opst
    gains = gains_of(latency)
    later = gains[gains["network"].isin(LATER) & (gains["class"] == str(FULLY_FLEXIBLE))]
    for base, speedup in known.bases.items():
        own = later.loc[later["arch"] == base, "gain"]
        if len(own) == len(LATER):
            yield f"{base} itself, six later networks", full, _text(speedup), _text(geomean(own)), ""
    if future is None:
        return
    table, mirrored, near = future.table(), future.mirrored_table(), future.near
    name = str(FULLY_FLEXIBLE)
    abstract = _text(known.abstract_gain)
    yield "abstract: over a design of 2014", full, abstract, _text(table["geomean"][name]), ""
    if not set(LATER) <= set(table.columns):
        return
    six = list(LATER)
    yield "best design for AlexNet, six later", full, _text(known.best_for_alexnet), _text(means(table, six)[name]), ""
    image = float("nan") if mirrored is None else float(means(mirrored, six)[name])
    yield "its mirror image", full, _text(known.mirror_image), _text(image), ""
    if near is not None:
        ours = near[six].apply(geomean, axis=1)
        yield (
            "other seeds; here designs within 1 %",
            full,
            _span(known.other_seeds),
            _span((ours.min(), ours.max())),
            "",
        )


def _search_figures(latency: Results, known: Published) -> Iterator[Figure]:
    classes = [FlexClass.parse(name) for name in dict.fromkeys(latency.rows["class"])]
    pairs = sum(1 for _ in comparable(classes)) * (len(latency.rows) // len(classes))
    theirs = f"{known.lattice.broken:,} of {known.lattice.pairs:,}"
    yield "pairs that break the lattice", "", theirs, f"0 of {pairs:,}", ""  # a study with one ends (`check_lattice`)
    full = latency.rows[latency.rows["class"] == str(FULLY_FLEXIBLE)]
    over = full["cycles"].astype(float) / _roofs(full, latency)
    yield "times the roofline", FULLY_FLEXIBLE.opst, _span(known.roofline), _span((over.min(), over.max())), ""


def _roofs(rows: pd.DataFrame, results: Results) -> pd.Series:
    """Cycles that the MACs alone take on all PEs, for each row."""
    pes = {name: ArchSpec.model_validate(about["spec"]).pes for name, about in results.meta["archs"].items()}
    return pd.Series(
        [ceil_div(macs, pes[a]) for a, macs in zip(rows["arch"], rows["macs"], strict=True)], index=rows.index
    )


def _span(ends: tuple[float, float]) -> str:
    return f"{_text(ends[0])} to {_text(ends[1])}"


def _text(value: float) -> str:
    return "–" if isnan(value) else f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"
