"""Importers that packages add: which files they read, and networks through them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from flexloop import plugins
from flexloop.errors import SpecError
from flexloop.validation import short
from flexloop.workloads.layers import Network

OWN = (".onnx", ".m", ".csv", ".yaml", ".yml")
"""Suffixes that flexloop reads itself, whatever a package adds."""


class Importer(Protocol):
    """Reads networks from one tool's files; docs/extending.md shows one in full."""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Endings of its files in small letters, each with its dot; those of `OWN` are not asked for."""
        ...

    @property
    def description(self) -> str:
        """What such a file is, for people, as in ``a model of TVM``."""
        ...

    def read(self, path: Path, sizes: Mapping[str, int]) -> Network:
        """Read a file.

        Args:
            path: the file, which exists.
            sizes: values for what the file leaves open, by name (``--param``).

        Raises:
            SpecError: if it is no such file, with what is wrong in it.
            UnsupportedError: for a layer that `flexloop.workloads.layers.Layer` does not hold.
        """
        ...


def importers() -> dict[str, Importer]:
    """The importers that packages add, by the suffix of their files."""
    found: dict[str, Importer] = {}
    for name in plugins.names(plugins.IMPORTERS):
        importer: Importer = plugins.complete(plugins.load(plugins.IMPORTERS, name)(), Importer, f"importer {name}")
        found |= {suffix: importer for suffix in importer.suffixes if suffix not in OWN}
    return found


def added_importer(path: Path) -> Importer | None:
    """The importer that a package adds for such a file, if there is one."""
    suffix = path.suffix.lower()
    return importers().get(suffix) if suffix and suffix not in OWN else None


def read_with(importer: Importer, path: Path, sizes: Mapping[str, int]) -> Network:
    """The network of a file, identical layers merged.

    Raises:
        SpecError: if there is no such file, or the importer makes no network of it.
    """
    if not path.is_file():
        raise SpecError(f"{path}: no such file")
    network = importer.read(path, sizes)
    if not isinstance(network, Network):
        raise SpecError(f"{path}: the importer of {importer.description} gave {short(network)}, which is no Network")
    return network.unique()
