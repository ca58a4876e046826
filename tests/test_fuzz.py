"""Whatever a reader is given, it returns a sound value or refuses by name: see tests/hostile.py for the targets.

The inputs are the same every time. ``FLEXLOOP_FUZZ=100 pytest tests/test_fuzz.py`` is a campaign: a hundred times as
many, other ones every time, with what failed before tried first; fuzz/run.py goes on for ever.
"""

from __future__ import annotations

import json
import os
import warnings
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

import pandas as pd
import pytest
import yaml
from golden_specs import golden_files
from hostile import ARCH, KEY, TARGETS, VALUES, V4Dumper, assert_sound, attempt, mutated
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet
from test_v4front import DESIGN

import flexloop
from flexloop.energy.ert import build_art, build_ert
from flexloop.errors import EngineError, FlexloopError, SpecError
from flexloop.evaluation import Evaluation
from flexloop.networks import load_network
from flexloop.resources import shipped
from flexloop.running.store import Store, StoredCell
from flexloop.timeloop import yamlio
from flexloop.timeloop.inputs import read_inputs
from flexloop.timeloop.stats import parse_stats
from flexloop.timeloop.v4front import tags

EFFORT = int(os.environ.get("FLEXLOOP_FUZZ", "1"))
DATA = Path(__file__).parent / "data" / "timeloop"
CASES = Path(__file__).parent / "data" / "cases"
TREE = Path(__file__).parent / "golden_accelergy" / "tree"
MODEL = (DATA / "timeloop-model.stats.txt").read_text()
LINES = MODEL.splitlines(keepends=True)

MORE = """
variables: {version: 0.4, W: 2 ** 3, V: "[W, 1]", hist: [0.5, 0.5]}
mapspace_constraints: {targets: [{target: buffer, type: temporal, factors: [N=2], permutation: [K, N]}]}
mapper: {version: 0.4, optimization_metrics: [edp], algorithm: random}
components: {version: 0.4, classes: [{name: intmac, attributes: {width: must_specify}}]}
"""

PIECES = st.sampled_from(
    ["a", "b", "text", "spec", "x", " + ", " ** ", " * ", " << ", " in ", "==", "(", ")", "[", "]", ", ", "{", "}", ":",
     "1", "-2", "2.5", "10 ** 9", "'x'", "f'{a}'", "lambda x: ", " for x in ", " if ", " else ", "range(", "len(",
     "sum(", "map(", ".append(", ".get(", ".keys()", ".variables", ".__class__", ".format(", "str(", "max(", "*", "="]
)  # fmt: skip

LINES_OF_CODE = st.sampled_from(
    ["def f(x):\n    return [x, x]\n", "def g(x, *y, z=f(2)):\n    while x:\n        x = f(x)\n    return x\n",
     "def h(x):\n    x = []\n    x.append(x)\n    return str(x)\n", "import os\n", "from math import log2, comb\n",
     "def k(x):\n    y = [x]\n    for i in range(60):\n        y = [y, y]\n    return y == f(y)\n", "a = {1: [2]}\n",
     "def m(x):\n    for i in range(9):\n        a[i] = h\n        del x\n", "class P(NamedTuple):\n    x: int\n",
     "def n(x):\n    assert P(x).x == k(n), f'{x!r:>{x}}'\n", "def o(x):\n    a[1] += a[1]\n    return o(x)\n",
     "x = y = 3\n"]
)  # fmt: skip

