"""The report: gains, roofs, the data behind the figures, HTML that nothing in the results can break, static figures."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.text import Text
from report_study import small_study
from small_archs import plain
from typer.testing import CliRunner

import flexloop
from flexloop.classes import FlexClass, all_classes
from flexloop.cli import app
from flexloop.errors import OutputError, SpecError
from flexloop.lattice import lines, positions
from flexloop.report import render_report, write_figures, write_report
from flexloop.report.data import energy_levels, report_data
from flexloop.report.findings import with_findings
from flexloop.report.gains import rows_with_gains
from flexloop.report.labels import round_ticks
from flexloop.report.provenance import provenance
from flexloop.report.roofline import attained, roofs
from flexloop.results.table import Results
from flexloop.tables.study import mean_gains


def only(results: Results, *classes: str) -> Results:
    """The rows of some classes."""
    return replace(results, rows=results.rows[results.rows["class"].isin(classes)].reset_index(drop=True))


def on(results: Results, network: str) -> Results:
    """The rows of one network."""
    return replace(results, rows=results.rows[results.rows["network"] == network].reset_index(drop=True))


def without(results: Results, layer: str, flexclass: str) -> Results:
    """The same study, one cell of it unmappable."""
    rows = results.rows.copy()
    cell = (rows["layer"] == layer) & (rows["class"] == flexclass)
    figures = ["cycles", "energy_pj", "edp", "utilization", "array_x", "array_y", "padded_macs"]
    rows[figures] = rows[figures].astype(float)
    rows.loc[cell, figures] = float("nan")
    rows.loc[cell, ["status", "reason"]] = ["unmappable", "the tile of Weights does not fit"]
    return replace(results, rows=rows)


def data_of(page: str) -> Any:
    """The data inside a report of one arch."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    (study,) = json.loads(found[1])["studies"]
    return study


def test_hasse_diagram_has_32_lines_that_each_free_one_axis() -> None:
    places = positions(all_classes())
    assert len(lines(all_classes())) == 32
    for lower, upper in lines(all_classes()):
        assert places[upper][1] == places[lower][1] + 1
        assert sum(a != b for a, b in zip(lower.degrees, upper.degrees, strict=True)) == 1
    assert len(lines(all_classes(degrees=True))) == 4 * 2 * 27


@given(st.sets(st.sampled_from(all_classes(degrees=True)), min_size=1, max_size=12))
def test_any_selection_of_classes_is_drawn_with_its_whole_order(points: set[FlexClass]) -> None:
    reachable = {point: {point} for point in points}
    for lower, upper in sorted(lines(points), key=lambda line: -line[0].rank):
        reachable[lower] |= reachable[upper]
    assert all((upper in reachable[lower]) == (lower <= upper) for lower in points for upper in points)
    assert len(set(positions(points).values())) == len(points)


def test_gains_are_ratios_to_the_rigid_class() -> None:
    table: Any = rows_with_gains(small_study()).set_index(["network", "layer", "class"])
    for (network, layer, _), row in table.iterrows():
        rigid = table.loc[(network, layer, "T0O0P0S0")]
        assert row["speedup"] == rigid["cycles"] / row["cycles"]
        assert row["edp_gain"] >= 1, "EDP was searched, so a superclass cannot cost more"


def test_means_are_geometric_over_networks() -> None:
    speedups = small_study().speedups()
    mine = speedups.loc[speedups["class"] == "T1O1P1S1", "speedup"]
    mean = mean_gains(small_study()).set_index("class").loc["T1O1P1S1", "speedup"]
    assert mean == pytest.approx((mine.iloc[0] * mine.iloc[1]) ** 0.5)


def test_without_the_rigid_class_the_least_flexible_one_is_the_baseline() -> None:
    assert str(only(small_study(), "T1O0P1S0", "T1O1P1S1").baseline) == "T1O0P1S0"


def test_no_layer_is_above_a_roof() -> None:
    rows = small_study().rows
    for roof in roofs(plain()):
        limit = (roof.intensity(rows) * roof.bandwidth).clip(upper=roof.peak)
        assert (attained(rows) <= limit * (1 + 1e-9)).all(), roof.level


def test_energy_levels_are_listed_from_the_outside_and_add_up() -> None:
    levels = energy_levels(small_study())
    assert levels == ["DRAM", "GlobalBuffer", "Spad", "MAC"]
    rows = small_study().rows
    assert rows[[f"energy_pj_{level}" for level in levels]].sum(axis=1).to_numpy() == pytest.approx(rows["energy_pj"])


def test_data_in_the_page_is_that_of_the_results() -> None:
    data = data_of(render_report(small_study()))
    assert [data] == json.loads(json.dumps(report_data(small_study())))["studies"]
    assert data["cells"]["cycles"] == [int(c) for c in small_study().rows["cycles"]]
    assert len(data["lattice"]["lines"]) == 32


