"""Which modules a stored cell depends on: none too many, and none forgotten."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

from flexloop import code, resources
from flexloop.code import EMBEDDED_MODEL, EMBEDDED_SEARCH, ENGINES, EVERY_CELL, NEVER, TIMELOOP, code_digest, is_among

BASE = frozenset(EVERY_CELL)

NOT_FOLLOWED = {
    "timeloop": ("engines.timeloop", "engines.embedded"),  # asks for a padding; `TIMELOOP` says why that is a hint
    "container": ("engines.timeloop", "engines.embedded"),
    "embedded": ("engines.embedded", "embedded.mapper"),  # searches, which takes no part in costing
}
"""An import of each engine that determines nothing, of the embedded one where it evaluates."""


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("flexloop", cache_dir=None)


def reached(graph: grimp.ImportGraph, listed: tuple[str, ...], not_followed: tuple[str, str] | None) -> set[str]:
    """Every module that the listed ones import, directly or not, without going through those of `NEVER`."""
    waiting = [m for m in graph.modules if is_among(m.removeprefix("flexloop."), listed)]
    found: set[str] = set()
    while waiting:
        module = waiting.pop()
        own = module.removeprefix("flexloop.")
        if own not in found and not is_among(own, NEVER):
            found.add(own)
            imported = graph.find_modules_directly_imported_by(module)
            waiting += [m for m in imported if (own, m.removeprefix("flexloop.")) != not_followed]
    return found


@pytest.mark.parametrize(("engine", "role"), list(ENGINES))
def test_whatever_a_cell_is_computed_with_is_placed(graph: grimp.ImportGraph, engine: str, role: str) -> None:
    listed = EVERY_CELL + ENGINES[engine, role]
    packages = {m.removeprefix("flexloop.") for m in graph.modules if graph.find_children(m)}
    not_followed = None if (engine, role) == ("embedded", "map") else NOT_FOLLOWED[engine]
    forgotten = {m for m in reached(graph, listed, not_followed) if not is_among(m, listed)} - packages
    assert not forgotten, f"place them in flexloop/code.py: {sorted(forgotten)}"


def test_every_name_is_that_of_a_module(graph: grimp.ImportGraph) -> None:
    names = {name for own in (EVERY_CELL, NEVER, *ENGINES.values()) for name in own}
    assert {name for name in names if f"flexloop.{name}" not in graph.modules} == set()


def test_none_is_in_two_places() -> None:
    assert not BASE & set(NEVER) and not set(EMBEDDED_SEARCH) & set(NEVER) and not set(TIMELOOP) & set(NEVER)
    assert not set(EMBEDDED_SEARCH) & BASE and not set(TIMELOOP) & (BASE | set(EMBEDDED_SEARCH))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of flexloop's code that may be changed."""
    copy = tmp_path / "flexloop"
    shutil.copytree(resources.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code, "PACKAGE", copy)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    code_digest.cache_clear()
    yield copy
    code_digest.cache_clear()


def digests() -> dict[str, str]:
    code_digest.cache_clear()
    listed = {"cell": EVERY_CELL, "model": EMBEDDED_MODEL, "search": EMBEDDED_SEARCH, "timeloop": TIMELOOP}
    return {name: code_digest(modules) for name, modules in listed.items()}


def changed(before: dict[str, str]) -> set[str]:
    return {name for name, digest in digests().items() if digest != before[name]}


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_changed_report_keeps_every_cell(package: Path) -> None:
    before = digests()
    replace(package / "report/plots.py", '"""', '"""Other words. ')
    replace(package / "report/plots.py", "import", "import os\nimport")
    assert changed(before) == set()


def test_changed_docstrings_comments_and_blank_lines_keep_every_cell(package: Path) -> None:
    before = digests()
    for file in ("embedded/rules/words.py", "mapspace.py", "engines/timeloop.py"):
        replace(package / file, '"""', '"""Other words.\n\nOf several lines. ')
        with (package / file).open("a", encoding="utf-8") as stream:
            stream.write("\n\n# why\n")
    assert changed(before) == set()


def test_a_changed_rule_discards_what_the_embedded_engine_found_and_costed_alone(package: Path) -> None:
    before = digests()
    with (package / "embedded/rules/words.py").open("a", encoding="utf-8") as stream:
        stream.write("\nEXTRA = 1\n")
    assert changed(before) == {"model", "search"}


def test_a_changed_search_keeps_what_the_embedded_model_costed(package: Path) -> None:
    before = digests()
    with (package / "embedded/mapper/find.py").open("a", encoding="utf-8") as stream:
        stream.write("\nEXTRA = 1\n")
    assert changed(before) == {"search"}


def test_a_changed_mapspace_discards_every_cell(package: Path) -> None:
    before = digests()
    replace(package / "arch/padding.py", "if bound > 1:", "if bound > 2:")
    assert changed(before) == {"cell"}


def test_a_digest_is_worked_out_once_and_what_is_damaged_or_cannot_be_kept_costs_nothing(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = digests()
    kept = tmp_path / "cache" / "flexloop" / "code.json"
    assert len(json.loads(kept.read_text())) == len(first)
    kept.write_text(kept.read_text()[:40])
    assert digests() == first and json.loads(kept.read_text())
    monkeypatch.setattr(code, "code_of", lambda source: pytest.fail("worked out again"))
    assert digests() == first
    monkeypatch.undo()
    monkeypatch.setattr(code, "PACKAGE", package)
    kept.unlink()
    kept.mkdir()
    assert digests() == first


def test_a_text_of_several_lines_counts_with_its_hashes() -> None:
    source = 'SCRIPT = """\\\n# said\necho\n"""\n'
    assert code.code_of(source) != code.code_of(source.replace("said", "meant"))
