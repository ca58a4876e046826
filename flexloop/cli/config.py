"""A user's own defaults: ``flexloop.toml`` in the working folder, else in the user's configuration folder.

The file holds names of options and their values, for example ``arch = "eyeriss"`` or ``engine = "embedded"``; what is
typed on the command line counts before them. See docs/configuration.md.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

from flexloop.errors import SpecError, UnknownNameError

NAME = "flexloop.toml"

OPTIONS: dict[str, type] = {
    "arch": str, "objective": str, "engine": str, "mapper": str, "effort": str, "energy": str, "jobs": int,
    "threads": int, "image": str, "container_cli": str, "templates": str, "store": str,
}  # fmt: skip
"""What may be set, and the type of its value; ``store`` is the folder of finished cells, as in FLEXLOOP_STORE."""


def find_file() -> Path | None:
    """The configuration file that counts, if there is one."""
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return next((path for path in (Path(NAME), home / "flexloop" / NAME) if path.is_file()), None)


def read_defaults() -> dict[str, Any]:
    """The values in the configuration file; none where there is no file.

    Raises:
        SpecError: if the file cannot be read, or a value is of the wrong type.
        UnknownNameError: for an option that cannot be set there.
    """
    path = find_file()
    if path is None:
        return {}
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SpecError(f"{path}: cannot be read as TOML: {error}") from error
    for name, value in found.items():
        if name not in OPTIONS:
            raise UnknownNameError(f"option in {path}", name, sorted(OPTIONS))
        if type(value) is not OPTIONS[name]:
            raise SpecError(f"{path}: {name} is {value!r}, not a {'text' if OPTIONS[name] is str else 'whole number'}")
    return found