def test_what_a_study_concludes_is_kept_with_it_and_shown(tmp_path: Path) -> None:
    table = pd.DataFrame({"axis": ["T", "<b>O</b>"], "gain": [3.456, float("nan")]})
    study = with_findings(small_study(), "Worth of the axes", ["Tiles matter most."], {"Gains": table})
    page = render_report(flexloop.load(study.save(tmp_path / "out")))
    section = page[page.index('<section id="findings">') :].split("</section>")[0]
    assert "<h2>Worth of the axes</h2>" in section
    assert "<li>Tiles matter most.</li>" in section
    assert '<th scope="col">axis</th><th scope="col" class="number">gain</th>' in section
    assert '<td class="number">3.46</td>' in section and '<td class="number">–</td>' in section
    assert "&lt;b&gt;O&lt;/b&gt;" in section
    assert '<section id="findings">' not in render_report(small_study())


def test_a_cell_without_a_result_is_shown_with_its_reason_and_no_total_is_invented() -> None:
    study = without(small_study(), "conv", "T0O0P0S0")
    data = data_of(render_report(study))
    at = data["cells"]["status"].index("unmappable")
    assert data["cells"]["reason"][at] == "the tile of Weights does not fit"
    assert data["cells"]["speedup"][at] is None
    totals = list(zip(data["totals"]["network"], data["totals"]["class"], data["totals"]["speedup"], strict=True))
    assert data["baseline"] != "T0O0P0S0"  # the least flexible class that maps every layer
    missing = [(network, name) for network, name, speedup in totals if speedup is None]
    assert missing == [("convolutions", "T0O0P0S0")]
    assert any("1 cells have no result" in sentence for sentence in provenance(study).assumptions)


def test_names_in_the_results_cannot_become_markup_or_code() -> None:
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\u2028"
    rows = small_study().rows.assign(network=evil, layer=evil, reason=evil, arch=evil)
    page = render_report(Results(rows, {"command": ["flexloop", evil], evil: evil}))
    assert "alert(1)</script>" not in page
    assert "<img src=x" not in page
    assert page.count("<script") == 2
    assert data_of(page)["networks"] == [evil]


def test_the_page_may_load_nothing_and_run_only_its_own_script() -> None:
    page = render_report(small_study())
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    allowed = html.unescape(policy[1])
    assert allowed.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "unsafe" not in allowed
    assert "http" not in allowed
    outside = set(re.findall(r"""(?:src|href)=["']([^"']*)""", page))
    assert outside == {"data:,"}


def test_the_page_tells_how_to_repeat_it() -> None:
    study = replace(
        small_study(), meta=small_study().meta | {"command": ["/usr/bin/flexloop", "compare", "--net", "a b"]}
    )
    page = html.unescape(render_report(study))
    assert "flexloop compare --net 'a b'" in page
    assert "/usr/bin" not in provenance(study).command
    for fact in (str(study.meta["engine_version"]), str(study.rows["ert_hash"].iloc[0]), "seed", "edge: clip"):
        assert fact in page


def test_results_without_metadata_make_a_report_all_the_same() -> None:
    data = data_of(render_report(Results(small_study().rows)))
    assert data["roofs"] == []
    assert data["levels"] == ["DRAM", "GlobalBuffer", "Spad", "MAC"]


def test_mixed_objectives_are_refused() -> None:
    rows = small_study().rows.copy()
    rows.loc[0, "objective"] = "another"
    with pytest.raises(SpecError, match="several values of objective"):
        render_report(Results(rows))


def test_several_archs_are_shown_each_by_itself_over_one_baseline() -> None:
    rows = pd.concat([small_study().rows, small_study().rows.assign(arch="other")], ignore_index=True)
    shown = report_data(Results(rows, small_study().meta))["studies"]
    assert [study["arch"] for study in shown] == [small_study().rows["arch"].iloc[0], "other"]
    assert shown[0]["totals"]["cycles"] == shown[1]["totals"]["cycles"]
    assert {study["baseline"] for study in shown} == {"T0O0P0S0"}
    assert "and other" in render_report(Results(rows))


def test_empty_results_are_refused() -> None:
    with pytest.raises(SpecError, match="no rows"):
        render_report(Results(small_study().rows.iloc[:0]))


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(OutputError, match="taken"):
        write_report(small_study(), tmp_path / "taken" / "report.html")


