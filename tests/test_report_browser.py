"""The report in a real browser: it draws without complaint, a click shows a mapping, tables sort and filter."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pandas as pd
import pytest
from report_study import small_study
from small_archs import plain

from flexloop.report import write_report
from flexloop.report.exploration import Exploration, write_exploration_report
from flexloop.results.table import Results
from flexloop.studies.analysis import shapley
from flexloop.timeloop import yamlio
from flexloop.timeloop.mapping import Mapping

if TYPE_CHECKING:
    from selenium.webdriver import Chrome
    from selenium.webdriver.remote.webelement import WebElement

pytestmark = pytest.mark.browser

CELL = ".cell[data-layer='conv'][data-class='T1O1P1S1']"
CSS = "css selector"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    import shutil

    from selenium.webdriver import Chrome, ChromeOptions, ChromeService

    options = ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    profile = tmp_path_factory.mktemp("profile")
    for argument in (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-dev-shm-usage",
        "--disable-sync",
        "--window-size=1280,800",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options=options, service=ChromeService(shutil.which("chromedriver")))
    yield driver
    driver.quit()


@pytest.fixture
def page(browser: Chrome, tmp_path: Path) -> Chrome:
    return opened(browser, small_study(), tmp_path)


def opened(browser: Chrome, results: Results, folder: Path) -> Chrome:
    """The report of a study in the browser, which had nothing to complain of."""
    path = write_report(results, folder / "report.html")
    browser.get(path.as_uri())
    assert browser.get_log("browser") == []
    return browser


def click(page: Chrome, selector: str) -> None:
    """Click the middle of an element, as a person would."""
    from selenium.webdriver import ActionChains

    element = page.find_element(CSS, selector)
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    ActionChains(page).move_to_element(element).click().perform()


def texts(page: Chrome, selector: str) -> list[str]:
    """The text of each element found, hidden ones included."""
    return [str(element.get_attribute("textContent")) for element in page.find_elements(CSS, selector)]


def panel(page: Chrome) -> WebElement:
    """The panel that holds the winning mapping."""
    return page.find_element(CSS, "#mapping")


def test_every_figure_is_drawn_and_nothing_is_fetched(page: Chrome) -> None:
    assert len(page.find_elements(CSS, "#lattice .node")) == 16
    assert len(page.find_elements(CSS, "#lattice .edge")) == 32
    assert len(page.find_elements(CSS, "#heatmap .cell")) == 3 * 16
    assert len(page.find_elements(CSS, "#bars .bar")) == 3 * 16, "two networks and their mean"
    assert len(page.find_elements(CSS, "#energy .clickable")) == 16
    assert len(page.find_elements(CSS, "#roofline .dot.to[role=button]")) == 3
    assert page.execute_script("return performance.getEntriesByType('resource').length") == 0


def test_a_click_on_a_cell_shows_its_mapping_as_a_loop_nest(page: Chrome) -> None:
    assert not panel(page).is_displayed()
    click(page, CELL)
    assert panel(page).is_displayed()
    shown = [line.strip().split("  #")[0] for line in texts(page, "#mapping .nest .for, #mapping .nest .par")]
    assert shown == loops_of("convolutions", "T1O1P1S1", "conv")
    assert "timeloop-model mappings/plain4/convolutions/T1O1P1S1/conv/*.yaml" in panel(page).text
    page.find_element(CSS, "#mapping .close").click()
    assert not panel(page).is_displayed()


def loops_of(network: str, flexclass: str, layer: str) -> list[str]:
    """The loops of a winning mapping's file, outermost first, in the report's words."""
    text = small_study().mappings["plain4", network, flexclass, layer]["map.yaml"]
    found = []
    for level in reversed(Mapping.from_directives(yamlio.load(text)["mapping"]).levels):
        found += [f"for {d.lower()} in 0:{n}" for d, n in reversed(level.loops)]
        for loops in (level.x_loops, level.y_loops):
            found += [f"par-for {d.lower()} in 0:{n}" for d, n in reversed(loops)]
    return found


def test_arrow_keys_walk_over_the_cells(page: Chrome) -> None:
    from selenium.webdriver.common.keys import Keys

    click(page, CELL)
    page.find_element(CSS, f"{CELL}.chosen").send_keys(Keys.ARROW_DOWN)
    assert "depthwise" in page.find_element(CSS, "#mapping h3").text
    page.switch_to.active_element.send_keys(Keys.ARROW_LEFT)
    assert page.find_element(CSS, ".cell.chosen").get_attribute("data-class") == "T1O1P1S0"
    page.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert not panel(page).is_displayed()


def test_headings_sort_both_ways(page: Chrome) -> None:
    column = "#cells-table td:nth-child(6)"
    cycles = small_study().rows["cycles"]
    click(page, "#cells-table th:nth-child(6) span")
    assert [int(text) for text in texts(page, column)] == sorted(int(c) for c in cycles)
    assert page.find_element(CSS, "#cells-table th:nth-child(6)").get_attribute("aria-sort") == "ascending"
    click(page, "#cells-table th:nth-child(6) span")
    assert [int(text) for text in texts(page, column)] == sorted((int(c) for c in cycles), reverse=True)


def test_the_filter_keeps_rows_with_every_word(page: Chrome) -> None:
    page.find_element(CSS, "#cells-table input").send_keys("depthwise T1O1P1S0")
    assert texts(page, "#cells-table tbody td:nth-child(2)") == ["depthwise"]
    assert texts(page, "#cells-table tbody td:nth-child(3)") == ["T1O1P1S0"]
    assert "1 of 80 rows" in page.find_element(CSS, "#cells-table [role=status]").text


def test_a_row_of_the_table_opens_its_mapping(page: Chrome) -> None:
    page.find_element(CSS, "#cells-table input").send_keys("down T0O0P0S0")
    click(page, "#cells-table tbody tr")
    assert page.find_element(CSS, "#mapping h3").text.startswith("down")
    assert texts(page, "#heatmap .cell.chosen") != [], "the network of the row is shown"


def test_gain_network_and_class_can_be_chosen(page: Chrome) -> None:
    speedups: Any = small_study().speedups().set_index(["network", "class"])
    for button, gain in (("energy gain", "energy_gain"), ("EDP gain", "edp_gain"), ("speedup", "speedup")):
        page.find_element("xpath", f"//nav//button[text()='{button}']").click()
        page.find_element(CSS, "nav select option[value=linear]").click()
        shown = page.find_element(CSS, ".node[data-class=T1O1P1S1] .value").get_attribute("textContent")
        assert shown == f"{speedups.loc[('linear', 'T1O1P1S1'), gain]:.2f}×"
    click(page, ".node[data-class=T0O1P0S0]")
    assert page.find_element(CSS, ".node.chosen").get_attribute("data-class") == "T0O1P0S0"
    assert "T0O1P0S0" in page.find_element(CSS, "#roofline").text


def test_hostile_names_and_missing_results_do_no_harm(browser: Chrome, tmp_path: Path) -> None:
    evil = "<img src=x onerror=document.title='broken'></script>"
    rows: Any = small_study().rows.assign(network=evil, layer=evil)
    rows = rows[rows["class"].isin(["T0O0P0S0", "T1O1P1S1"])].drop_duplicates("class").reset_index(drop=True)
    rows["cycles"] = rows["cycles"].astype(float)
    rows.loc[0, ["status", "reason", "cycles"]] = ["unmappable", evil, float("nan")]
    page = opened(browser, Results(rows, {evil: evil}), tmp_path)
    click(page, ".cell[data-class=T0O0P0S0]")
    assert evil in panel(page).text
    assert page.title.startswith(evil)
    assert page.get_log("browser") == []


def test_one_class_alone_makes_a_report(browser: Chrome, tmp_path: Path) -> None:
    rows = small_study().rows
    page = opened(browser, replace(small_study(), rows=rows[rows["class"] == "T1O0P1S0"]), tmp_path)
    assert len(page.find_elements(CSS, ".node.absent")) == 15
    click(page, ".node.absent")
    assert page.find_element(CSS, ".node.chosen").get_attribute("data-class") == "T1O0P1S0"


def test_areas_may_be_known_for_some_classes_only(browser: Chrome, tmp_path: Path) -> None:
    about = small_study().meta["archs"]["plain4"]
    few = {**about, "area_mm2": {"T0O0P0S0": about["area_mm2"]["T0O0P0S0"]}}
    study = replace(small_study(), meta={**small_study().meta, "archs": {"plain4": few}})
    page = opened(browser, study, tmp_path)
    page.find_element(CSS, "#totals-table input").send_keys("linear")
    areas = texts(page, "#totals-table tbody td:nth-child(11)")
    assert areas == [f"{about['area_mm2']['T0O0P0S0']:.6f}", *["–"] * 15], "four digits of 0.003591 mm2"


def test_another_arch_can_be_chosen(browser: Chrome, tmp_path: Path) -> None:
    rows = small_study().rows
    slower = rows.assign(arch="slow", cycles=2 * rows["cycles"], edp=2 * rows["edp"])
    study = replace(small_study(), rows=pd.concat([rows, slower], ignore_index=True))
    page = opened(browser, study, tmp_path)
    assert texts(page, "#totals-table tbody td.arch") == ["plain4"] * 32 + ["slow"] * 32
    assert len(page.find_elements(CSS, "#roofline .dot.to[role=button]")) == 3
    page.find_element(CSS, "nav select option[value=slow]").click()
    assert len(page.find_elements(CSS, "#heatmap .cell")) == 3 * 16
    assert "its roofs are unknown" in page.find_element(CSS, "#roofline").text  # the study has no spec of that name
    assert browser.get_log("browser") == []


def test_it_prints(page: Chrome) -> None:
    click(page, CELL)
    printed: Any = page.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
    assert len(printed["data"]) > 50_000
    assert page.get_log("browser") == []


def test_each_axis_is_worth_what_the_analysis_says(page: Chrome) -> None:
    page.find_element("xpath", "//nav//button[text()='energy gain']").click()
    page.find_element(CSS, "nav select option[value=linear]").click()
    gains: Any = small_study().speedups().set_index(["network", "class"])["energy_gain"]["linear"]
    shapley_values = shapley(replace(small_study(), rows=small_study().rows.assign(objective="energy")))
    factors = shapley_values[shapley_values["network"] == "linear"].set_index("axis")["factor"]
    shown = texts(page, ".worth tbody td")
    for row, axis in enumerate("TOPS"):
        alone, last = gains["T0O0P0S0".replace(axis + "0", axis + "1")], gains["T1O1P1S1"]
        last /= gains["T1O1P1S1".replace(axis + "1", axis + "0")]
        assert shown[4 * row : 4 * row + 3] == [f"{gain:.2f}×" for gain in (alone, last, factors[axis])]


def test_an_exploration_is_drawn_and_a_dot_shows_its_design(browser: Chrome, tmp_path: Path) -> None:
    costs = {"cycles": [100, 80, 120], "energy_pj": [5e3, 9e3, 9.5e3], "area_mm2": [2.0, 3.0, 4.0]}
    knobs = {
        "array_x": [4, 8, 8],
        "array_y": [4, 8, 8],
        "pes": [16, 64, 64],
        "buffer": [1, 1, 2],
        "spad": 1,
        "bandwidth": 1,
    }
    classes = {"class": ["T0O0P0S0", "T1O0P1S0", "T1O1P1S1"], "front": [True, True, False], "proved": True}
    trials = pd.DataFrame({"trial": [0, 1, 5], **classes, **costs, **knobs, "area_flexibility_mm2": [0.0, 0.1, 0.2]})
    meta = {
        "arch": {"name": "small"},
        "networks": [{"name": "<i>net</i>"}],
        "area_budget_mm2": 5.0,
        "space": {},
        "classes": [],
    }
    path = write_exploration_report(Exploration(trials, meta), tmp_path / "exploration.html")
    browser.get(path.as_uri())
    assert len(browser.find_elements(CSS, "#pareto .dot.front")) == 3 * 2
    assert len(browser.find_elements(CSS, "#pareto .dot.beaten")) == 3 * 1
    click(browser, "#pareto .dot.front[data-trial='1']")
    assert "Design 1, on the front" in browser.find_element(CSS, "#design").text
    assert "T1O0P1S0" in browser.find_element(CSS, "#design").text
    assert "<i>net</i>" in browser.find_element(CSS, "h1").text
    assert browser.get_log("browser") == []


def resized(browser: Chrome, width: int, scheme: str = "light") -> None:
    """Give the page a screen so wide, in a colour scheme."""
    screen = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    preferred = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", preferred)


@pytest.fixture
def restored(browser: Chrome) -> Iterator[Chrome]:
    """The browser, whose screen and scheme are put back afterwards."""
    yield browser
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def saved(page: Chrome, selector: str, folder: Path, name: str) -> str:
    """What a click on a download button saves."""
    folder.mkdir(exist_ok=True)
    page.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)})
    click(page, selector)
    for _ in range(100):
        if (folder / name).is_file():
            return (folder / name).read_bytes().decode()
        time.sleep(0.05)
    raise AssertionError(f"{selector} saved {[file.name for file in folder.iterdir()]}, not {name}")


def test_each_table_is_saved_as_csv_with_whole_figures(page: Chrome, tmp_path: Path) -> None:
    page.find_element(CSS, "#cells-table input").send_keys("conv T1O1P1S1")
    text = saved(page, "#cells-table .download", tmp_path / "saved", "plain4-layers.csv")
    table: Any = pd.read_csv(StringIO(text)).set_index("layer")
    rows: Any = small_study().rows.set_index(["layer", "class"])
    row = rows.loc[("conv", "T1O1P1S1")]
    assert table.loc["conv", ["cycles", "energy_pj"]].tolist() == pytest.approx([row["cycles"], row["energy_pj"]], 1e-7)
    assert list(table["class"].unique()) == ["T1O1P1S1"], "what the filter keeps"
    tables, buttons = page.find_elements(CSS, "table.plain"), page.find_elements(CSS, "p.downloads .download")
    assert len(buttons) == len(tables) + 6, "each plain table and each of the six figures"
    worth = saved(page, "#axes .download", tmp_path / "worth", "plain4-axes.csv")
    assert worth.splitlines()[0] == "axis,alone,last,Shapley,share"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_each_figure_is_saved_as_svg_that_needs_no_page(restored: Chrome, tmp_path: Path, scheme: str) -> None:
    resized(restored, 1366, scheme)
    page = opened(restored, small_study(), tmp_path)
    for figure, name in (
        ("lattice", "lattice"),
        ("heatmap", "heatmap-convolutions"),
        ("roofline", "roofline-convolutions"),
    ):
        button = f"#{figure} > .downloads .download"
        text = saved(page, button, tmp_path / figure, f"plain4-{name}.svg")
        root = ElementTree.fromstring(text)  # noqa: S314 - our own
        assert "var(" not in text and "class=" not in text
        assert "rgb(26, 29, 33)" in text, "light ink in either scheme"
        titles = [title.text or "" for title in root.iter("{http://www.w3.org/2000/svg}title")]
        assert any("T1O1P1S1" in title for title in titles), "tips stay as titles"


def test_a_tip_never_outlives_its_cell(page: Chrome) -> None:
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.keys import Keys

    tip = page.find_element(CSS, "#tip")

    def point_at(selector: str) -> None:
        moved = "new MouseEvent('mousemove', {bubbles: true, clientX: 300, clientY: 300})"
        page.execute_script(f"document.querySelector(arguments[0]).dispatchEvent({moved})", selector)
        assert tip.is_displayed()

    for end in (
        lambda: page.execute_script("document.querySelector('nav button').click()"),  # draws the figures anew
        lambda: page.execute_script("window.scrollBy(0, 200)"),
        lambda: ActionChains(page).send_keys(Keys.ESCAPE).perform(),
        lambda: page.execute_script("window.dispatchEvent(new Event('blur'))"),
    ):
        point_at(CELL)
        end()
        page.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
        assert not tip.is_displayed()


@pytest.mark.parametrize("width", [400, 1366])
def test_nothing_is_cut_off_at_any_width(restored: Chrome, tmp_path: Path, width: int) -> None:
    resized(restored, width)
    rows = small_study().rows
    long = rows.assign(layer=rows["layer"].replace("depthwise", "stage2.first.depthwise.with_a_long_name"))
    page = opened(restored, replace(small_study(), rows=long), tmp_path)
    assert page.execute_script("return document.body.scrollWidth <= document.documentElement.clientWidth")
    cut: Any = page.execute_script(CUT)
    assert cut == []
    assert "stage2.first.depthwise.with_a_long_name" in texts(page, "#heatmap text"), "and not only its beginning"
    assert "T1O1P1S1" in [text.replace(" ", "") for text in texts(page, "#heatmap text")]
    numbers = texts(page, "#heatmap .cell text")
    assert len(numbers) == 3 * 16, "a number in each cell"


def test_dots_on_the_roof_leave_its_name_readable(restored: Chrome, tmp_path: Path) -> None:
    resized(restored, 400)
    rows = small_study().rows
    at_the_peak = rows.assign(cycles=rows["macs"] / plain().pes)
    page = opened(restored, replace(small_study(), rows=at_the_peak), tmp_path)
    dots, covering = page.execute_script(COVERING)
    assert dots > 0
    assert covering == []


COVERING = """
const name = document.querySelector('#roofline .peak').getBoundingClientRect();
const dots = [...document.querySelectorAll('#roofline .dot')].map(dot => dot.getBoundingClientRect());
const near = dots.filter(dot => dot.right > name.left && dot.left < name.right);
return [near.length, near.filter(dot => dot.top < name.bottom - 4 && dot.bottom > name.top).map(dot => dot.left)];
"""
"""How many dots are above or below the roof's name, and where those are that cover it; 4 px of its box are below it."""