fuzzed = settings(
    max_examples=30 * EFFORT, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@lru_cache
def documents(target: str) -> list[Any]:
    """Documents that the reader takes."""
    if target == "energies":
        return [{"ERT": build_ert(ARCH), "ART": build_art(ARCH)}]
    if target == "components":
        return [read_inputs([TREE / "arch.yaml", TREE / "components.yaml"]).config]
    if target == "config":
        cases = [
            golden_files("base-conv3x3"),
            golden_files("base-attention"),
            [CASES / "c26-timeloop113-version-0.1-v1-lists"],
        ]
        return [read_inputs(files).config for files in [*cases, [CASES / "c42b-named-shape-gemm"]]]
    if target == "inputs":
        anchored = {
            "variables": {"D": 8, "W": "D"},
            "architecture": {"attributes": {"depth": "D", "read-bandwidth": 1}},
        }
        return [anchored, read_inputs([CASES / "c56-dosa-entries-beside-depth"]).config]
    if target == "v4":
        return [tags.parse(DESIGN + MORE, "design.yaml", {})]
    if target == "constraints":
        return [
            {"targets": [
                {"target": "GlobalBuffer", "type": "spatial", "factors": "C=4 M<=3", "permutation": "CM", "split": 1},
                {"target": "Spad", "type": "temporal", "factors": "R=3", "permutation": "RS_C"},
                {"target": "Spad", "type": "dataspace", "keep": ["Weights"], "bypass": ["Inputs"]},
                {"target": "Spad", "type": "parallelism", "min": 0.5},
            ]}
        ]  # fmt: skip
    folders = {"arch": "arch_specs", "network": "workloads", "tables": "taxonomy"}
    if target in folders:
        return [yamlio.load(path) for path in sorted(shipped(folders[target]).glob("*.yaml"))[:4]]
    return [yamlio.load(DATA / "timeloop-mapper.map.yaml")]


READERS = ["arch", "network", "mapping", "constraints", "inputs", "config", "energies", "components", "tables", "v4"]


@pytest.mark.parametrize("target", READERS)
def test_what_the_mutations_start_from_is_accepted(target: str) -> None:
    for document in documents(target):
        assert attempt(target, yaml.dump(document, Dumper=V4Dumper).encode()) is None


@pytest.mark.parametrize("target", READERS)
@fuzzed
@given(seed=st.integers(0, 2**32), times=st.integers(1, 3))
@pytest.mark.filterwarnings("ignore:constraint .* exceeds the bound")
def test_a_document_with_wrong_values_is_read_or_refused(target: str, seed: int, times: int) -> None:
    random = Random(seed)
    document = deepcopy(random.choice(documents(target)))
    for _ in range(times):
        document = mutated(document, random)
    text = yaml.dump(document, Dumper=V4Dumper if target == "v4" else yamlio._Dumper, sort_keys=False)
    attempt(target, text.encode("utf-8", errors="surrogatepass"))


@pytest.mark.parametrize("target", TARGETS)
@fuzzed
@given(data=st.binary(max_size=400) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_read_or_refused(target: str, data: bytes) -> None:
    attempt(target, data)


SCALARS = st.sampled_from([*(v for v in VALUES if not isinstance(v, (list, dict))), "2001-01-01", "1:30", "=", "<<"])
TOKENS = st.sampled_from(
    ["a: ", "b: ", "- ", "[", "]", "{", "}", ", ", "\n", "\n  ", "&x ", "*x", "&y ", "*y", "<<: ", "? ", ": ", "!!set ",
     "!!int ", "!!float ", "!!binary ", "!!str ", "!!seq ", "!!map ", "!own ", "!!python/name:os.system ", "1", "1.0",
     "true", "0x1f", "1_0", ".nan", "~", "'", '"', "|\n", ">\n", "#", "%TAG ! tag:x\n", "---\n", "...\n", "\ufeff",
     "\\ud800", "\x00", "\x85", "\u2028"]
)  # fmt: skip


SETTINGS = st.sampled_from(
    ["a = ", "b : ", "c = ", "{", "}", "(", ")", "[", "]", ", ", "; ", "1", "-2L", "0x1f", "010", "1.5", "1e999", ".",
     "true", '"text"', '"\\x41\\n"', '"\\xzz"', '"', "/*", "*/", "# x\n", "// y\n",
     '@include "/etc/passwd"\n', "\x00", "9" * 5000]
)  # fmt: skip


@fuzzed
@given(st.lists(SETTINGS, max_size=30))
def test_any_libconfig_is_read_or_refused(tokens: list[str]) -> None:
    attempt("libconfig", "".join(tokens).encode())


@fuzzed
@given(st.lists(PIECES, max_size=20))
def test_any_expression_has_a_value_or_is_refused(tokens: list[str]) -> None:
    attempt("v4-expression", "".join(tokens).encode())


@pytest.mark.slow
@fuzzed
@given(st.lists(LINES_OF_CODE, max_size=12))
def test_any_file_of_functions_is_run_within_its_bounds_or_refused(lines: list[str]) -> None:
    attempt("v4-functions", "".join(lines).encode())


@fuzzed
@given(st.lists(TOKENS, max_size=30))
def test_any_yaml_is_read_or_refused(tokens: list[str]) -> None:
    attempt("yaml", "".join(tokens).encode("utf-8", errors="surrogatepass"))


@fuzzed
@given(st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner)))
def test_plain_data_comes_back_as_it_was_written(data: Any) -> None:
    text = yamlio.dump(data)
    message = attempt("yaml", text.encode("utf-8"))
    assert message is None or any(said in message for said in ("nested deeper", "control characters", "characters; at"))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("a: 1".encode("utf-16"), "is not UTF-8 text"),
        (b"a: \x00", "control characters"),
        (b'a: "\\ud800"', "invalid Unicode"),
        (b"\xed\xa0\x80: 1", "is not UTF-8 text"),
        (b"[" * 2**20, "nested deeper|nesting depth"),
        (b"- " * 2**20, "nested deeper|nesting depth"),
        (b"#" * (100 * 2**20), "larger than"),
    ],
)
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "file.yaml"
    path.write_bytes(content)
    with pytest.raises(SpecError, match=rf"file\.yaml.*({complaint})"):
        yamlio.load(path)


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    (tmp_path / "file.yaml").write_bytes(b"\xef\xbb\xbfa: 1")
    assert yamlio.load(tmp_path / "file.yaml") == {"a": 1}


