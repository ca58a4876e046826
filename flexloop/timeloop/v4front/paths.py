"""Where a v4 file may find others: in folders that it names, all below the folders that the user named."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flexloop.errors import SpecError

MAX_PATTERN = 300
"""Characters of a path or pattern."""

MAX_PATHS = 1000
"""Paths that one list may name."""


class Roots:
    """The folders below which files may be read; a link that leads elsewhere leads nowhere.

    Args:
        folders: the folders.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = [folder.resolve() for folder in folders]

    def held(self, path: Path) -> Path | None:
        """The path that this one leads to, if it is below a root."""
        real = path.resolve()
        return real if any(real.is_relative_to(root) for root in self.folders) else None

    def find(self, path: Any, folders: Sequence[Path], *, patterns: bool = True) -> list[Path]:
        """The files and folders of a name, or of a list of names.

        Args:
            path: a path or pattern (``*``, ``?``, ``[...]``), absolute or within one of the folders.
            folders: where it is searched for, in this order.
            patterns: whether it may be a pattern.

        Raises:
            SpecError: if there is none, or all are outside the roots.
        """
        found, outside = self.search(path, folders, patterns=patterns)
        if found:
            return found
        name = repr(str(path)[:MAX_PATTERN])
        if outside:
            raise SpecError(f"{name} lies outside the folders that are named; add --include-root {outside[0]}")
        raise SpecError(f"no file {name} in {', '.join(str(folder) for folder in dict.fromkeys(folders))}")

    def search(self, path: Any, folders: Sequence[Path], *, patterns: bool) -> tuple[list[Path], list[Path]]:
        """What is found below the roots, and the folders outside where something could be."""
        if isinstance(path, (list, tuple)):
            pairs = [self.search(each, folders, patterns=patterns) for each in path[:MAX_PATHS]]
            return [p for inside, _ in pairs for p in inside], [p for _, outside in pairs for p in outside]
        pattern = str(path)
        if not pattern or len(pattern) > MAX_PATTERN or "\0" in pattern or "**" in pattern:
            raise SpecError(f"{pattern[:60]!r} is no path that can be searched for")
        inside: dict[Path, None] = {}
        outside: dict[Path, None] = {}
        for folder in folders:
            whole = Path(os.path.normpath(folder / pattern))
            anchor = _plain_part(whole) if patterns else whole
            if self.held(anchor) is None:
                target = anchor.resolve()
                outside |= {target if target.is_dir() else target.parent: None} if target.exists() else {}
                continue
            names = sorted(glob.glob(str(whole))) if patterns and not whole.exists() else [str(whole)]  # noqa: PTH207
            inside |= {real: None for name in names if (real := self.held(Path(name))) and real.exists()}
        return list(inside), list(outside)


def _plain_part(path: Path) -> Path:
    """The part of a path before the first wildcard."""
    parts = path.parts
    return Path(*parts[: next((i for i, part in enumerate(parts) if glob.has_magic(part)), len(parts))])