def test_the_command_writes_the_page_and_figures_that_are_one_column_wide_and_the_same_every_time(
    tmp_path: Path,
) -> None:
    study = on(only(small_study(), "T0O0P0S0", "T1O1P1S1"), "linear")
    first = write_figures(study, tmp_path / "first")
    folder, output, figures = study.save(tmp_path / "results"), tmp_path / "new" / "out.html", tmp_path / "second"
    answer = CliRunner().invoke(app, ["report", str(folder), "-o", str(output), "--figures", str(figures)])
    assert answer.exit_code == 0, answer.output
    assert str(output) in answer.output
    assert data_of(output.read_text(encoding="utf-8"))["classes"] == ["T0O0P0S0", "T1O1P1S1"]
    names = {path.name for path in first}
    stems = {"lattice-speedup", "networks", "layers-linear", "energy-linear", "roofline-linear"}
    assert {f"{stem}{suffix}" for stem in stems for suffix in (".svg", ".pdf")} <= names
    assert {path.name for path in figures.iterdir()} == names
    for path in first:
        assert path.read_bytes() == (figures / path.name).read_bytes()
        if path.suffix == ".svg":
            width = re.search(r'<svg [^>]*width="([\d.]+)pt"', path.read_text(encoding="utf-8"), re.DOTALL)
            assert width
            assert float(width[1]) / 72 == pytest.approx(3.3)


@pytest.mark.slow
def test_figures_of_a_study_with_gaps(tmp_path: Path) -> None:
    study = on(only(without(small_study(), "conv", "T0O0P0S0"), "T0O0P0S0", "T1O1P1S1"), "convolutions")
    assert all(path.stat().st_size > 1000 for path in write_figures(study, tmp_path))


def test_the_command_says_where_results_come_from(tmp_path: Path) -> None:
    answer = CliRunner().invoke(app, ["report", str(tmp_path)])
    assert answer.exit_code == 1
    assert "no results at" in answer.output


def test_dashes_tell_the_axes_of_the_lattice_apart() -> None:
    figure = small_study().plot.lattice()
    (legend,) = figure.legends
    named = {line.get_label(): dashes_of(line) for line in legend.get_lines()}
    assert list(named) == ["T tiles", "O order", "P parallelism", "S shape"]
    assert len(set(named.values())) == 4
    drawn = [dashes_of(line) for line in figure.axes[0].get_lines()]
    assert {pattern: drawn.count(pattern) for pattern in named.values()} == dict.fromkeys(named.values(), 8), (
        "8 edges each"
    )


def dashes_of(line: Any) -> tuple[float, ...]:
    """A line's dashes in parts of its width; none for a solid one."""
    _, dashes = line._dash_pattern
    return tuple(round(dash / line.get_linewidth(), 3) for dash in dashes or ())


def test_heat_maps_have_numbers_where_they_fit() -> None:
    def numbers(results: Results) -> list[str]:
        return [text.get_text() for text in results.plot.layers("convolutions").axes[0].texts]

    found = numbers(small_study())
    gains: Any = small_study().rows.set_index(["layer", "class"])["edp"]
    first = [
        gains["conv", "T0O0P0S0"] / gains["conv", name] for name in sorted(set(small_study().rows["class"]), key=rank)
    ]
    assert found[:16] == [f"{gain:.0f}" if gain >= 9.95 else f"{gain:.1f}" for gain in first]
    assert len(found) == 3 * 16
    assert numbers(all_degrees()) == []


def all_degrees() -> Results:
    """The study with the 81 points of the lattice, all of one cost."""
    rows = small_study().rows.drop_duplicates(["network", "layer"])
    return Results(
        pd.concat([rows.assign(**{"class": c}) for c in map(str, all_classes(degrees=True))], ignore_index=True)
    )


def test_all_degrees_take_two_columns_in_legible_type() -> None:
    for figure in (all_degrees().plot.lattice(), all_degrees().plot.layers("linear")):
        assert figure.get_figwidth() == 7
        texts: Any = [text for text in figure.findobj(Text) if isinstance(text, Text) and text.get_text().strip()]
        assert min(text.get_fontsize() for text in texts) >= 5


def rank(name: str) -> tuple[int, str]:
    """Where a class stands in a figure."""
    return FlexClass.parse(name).rank, name


@pytest.mark.parametrize("most", [3, 5, 7])
@pytest.mark.parametrize(
    ("low", "high"), [(1, 1.05), (1, 3.21), (0.93, 4.4), (1, 26.2), (0.5, 97), (5.3, 512), (1, 3e7)]
)
def test_ticks_are_round_and_few(low: float, high: float, most: int) -> None:
    ticks = round_ticks(low, high, most)
    assert 1 < len(ticks) <= most
    assert all(low * (1 - 1e-9) <= tick <= high * (1 + 1e-9) for tick in ticks)
    assert ticks == sorted(set(ticks))
    assert all(len(f"{tick:.9g}".replace(".", "").strip("0")) <= 4 for tick in ticks), "three digits after a leading 1"
    if high / low > 50:
        assert all(f"{tick:e}"[0] in "125" for tick in ticks)


def test_a_roofline_names_the_layers_furthest_below_the_roof() -> None:
    rows = small_study().rows
    slow = rows.assign(cycles=rows["cycles"].where(rows["layer"] != "depthwise", rows["cycles"] * 100))
    figure = replace(small_study(), rows=slow).plot.roofline("convolutions")
    figure.draw_without_rendering()
    texts = [text for text in figure.axes[0].texts if text.get_text() == "depthwise"]
    assert len(texts) == 2, "in both classes"
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
