"""Find and read arch specs: the shipped ones by name, a user's own by path."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, overload

from flexloop.arch.base import Arch
from flexloop.arch.design.model import Design
from flexloop.arch.parameters import Value, split_parameters, with_parameters
from flexloop.arch.spec import ArchSpec
from flexloop.errors import SpecError
from flexloop.resources import find, is_file, is_folder, shipped_names
from flexloop.timeloop import yamlio
from flexloop.timeloop.v4front.recognition import recognised
from flexloop.validation import short, validated

HINT = "`flexloop arch fields` describes every field, `flexloop arch show edge256` shows a complete spec."

DESIGN_HINT = "`flexloop arch fields --design` describes every field, `flexloop arch import FILES` writes such a file."

AnyArch = TypeVar("AnyArch", bound=Arch)

_NATIVE = {"architecture", "arch"}
"""Top-level keys of Timeloop's files."""


def arch_names() -> list[str]:
    """Names of the shipped arch specs, in alphabetical order."""
    return shipped_names("arch_specs")


ArchSource: TypeAlias = str | Path | Mapping[str, Any] | Arch
"""What an arch can be given as, see `load_arch`."""


@overload
def load_arch(source: AnyArch) -> AnyArch: ...


@overload
def load_arch(source: str | Path | Mapping[str, Any]) -> Arch: ...


def load_arch(source: ArchSource) -> Arch:
    """Return a shipped arch spec by its name, or one of the user's own, or a Timeloop design.

    Args:
        source: a shipped name, a YAML file, the text of one (of several lines), a mapping of its fields, or an arch,
            which is returned as it is. Behind a name or a file may stand values of the spec's parameters, as in
            ``kao_dla:pes=256``. A file may hold an arch spec, a design that `flexloop arch import` wrote, or
            anything that Timeloop reads; a folder holds Timeloop's files.

    Raises:
        UnknownNameError: if the name is neither shipped nor a file; the nearest names are given.
        SpecError: if it is no valid arch: one line for each fault, with file, field, value and reason.
        UnsupportedError: for a Timeloop design that the canonical layer cannot run on, by name.

    Examples:
        >>> load_arch("edge256").pes
        256
    """
    if isinstance(source, Arch):
        return source
    if isinstance(source, Mapping):
        return _made(dict(source), "arch spec")
    if isinstance(source, str) and "\n" in source:
        return _made(yamlio.load(source), "arch spec")
    if not isinstance(source, (str, Path)) or source == "":
        raise SpecError(f"arch spec is {short(source)}: give a name, a file, a mapping of fields or an ArchSpec")
    named, given = (source, {}) if is_file(Path(source)) else split_parameters(str(source))
    path = Path(named)
    if _is_timeloop(path):
        if given:
            raise SpecError(f"{path} is a Timeloop design, which has no parameters of an arch spec: leave them out")
        return _read_design(path)
    return _read(find("arch spec", "arch_specs", named), given)


def load_arch_spec(source: ArchSource, who: str = "an arch spec is needed") -> ArchSpec:
    """As `load_arch`, for what only arch specs can be asked.

    Args:
        source: as there.
        who: what needs an arch spec, for the message.

    Raises:
        UnsupportedError: if it is a Timeloop design.
    """
    return load_arch(source).as_spec(who)


def _made(content: Any, where: str | Path, given: Mapping[str, Value] | None = None) -> Arch:
    """An arch from the content of a file: a design has an architecture of Timeloop's."""
    if isinstance(content, dict) and "architecture" in content:
        return validated(Design, content, where, DESIGN_HINT)
    if isinstance(content, dict) and (given or "parameters" in content):
        content = with_parameters(content, given or {}, where)
    return validated(ArchSpec, content, where, HINT)


def _is_timeloop(path: Path) -> bool:
    """Whether a path is a folder with Timeloop's files, or a file that only Timeloop's readers read."""
    if is_folder(path):
        return str(path) not in arch_names()
    return is_file(path) and (path.suffix == ".cfg" or ".jinja" in path.suffix or recognised(path))


def _read_design(path: Path) -> Design:
    from flexloop.arch.design.read import read_design  # brings Timeloop's formats, loaded where they are needed

    return read_design([path])


def _read(path: Path, given: Mapping[str, Value]) -> Arch:
    stat = path.stat()
    return _parse(path, stat.st_mtime_ns, stat.st_size, tuple(given.items()))


@lru_cache(maxsize=32)
def _parse(path: Path, _modified: int, _size: int, given: tuple[tuple[str, Value], ...]) -> Arch:
    content = yamlio.load(path)
    if isinstance(content, dict) and _NATIVE & set(content) and "name" not in content:
        return _read_design(path)
    return _made(content, path, dict(given))
