"""The store: what is put comes back, damage is noticed, and nothing half-written is ever read."""

from __future__ import annotations

from pathlib import Path

import pytest

from flexloop.errors import OutputError
from flexloop.store import Store, StoredCell, cell_key, default_folder

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


def test_the_folder_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FLEXLOOP_STORE", str(tmp_path))
    assert default_folder() == tmp_path
    monkeypatch.delenv("FLEXLOOP_STORE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "flexloop" / "store"
