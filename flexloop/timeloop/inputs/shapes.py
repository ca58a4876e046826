"""Problem shapes by name: those that Timeloop ships, and files in the folders that Timeloop is told to look in."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

from flexloop.errors import SpecError, UnknownNameError
from flexloop.timeloop import yamlio
from flexloop.timeloop.inputs.document import read_document

DEFAULT = "cnn_layer"
"""The shape of a problem that gives none."""

FOLDERS = ("TIMELOOP_PROBLEM_SHAPE_DIR", "TIMELOOP_PROBLEM_SHAPE_DIRS")
"""Variables of the environment: a folder, and folders between colons."""

_SUFFIXES = (".yaml", ".yml", ".cfg")


def named_shape(name: str) -> Any:
    """The shape of a name, such as ``cnn_layer``, as it would stand under ``problem.shape``.

    Args:
        name: of a shipped shape, or of a file in one of the folders that the environment names (`FOLDERS`), with or
            without its suffix.

    Raises:
        UnknownNameError: if there is none of that name.
        SpecError: if the file holds no key ``shape``, or the name leads out of the folder.
    """
    if Path(name).name != name:
        raise SpecError(f"problem.shape {name!r} is a path; give the name of a shape, or write the shape out")
    for path in _files(name):
        if path.is_file():
            document = read_document(path)
            if "shape" not in document:
                raise SpecError(f"{path}: no top-level key shape")
            return document["shape"]
    shapes, plain = _shipped(), name
    for suffix in _SUFFIXES:
        plain = plain.removesuffix(suffix)
    if plain not in shapes:
        hint = f"(or write the shape out; {FOLDERS[0]} may name a folder with its file)"
        raise UnknownNameError("problem shape", name, shapes, hint)
    return shapes[plain]


def _files(name: str) -> list[Path]:
    """Where a file of that name may be, in Timeloop's order.

    A name with hyphens may have been respelt in part (``dw-cnn-layer``), so the file is also looked for with hyphens.
    """
    folders = [os.environ.get(FOLDERS[0], ""), *os.environ.get(FOLDERS[1], "").split(":")]
    spellings = dict.fromkeys((name, name.replace("_", "-")))
    suffixes = ("",) if name.endswith(_SUFFIXES) else (".yaml", ".cfg")
    names = [f"{spelling}{suffix}" for spelling in spellings for suffix in suffixes]
    return [Path(folder) / file for folder in folders if folder for file in names]


@cache
def _shipped() -> dict[str, Any]:
    shapes: dict[str, Any] = yamlio.load(Path(__file__).with_name("problem_shapes.yaml"))
    return shapes
