"""The report in a real browser: it draws without complaint, a click shows a mapping, tables sort and filter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from report_study import small_study

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
    assert areas == [f"{about['area_mm2']['T0O0P0S0']:.4g}", *["–"] * 15]


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
