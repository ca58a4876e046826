"""The files given to Timeloop's programs: spellings, and how several files become one document."""

from __future__ import annotations

from pathlib import Path

import pytest

from flexloop.errors import SpecError
from flexloop.timeloop.inputs import libconfig, read_inputs
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


def test_a_keyword_that_timeloop_respells_in_part_is_named_too(tmp_path: Path) -> None:
    (note,) = read_inputs(write(tmp_path, arch="architecture: {network-word-bits: 8}")).notes
    assert note.startswith("architecture.network-word_bits has no effect: Timeloop reads network_word_bits")


def test_files_are_merged_by_top_level_key_and_the_first_of_a_key_counts(tmp_path: Path) -> None:
    first, second, clash = write(
        tmp_path,
        first="architecture: {version: 0.4}\n",
        second="problem: {shape: {}}\narchitecture: {version: 0.4}\n",
        clash="architecture: {version: 0.3}\n",
    )
    assert read_inputs([first, second]).config == {"architecture": {"version": 0.4}, "problem": {"shape": {}}}
    assert not read_inputs([first, second]).notes
    inputs = read_inputs([first, second, clash])
    assert inputs.config["architecture"] == {"version": 0.4}
    assert inputs.notes == (f"{clash}: top-level key 'architecture' is given by {first} too; the first counts",)


def test_of_a_key_that_stands_twice_the_first_counts(tmp_path: Path) -> None:
    inputs = read_inputs(write(tmp_path, arch="architecture: {depth: 8,\n  depth: 4}"))
    assert inputs.config["architecture"] == {"depth": 8}
    assert inputs.notes == (f"{tmp_path / 'arch.yaml'}, line 2: key 'depth' is given twice; the first counts",)


def test_an_anchor_serves_in_the_files_after_it(tmp_path: Path) -> None:
    files = write(tmp_path, a="mine: &reg {depth: 8}\nmapper: {}", b="architecture: {attributes: *reg}")
    assert read_inputs(files).config["architecture"] == {"attributes": {"depth": 8}}
    again = write(tmp_path, c="architecture: {attributes: *reg}\nmapper: {timeout: 1}")
    with pytest.raises(SpecError, match="c.yaml: uses an anchor of another file and gives 'mapper' anew"):
        read_inputs([files[0], *again])
    with pytest.raises(SpecError, match="b.yaml, line 1: found undefined alias"):
        read_inputs(files[1:])


def test_of_arch_and_architecture_the_first_counts(tmp_path: Path) -> None:
    (note,) = read_inputs(write(tmp_path, a="architecture: {}\narch: {}")).notes
    assert note == "architecture has no effect beside arch, which Timeloop looks for first"


def test_a_misspelt_key_is_named(tmp_path: Path) -> None:
    (note,) = read_inputs(write(tmp_path, a="architecture_constraint: []\nauthor: me")).notes
    assert note == "top-level key 'architecture_constraint' has no effect; did you mean 'architecture_constraints'?"


def test_variables_stand_for_values_of_keys_and_for_nothing_in_lists(tmp_path: Path) -> None:
    text = "variables: {D: 8, W: D}\narchitecture: {depth: D, width: W, names: [D], text: D=1, local: [{depth: D}]}"
    config = read_inputs(write(tmp_path, arch=text)).config
    read = {"depth": 8, "width": 8, "names": ["D"], "text": "D=1", "local": [{"depth": 8}]}
    assert config == {"architecture": read}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("variables: {a: b, b: a}\nx: {y: a}", "refers to itself"),
        ("variables: [1]", "not a mapping"),
        ("variables: {a: [1]}", "a variable is a single number"),
        ("- 1", "holds no top-level keys"),
    ],
)
def test_documents_that_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        read_inputs(write(tmp_path, a=text))


LIBCONFIG = """
# a comment
problem = { R = 3; S = 3L, P = 0x10; shape = "cnn-layer"; };  // ends a line
arch : {
  storage = ( { name = "Reg"; word-bits = 16; shares = 0.5; big = true; }, { name = "DRAM" " 2"; } ); /* more */
  order = [ "C", "K" ];
};
"""


def test_libconfig_is_read_as_the_same_document(tmp_path: Path) -> None:
    path = tmp_path / "problem.cfg"
    path.write_text(LIBCONFIG, encoding="utf-8")
    storage = [{"name": "Reg", "word_bits": 16, "shares": 0.5, "big": True}, {"name": "DRAM 2"}]
    assert read_inputs([path]).config == {
        "problem": {"R": 3, "S": 3, "P": 16, "shape": "cnn_layer"},
        "arch": {"storage": storage, "order": ["C", "K"]},
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('@include "/etc/passwd"', "files that include others are not read"),
        ("a = 1; a = 2;", "'a' in .*row 1, column 8 is given twice"),
        ("a = 010;", "leading zeros"),
        ("a = " + "9" * 5000 + ";", "at most 100 digits"),
        ("a = 0." + "9" * 5000 + ";", "a number of 5002 characters"),
        ("a = " + "(" * 500 + ")" * 500, "nested deeper than"),
        ("a = [ 1", "Unexpected end of input"),
        ("{", "Expected end of input"),
    ],
)
def test_libconfig_that_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.cfg"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SpecError, match=message):
        read_inputs([path])


def test_libconfig_of_too_many_words_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libconfig, "MAX_TOKENS", 300)
    path = tmp_path / "long.cfg"
    path.write_text("a = [" + "1, " * 100 + "1];", encoding="utf-8")
    assert read_inputs([path]).config == {"a": [1] * 101}
    path.write_text("a = [" + "1, " * 200 + "1];", encoding="utf-8")
    with pytest.raises(SpecError, match="more than 300 words"):
        read_inputs([path])


def test_classes_of_components_in_several_files_are_collected(tmp_path: Path) -> None:
    files = write(
        tmp_path,
        a="compound_components: {version: 0.3, classes: [{name: pe_reg}]}\ncomponents: [{name: mine}]",
        b="compound_components: {version: 0.3, classes: [{name: big_sram}]}\ncomponents: [{name: other}]",
    )
    config = read_inputs(files).config
    assert config["compound_components"] == {"version": 0.3, "classes": [{"name": "pe_reg"}, {"name": "big_sram"}]}
    assert config["components"] == [{"name": "mine"}, {"name": "other"}]