WHOLE = parse_stats(MODEL, "report")


def read_or_refused(text: str) -> Evaluation | None:
    try:
        evaluation = parse_stats(text, "report")
    except EngineError as error:
        assert str(error).startswith("report")
        return None
    assert_sound(evaluation)
    return evaluation


@fuzzed
@given(
    st.integers(0, len(LINES) - 1), st.integers(0, len(LINES) - 1), st.sampled_from(["drop", "repeat", "swap", "cut"])
)
def test_a_report_whose_lines_are_lost_or_moved_is_refused_or_read_as_it_was(a: int, b: int, change: str) -> None:
    lines = list(LINES)
    if change == "drop":
        del lines[min(a, b) : max(a, b)]
    elif change == "repeat":
        lines.insert(b, lines[a])
    elif change == "swap":
        lines[a], lines[b] = lines[b], lines[a]
    else:
        lines[a] = lines[a][: b % len(lines[a])] + "\n"
    evaluation = read_or_refused("".join(lines))
    if change in ("drop", "repeat") and evaluation is not None:
        assert evaluation == WHOLE


@fuzzed
@given(
    st.integers(0, len(MODEL) - 1), st.sampled_from(["", "9", "e", "_", "-", "\n", "\x0b", "nan", "٣", " ", ": ", "\0"])
)
def test_a_report_with_a_wrong_character_is_refused_or_sound(at: int, character: str) -> None:
    read_or_refused(MODEL[:at] + character + MODEL[at + 1 :])


@fuzzed
@given(data=st.binary(max_size=300), cut=st.integers(0, 400))
def test_a_damaged_entry_of_the_store_is_noticed_and_computed_anew(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, cut: int
) -> None:
    store = Store(tmp_path_factory.mktemp("store"))
    store.put(KEY, StoredCell("failed", "a reason", 0.5))
    whole = store.path(KEY).read_bytes()
    other = "1" * 64
    store.put(other, StoredCell("ok", "", 1.5))
    for content in (data, whole[:cut], whole[:cut] + data, store.path(other).read_bytes()):
        store.path(KEY).parent.mkdir(exist_ok=True)
        store.path(KEY).write_bytes(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = store.get(KEY)
        assert found is None or content == whole


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished study."""
    folder = tmp_path_factory.mktemp("study")
    flexloop.run("T0O0P0S0", "ncf", engine="embedded").save(folder)
    return folder


@fuzzed
@given(at=st.floats(0, 1), data=st.binary(min_size=1, max_size=40), cut=st.booleans())
def test_damaged_tables_of_results_are_read_or_refused(saved: Path, at: float, data: bytes, cut: bool) -> None:
    for name in ("results.parquet", "meta.json"):
        whole = (saved / name).read_bytes()
        place = int(at * len(whole))
        (saved / name).write_bytes(whole[:place] + data + (b"" if cut else whole[place + len(data) :]))
        try:
            assert isinstance(flexloop.load(saved).rows, pd.DataFrame)
        except FlexloopError as error:
            assert str(saved) in str(error)
        finally:
            (saved / name).write_bytes(whole)


def test_a_table_that_does_not_name_its_columns_for_pandas_is_refused(tmp_path: Path, saved: Path) -> None:
    table = parquet.read_table(saved / "results.parquet")
    described = json.loads(table.schema.metadata[b"pandas"])
    del described["columns"][0]["name"]
    damaged = table.replace_schema_metadata({b"pandas": json.dumps(described)})
    parquet.write_table(damaged, tmp_path / "results.parquet")
    with pytest.raises(FlexloopError, match="damaged results"):
        flexloop.load(tmp_path)


@fuzzed
@given(data=st.binary(max_size=300))
def test_any_onnx_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    pytest.importorskip("onnx")
    path = tmp_path_factory.getbasetemp() / "fuzz.onnx"
    path.write_bytes(data)
    with pytest.raises(FlexloopError, match=r"fuzz\.onnx"):
        load_network(path)