CUT = """
return [...document.querySelectorAll('main svg text')].filter(text => {
  const inside = text.ownerSVGElement.getBoundingClientRect(), box = text.getBoundingClientRect();
  const across = box.left < inside.left - 1 || box.right > inside.right + 1;
  return across || box.top < inside.top - 1 || box.bottom > inside.bottom + 1;
}).map(text => text.textContent);
"""
"""The texts of drawings that reach beyond their drawing."""


def test_ink_stands_out_in_either_scheme(restored: Chrome, tmp_path: Path) -> None:
    for scheme in ("light", "dark"):
        resized(restored, 1366, scheme)
        page = opened(restored, small_study(), tmp_path)
        click(page, CELL)
        faint: Any = page.execute_script(FAINT)
        assert faint == [], scheme
        dark = page.execute_script("return getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
        assert dark is (scheme == "dark")


FAINT = """
const linear = c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
const light = colour => {
  const [r, g, b] = colour.match(/[0-9.]+/g).slice(0, 3).map(c => linear(c / 255));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
const page = getComputedStyle(document.body).backgroundColor;
const ground = element => {
  for (; element; element = element.parentElement) {
    const colour = getComputedStyle(element).backgroundColor;
    if (!/, 0\\)$/.test(colour)) return colour;
  }
  return page;
};
const all = (selector, keep, measure) => [...document.querySelectorAll(selector)].filter(keep)
  .map(element => [element.textContent.trim().slice(0, 30), measure(element)]);
const words = all('p, h1, h2, h3, th, td, dt, dd, li, button, .line', e => e.textContent.trim() && e.offsetParent,
  e => contrast(getComputedStyle(e).color, ground(e)));
const drawn = all('main svg text', t => !t.closest('.node, .cell'), t => contrast(getComputedStyle(t).fill, page));
const boxed = all('.node:not(.absent) text, .cell text', () => true,
  t => contrast(getComputedStyle(t).fill, getComputedStyle(t.parentNode.querySelector('rect')).fill));
return [...words, ...drawn, ...boxed].filter(([, ratio]) => ratio < 3.5);
"""
"""Words whose contrast with what is behind them is below 3.5 (WCAG asks for 4.5 of small text, 3 of large)."""


def test_the_four_axes_differ_in_their_dashes(page: Chrome) -> None:
    dashes: dict[str, set[str | None]] = {axis: set() for axis in "TOPS"}
    for edge in page.find_elements(CSS, "#lattice .edge"):
        lower, upper = str(edge.get_attribute("data-tip")).split("\n")[0].split(" → ")
        (axis,) = (axis for axis in "TOPS" if f"{axis}0" in lower and f"{axis}1" in upper)
        dashes[axis].add(edge.get_attribute("stroke-dasharray"))
    assert all(len(found) == 1 for found in dashes.values())
    assert len(set.union(*dashes.values())) == 4
    assert [
        f"{axis} {name}"
        for axis, name in zip("TOPS", ("tile sizes", "loop order", "parallel dimensions", "array shape"), strict=True)
    ] == [text for text in texts(page, "#lattice text") if text[1:2] == " "]


@pytest.mark.slow
def test_no_figure_has_two_prefixes_and_every_column_one_number_of_decimals(browser: Chrome, tmp_path: Path) -> None:
    rows = small_study().rows
    large = rows.assign(energy_pj=rows["energy_pj"] * 1e6, edp=rows["edp"] * 1e12)
    page = opened(browser, replace(small_study(), rows=large), tmp_path)
    click(page, CELL)
    said = page.find_element(CSS, "main").text + panel(page).text
    assert not re.search(r"\d [kMGTPE] ?[pnµmkMG]?J", said)
    assert re.search(r"[\d⁰¹²³⁴⁵⁶⁷⁸⁹] [pnµm]?J·cycle", panel(page).text)
    for table in ("#totals-table", "#cells-table"):
        headings = texts(page, f"{table} th span")
        assert not any("_" in heading for heading in headings)
        for column, heading in enumerate(headings, start=1):
            cells = [t for t in texts(page, f"{table} td.number:nth-child({column})") if t != "–"]
            assert len({len(cell.partition(".")[2]) for cell in cells}) <= 1, heading
