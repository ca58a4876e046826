"""Archs and networks of a study: equal ones once, different ones under names of their own."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from small_archs import PLAIN, plain

from flexloop import EngineSettings, Layer, Network, StudyOptions, all_classes
from flexloop.cli.outcome import default_folder
from flexloop.errors import SpecError
from flexloop.results.table import Results
from flexloop.study import run_study
from flexloop.subjects import load_archs, load_networks

NET = Network(name="small", layers=(Layer(name="conv", C=3, M=5, R=3, P=6, count=2), Layer(name="fc", C=8, M=6)))
OPTIONS = StudyOptions(engines=EngineSettings(engine="embedded"), jobs=1, use_store=False)


def network_file(folder: Path, channels: int) -> Path:
    folder.mkdir()
    (folder / "model.yaml").write_text(f"name: model\nlayers:\n- {{name: fc, C: {channels}, M: 6}}\n")
    return folder / "model.yaml"


def test_what_is_given_twice_counts_once() -> None:
    once = run_study(["T0O0P0S0"], [NET], plain(), OPTIONS)
    twice = run_study(["T0O0P0S0", "t0o0p0s0"], [NET, NET], [plain(), plain()], OPTIONS)
    assert twice.totals["cycles"].tolist() == once.totals["cycles"].tolist()
    assert len(twice.rows) == len(once.rows) == 2


def test_networks_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    files = [network_file(tmp_path / "a", 8), network_file(tmp_path / "b", 4)]
    results = run_study(["T0O0P0S0"], files, plain(), OPTIONS)
    assert results.totals["network"].tolist() == ["a-model", "b-model"]
    assert results.totals["macs"].tolist() == [48, 24]
    assert {key[1] for key in results.mappings} == {"a-model", "b-model"}


def test_a_file_with_the_name_of_a_shipped_network_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("name: ncf\nlayers:\n- {name: fc, C: 8, M: 6}\n")
    assert [net.name for net in load_networks(["ncf", tmp_path / "mine.yaml"], {})] == ["ncf", "mine"]


def test_different_networks_of_one_name_without_files_are_refused() -> None:
    other = Network(name="small", layers=(Layer(name="fc", C=9),))
    with pytest.raises(SpecError, match="two different networks are called 'small'"):
        load_networks([NET, other], {})
    assert load_networks([NET, NET], {}) == [NET]


def test_arch_specs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for name, depth in (("near", 64), ("far", 32)):
        levels = [lv | {"depth": depth} if lv["name"] == "GlobalBuffer" else lv for lv in PLAIN["levels"]]
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(PLAIN | {"levels": levels}))
    archs = load_archs([tmp_path / "near.yaml", tmp_path / "far.yaml"])
    assert [arch.name for arch in archs] == ["near", "far"]


def test_several_archs_have_a_lattice_each() -> None:
    other = plain().model_copy(update={"name": "padded", "edge": "pad"})
    results = run_study(all_classes(), [NET], [plain(), other], OPTIONS)
    alone = run_study(all_classes(), [NET], other, OPTIONS)
    (_, part) = results.by_arch()
    assert part.totals["edp"].tolist() == alone.totals["edp"].tolist()
    assert results.speedups().groupby("arch")["edp_gain"].max()["padded"] == alone.speedups()["edp_gain"].max()


def test_folders_of_different_studies_have_different_names(tmp_path: Path) -> None:
    def folder(network: str | Path, parameters: dict[str, int] | None = None, arch: object = "edge256") -> str:
        options = StudyOptions(
            engines=EngineSettings(engine="embedded"), jobs=1, use_store=False, network_parameters=parameters or {}
        )
        results: Results = run_study(["T0O0P0S0"], [network], arch, options)  # type: ignore[arg-type]
        return default_folder(results, "T0O0P0S0").name

    mine = network_file(tmp_path / "a", 8)
    names = [
        folder("ncf"),
        folder("ncf", {"batch": 2}),
        folder(mine),
        folder("ncf", arch=plain().model_copy(update={"name": "edge256"})),
    ]
    assert names[:2] == ["ncf-edge256-T0O0P0S0-edp", "ncf.batch2-edge256-T0O0P0S0-edp"]
    assert len(set(names)) == 4
    assert names[2].startswith("model.")


def test_the_same_mapping_is_found_whatever_the_store_holds(tmp_path: Path) -> None:
    options = StudyOptions(engines=EngineSettings(engine="embedded"), jobs=1, store=tmp_path)
    classes = ["T0O0P0S0", "T1O0P0S0", "T1O0P1S0", "T1O1P1S1"]
    together = run_study(classes, [NET, "ncf"], plain(), options).rows.set_index(["class", "network", "layer"])
    for flexclass in classes:
        alone = run_study([flexclass], [NET, "ncf"], plain(), OPTIONS).rows.set_index(["class", "network", "layer"])
        assert alone["mapping"].to_dict() == together.loc[alone.index, "mapping"].to_dict()
