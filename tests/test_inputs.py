"""The files given to Timeloop's programs: spellings, and how several files become one document."""

from __future__ import annotations

from pathlib import Path

import pytest

from flexloop.errors import SpecError
from flexloop.timeloop.inputs import read_inputs
from flexloop.timeloop.inputs.keywords import with_underscores


def write(folder: Path, **contents: str) -> list[Path]:
    paths = []
    for name, content in contents.items():
        paths.append(folder / f"{name}.yaml")
        paths[-1].write_text(content, encoding="utf-8")
    return paths


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("optimization-metrics: [last-level-accesses]", "optimization_metrics: [last_level_accesses]"),
        ("{block-size: 4, word-bits: 8}", "{block_size: 4, word_bits: 8}"),
        ("shape: cnn-layer", "shape: cnn_layer"),
        ("read-bandwidth: 4", "read-bandwidth: 4"),
        ("network-word-bits: 8", "network-word_bits: 8"),
        ("metadata-word-bits: 8", "metadata_word_bits: 8"),
        ("name: word-bits-of-mine", "name: word-bits-of-mine"),
    ],
)
def test_timeloops_own_list_of_hyphenated_keywords_is_rewritten_and_nothing_else(given: str, read: str) -> None:
    assert with_underscores(given) == read


def test_a_keyword_without_effect_is_named(tmp_path: Path) -> None:
    text = "architecture: {local: [{name: Buffer, attributes: {read-bandwidth: 1}}]}"
    (note,) = read_inputs(write(tmp_path, arch=text)).notes
    assert note.startswith(
        "architecture.local[0].attributes.read-bandwidth has no effect: Timeloop reads read_bandwidth"
    )


def test_files_are_merged_by_top_level_key(tmp_path: Path) -> None:
    first, second, clash = write(
        tmp_path,
        first="architecture: {version: 0.4}\n",
        second="problem: {shape: {}}\narchitecture: {version: 0.4}\n",
        clash="architecture: {version: 0.3}\n",
    )
    assert read_inputs([first, second]).config == {"architecture": {"version": 0.4}, "problem": {"shape": {}}}
    with pytest.raises(SpecError, match=r"clash\.yaml: top-level key 'architecture' is already given by .*first\.yaml"):
        read_inputs([first, clash])


def test_classes_of_components_in_several_files_are_collected(tmp_path: Path) -> None:
    files = write(
        tmp_path,
        a="compound_components: {version: 0.3, classes: [{name: pe_reg}]}\ncomponents: [{name: mine}]",
        b="compound_components: {version: 0.3, classes: [{name: big_sram}]}\ncomponents: [{name: other}]",
    )
    config = read_inputs(files).config
    assert config["compound_components"] == {"version": 0.3, "classes": [{"name": "pe_reg"}, {"name": "big_sram"}]}
    assert config["components"] == [{"name": "mine"}, {"name": "other"}]
