"""Engines, sources of energies and importers that another package adds by entry points."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import dedent

import pytest
from nothing_engine import NothingEngine
from small_archs import plain

import flexloop
from flexloop import plugins
from flexloop.energy.source import shipped_tables
from flexloop.energysources.choose import energy_tables
from flexloop.energysources.complete import EnergyChoice, complete_energies
from flexloop.engines.base import Engine, EngineInfo, SearchOptions
from flexloop.engines.select import EngineSettings, select_engines
from flexloop.errors import SpecError, UnknownNameError
from flexloop.importers import import_network
from flexloop.plugins import PluginError
from flexloop.running.plan import Plan
from flexloop.timeloop import yamlio

PACKAGE = """
from nothing_engine import NothingEngine
from flexloop.engines.base import EngineInfo
from flexloop.workloads.layers import Layer, Network

class Engine(NothingEngine):
    def __init__(self, settings):
        super().__init__()
        self.settings = settings

    def info(self):
        return EngineInfo("acme", "3")

class Energies:
    source, tool, digits = "flat", "acme 3", 6

    def energy(self, part, action, arguments):
        return 2.5

    def area(self, part):
        return 7.0

    def origin(self, part):
        return "flat"

class Importer:
    suffixes, description = (".acme", ".tflite", ".yaml"), "an acme model"

    def read(self, path, sizes):
        return Network(name="acme", layers=(Layer(name="a", C=sizes.get("c", 3)), Layer(name="b", C=sizes.get("c", 3))))

class Partial:
    def __init__(self, *settings):
        self.suffixes = (".half",)
"""

ENTRY_POINTS = """
[flexloop.engines]
acme = acme_flexloop:Engine
embedded = acme_flexloop:Engine
half = acme_flexloop:Partial
gone = acme_flexloop.missing:Engine

[flexloop.energy_sources]
flat = acme_flexloop:Energies
half = acme_flexloop:Partial

[flexloop.importers]
acme = acme_flexloop:Importer
"""


def install(folder: Path, entry_points: str) -> None:
    """Lay a package into a folder as pip does."""
    (folder / "acme_flexloop.py").write_text(PACKAGE, encoding="utf-8")
    about = folder / "acme_flexloop-3.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-flexloop\nVersion: 3\n", encoding="utf-8")
    (about / "entry_points.txt").write_text(dedent(entry_points), encoding="utf-8")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "site-packages"
    folder.mkdir()
    install(folder, ENTRY_POINTS)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(plugins, "_added", {})
    plugins._found.cache_clear()
    yield folder
    plugins._found.cache_clear()
    sys.modules.pop("acme_flexloop", None)


def test_an_engine_of_another_package_is_chosen_by_its_name(installed: Path) -> None:
    mapper, evaluator = select_engines(EngineSettings(engine="acme"))
    assert mapper is evaluator
    assert mapper.info() == EngineInfo("acme", "3")
    results = flexloop.run("T0O0P0S0", "ncf", arch="edge256", engine="acme", jobs=1, use_store=False)
    assert set(results.rows["engine"]) == set(results.rows["mapper"]) == {"acme"}


def test_its_cells_are_kept_under_its_version(installed: Path) -> None:
    def digest() -> str:
        engine = select_engines(EngineSettings(engine="acme"))[0]
        return Plan(plain(), shipped_tables(plain()), engine, engine, SearchOptions(), "templates").digest

    before = digest()
    assert digest() == before
    source = installed / "acme_flexloop.py"
    source.write_text(PACKAGE.replace('"acme", "3"', '"acme", "four"'), encoding="utf-8")
    del sys.modules["acme_flexloop"]
    assert digest() != before


def test_a_package_does_not_replace_an_engine_of_flexloops(installed: Path) -> None:
    assert type(select_engines(EngineSettings(engine="embedded"))[0]).__module__ == "flexloop.engines.embedded"


def test_an_engine_that_lacks_something_is_refused_by_what_it_lacks(installed: Path) -> None:
    with pytest.raises(PluginError, match="engine half lacks evaluate, exhaustive, info, keeps_time_limit, map"):
        select_engines(EngineSettings(engine="half"))


def test_a_package_that_cannot_be_imported_is_named(installed: Path) -> None:
    with pytest.raises(PluginError, match="gone, which acme-flexloop adds to flexloop.engines, cannot be loaded"):
        select_engines(EngineSettings(engine="gone"))


def test_an_unknown_engine_is_answered_with_all_names(installed: Path) -> None:
    with pytest.raises(UnknownNameError, match="acme"):
        select_engines(EngineSettings(engine="acmee"))


def test_a_time_limit_is_refused_for_an_engine_that_keeps_none(installed: Path) -> None:
    with pytest.raises(SpecError, match="the mapper acme keeps none"):
        flexloop.run("T0O0P0S0", "ncf", engine="acme", time_limit=1.0, use_store=False)


def test_energies_of_another_package_price_arch_specs_and_timeloops_files(installed: Path) -> None:
    tables = energy_tables("flat", plain())
    assert (tables.source, tables.tool) == ("flat", "acme 3")
    energies = {action["energy"] for table in tables.ert["tables"] for action in table["actions"]}
    assert energies == {0.0, 2.5, 5.0}  # a MAC multiplies and adds; levels that only limit shares cost nothing

    config: Mapping[str, object] = yamlio.load(
        "architecture: {version: 0.4, subtree: [{name: system, local: ["
        "{name: DRAM, class: DRAM, attributes: {width: 64}}, "
        "{name: MAC, class: intmac, attributes: {datawidth: 8}}]}]}\n"
    )
    completed = complete_energies(config, [], EnergyChoice("flat"))
    assert completed.tables is not None and completed.tables.source == "flat"


def test_a_source_of_energies_that_lacks_something_is_refused(installed: Path) -> None:
    with pytest.raises(PluginError, match="source of energies half lacks area, digits, energy, origin, source, tool"):
        energy_tables("half", plain())


@pytest.mark.parametrize("suffix", [".acme", ".tflite"])
def test_an_importer_of_another_package_reads_its_files(installed: Path, tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"net{suffix}"
    file.touch()
    for network in (flexloop.load_network(file, c=5), import_network(file, {"c": 5})):
        assert [(layer.count, layer.C) for layer in network.layers] == [(2, 5)]


def test_what_flexloop_reads_itself_no_importer_takes_over(installed: Path, tmp_path: Path) -> None:
    file = tmp_path / "net.yaml"
    file.write_text("name: mine\nlayers: [{name: fc, C: 4}]\n", encoding="utf-8")
    assert flexloop.load_network(file).name == "mine"


def test_without_the_package_none_of_it_is_there(tmp_path: Path) -> None:
    (tmp_path / "net.tflite").touch()
    with pytest.raises(UnknownNameError):
        select_engines(EngineSettings(engine="acme"))
    with pytest.raises(SpecError, match="TensorFlow"):
        flexloop.load_network(tmp_path / "net.tflite")


def test_one_process_may_add_an_engine_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "_added", {})
    plugins.add(plugins.ENGINES, "nothing", lambda settings: NothingEngine())
    engine: Engine = select_engines(EngineSettings(engine="nothing"))[0]
    assert isinstance(engine, NothingEngine)
    with pytest.raises(SpecError, match="group 'engines' is none of"):
        plugins.add("engines", "nothing", NothingEngine)
