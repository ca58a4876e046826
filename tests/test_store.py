"""The store: what is put comes back, damage is noticed, and nothing half-written is ever read."""

from __future__ import annotations

import errno
import json
import os
import tempfile
import time
import traceback
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from flexloop.atomic import write_atomically
from flexloop.cli import app
from flexloop.errors import OutputError, SpecError
from flexloop.evaluation import Evaluation
from flexloop.running.store import Store, StoredCell, StoredWinner, cell_key, default_folder
from flexloop.timeloop.mapping import Mapping

CELL = StoredCell("unmappable", "mapped tile size 9 exceeds buffer capacity 8", 0.25)
KEY = cell_key({"layer": [1, 2], "class": "T0O0P0S0"})


def test_what_is_put_comes_back(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    assert store.get(KEY) is None
    store.put(KEY, CELL)
    assert store.get(KEY) == CELL
    assert [p.name for p in store.path(KEY).parent.iterdir()] == [f"{KEY}.cell"]


def test_the_key_depends_on_content_not_on_order() -> None:
    assert cell_key({"a": 1, "b": 2}) == cell_key({"b": 2, "a": 1})
    assert cell_key({"a": 1}) != cell_key({"a": 2})


@pytest.mark.parametrize("damage", [lambda raw: raw[:-5], lambda raw: raw.replace(b"9", b"7"), lambda raw: b""])
def test_damage_is_noticed_and_named(tmp_path: Path, damage: object) -> None:
    store = Store(tmp_path)
    store.put(KEY, CELL)
    path = store.path(KEY)
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    with pytest.warns(UserWarning, match=KEY):
        assert store.get(KEY) is None
    store.put(KEY, CELL)
    assert store.get(KEY) == CELL


def test_a_store_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="FLEXLOOP_STORE"):
        Store(tmp_path / "file").put(KEY, CELL)


@pytest.mark.skipif(os.getuid() == 0, reason="root reads everything; another test drops root's rights")
def test_an_unreadable_store_is_told_from_an_empty_one(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    assert not list(store.files())
    store.put(KEY, CELL)
    store.folder.chmod(0)
    try:
        with pytest.raises(SpecError, match="cannot be read: Permission denied; mend its rights"):
            list(store.files())
        assert not store.has(KEY)
        with pytest.warns(UserWarning, match="Permission denied"):
            assert store.get(KEY) is None
        with pytest.raises(OutputError, match="Permission denied"):
            store.put(KEY, CELL)
    finally:
        store.folder.chmod(0o700)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else; the test above needs nobody else")
def test_an_unreadable_store_is_told_from_an_empty_one_without_roots_rights() -> None:
    with tempfile.TemporaryDirectory() as folder:  # tmp_path lies in folders of root's own
        os.chown(folder, 65534, 65534)
        child = os.fork()
        if not child:  # every module is loaded already: nobody need be able to read them
            status = 1
            try:
                os.setresuid(65534, 65534, 65534)
                test_an_unreadable_store_is_told_from_an_empty_one(Path(folder))
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0


def test_a_store_needs_neither_hard_links_nor_a_disk_that_syncs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on many network file systems, FAT and 9p."""

    def refuse(*arguments: object) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    for name in ("link", "fsync", "fdatasync"):
        monkeypatch.setattr(os, name, refuse)
    store = Store(tmp_path / "store")
    store.put(KEY, CELL)
    assert store.get(KEY) == CELL
    write_atomically(tmp_path / "file", b"results")
    assert (tmp_path / "file").read_bytes() == b"results"


def test_the_folder_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FLEXLOOP_STORE", str(tmp_path))
    assert default_folder() == tmp_path
    monkeypatch.delenv("FLEXLOOP_STORE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "flexloop" / "store"


def test_an_entry_under_another_s_name_is_damaged(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(KEY, CELL)
    other = cell_key({"other": 1})
    store.path(other).parent.mkdir(exist_ok=True)
    store.path(KEY).rename(store.path(other))
    with pytest.warns(UserWarning, match="belongs to another key"):
        assert store.get(other) is None


def test_infinite_figures_come_back(tmp_path: Path) -> None:
    evaluation = Evaluation(True, "", 3, 1.5, 1.0, 3)
    winner = StoredWinner(0, {"C": 2**70}, Mapping(()), evaluation, False, None, 2**70, float("inf"), ())
    store = Store(tmp_path)
    store.put(KEY, StoredCell("ok", "", 0.0, winner))
    assert store.get(KEY) == StoredCell("ok", "", 0.0, winner)


def test_pruning_removes_by_age_and_damage_and_what_killed_processes_left(tmp_path: Path) -> None:
    store = Store(tmp_path)
    keys = [cell_key({"n": n}) for n in range(4)]
    for key in keys:
        store.put(key, CELL)
    old, future, broken, kept = map(store.path, keys)
    left_over = old.parent / ".tmp-0123"
    left_over.write_bytes(b"half")
    month = 30 * 86400
    for path, age in ((old, month), (left_over, month), (future, -month)):
        os.utime(path, (time.time() - age,) * 2)
    broken.write_bytes(b"")
    assert store.prune(older_than_s=86400, damaged=True) == (3, kept.stat().st_size + len(b"half"))
    assert sorted(store.files()) == sorted([future, kept])


def test_files_being_written_are_left_alone(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(KEY, CELL)
    (store.path(KEY).parent / ".tmp-0123").write_bytes(b"half")
    assert store.prune() == (0, 0)


def cache(*arguments: str) -> Result:
    """Run ``flexloop cache``."""
    return CliRunner().invoke(app, ["cache", *arguments])


def test_the_command_line_lists_verifies_prunes_and_exports(tmp_path: Path) -> None:
    folder = str(tmp_path / "store")
    store = Store(tmp_path / "store")
    store.put(KEY, CELL, {"arch": "edge256", "class": "T0O0P0S0", "layer": "C=3", "objective": "edp"})
    listed = cache("ls", "--store", folder)
    assert "edge256" in listed.stdout and CELL.reason in listed.stdout
    assert cache("verify", "--store", folder).exit_code == 0
    lines = tmp_path / "cells.jsonl"
    assert cache("export", str(lines), "--store", folder).exit_code == 0
    exported = json.loads(lines.read_text())
    assert (exported["key"], exported["about"]["arch"], exported["cell"]["status"]) == (KEY, "edge256", "unmappable")
    store.path(KEY).write_bytes(b"short")
    verified = cache("verify", "--store", folder)
    assert verified.exit_code == 1 and KEY in verified.stdout
    assert "damaged" in cache("ls", "--store", folder).stdout
    assert cache("prune", "--damaged", "--store", folder).stdout.startswith("1 files removed")
    assert not list(store.files())


def test_an_age_that_is_none_is_named(tmp_path: Path) -> None:
    result = cache("prune", "--older-than", "soon", "--store", str(tmp_path))
    assert result.exit_code == 1 and "30d" in result.stderr
