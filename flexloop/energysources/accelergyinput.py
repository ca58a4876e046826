"""What Accelergy is given for the files of one of Timeloop's programs.

Timeloop gives it the files themselves, and so does flexloop where Accelergy can read them. Otherwise (v4, templates,
libconfig, other suffixes than ``.yaml``) it gets one file with the same architecture and classes in its own format; and
where a file could have it run code, since it runs templates in no sandbox, hands expressions to Python and loads the
plug-ins that ``globals`` names.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from flexloop.energy.timeloop_tree import is_tree
from flexloop.errors import SpecError, UnsupportedError
from flexloop.timeloop import yamlio
from flexloop.timeloop.v4front.builtin import EXPRESSION as FUNCTIONS
from flexloop.timeloop.v4front.paths import Roots
from flexloop.timeloop.v4front.recognition import LIBRARIES
from flexloop.timeloop.v4front.tags import Quoted
from flexloop.validation import plain_number, short

_KEYS = ("architecture", "compound_components")
_PRIVATE = re.compile(r"(?<!\w)__")
_TEMPLATE = re.compile(r"\{[{%#]")


def accelergy_inputs(config: Mapping[str, Any], files: Sequence[Path]) -> dict[str, str]:
    """Contents of Accelergy's input files by name.

    Args:
        config: the top-level keys of all files, in Timeloop's own keys.
        files: the files.

    Raises:
        UnsupportedError: for an architecture that is no tree, which Accelergy does not know.
    """
    architecture = config.get("architecture", config.get("arch"))
    if not is_tree(architecture):
        raise UnsupportedError(
            "energy: Accelergy reads trees of subtree and local alone; for this architecture use --energy table"
        )
    texts = {f"{number:03d}-{path.stem[:100]}.yaml": yamlio.read_text(path) for number, path in enumerate(files)}
    if files and all(path.suffix == ".yaml" for path in files) and all(map(_native, texts.values())):
        return texts
    return {"accelergy.yaml": written({**config, "architecture": architecture})}


def _native(text: str) -> bool:
    """Whether Timeloop's programs, and so Accelergy, read a file as it is."""
    if _TEMPLATE.search(text):
        return False
    try:
        content = yamlio.load(text)
    except SpecError:
        return False
    texts = (value for value in yamlio.values_in(content) if isinstance(value, str))
    if isinstance(content, Mapping) and ("globals" in content or any(map(_reaches_in, texts))):
        return False
    if not isinstance(content, Mapping) or "arch" in content:
        return content is None
    architecture = content.get("architecture")
    return architecture is None or (is_tree(architecture) and "version" in architecture)


def written(config: Mapping[str, Any]) -> str:
    """Accelergy's input from Timeloop's keys: texts in quotes, expressions without, as it tells them apart."""
    content = {key: _versioned(config[key]) for key in _KEYS if config.get(key) is not None}
    text = yaml.dump(_marked(content, frozenset(_names(content))), Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    if mark := _TEMPLATE.search(text):
        raise UnsupportedError(
            f"energy: a text of the architecture or of its classes holds {mark[0]}, which Accelergy takes for a "
            "template's; leave it out, or use --energy table"
        )
    return str(text)


def libraries(config: Mapping[str, Any], files: Sequence[Path]) -> dict[str, str]:
    """The variables of the environment by which v4 files name folders with tables of components to Accelergy.

    A folder that lies neither beside the files nor below them is left out, and a warning names it.
    """
    roots = Roots([folder for file in files for folder in (file.parent, file.resolve().parent)])
    named = config["globals"].get("environment_variables") if isinstance(config.get("globals"), Mapping) else None
    found: dict[str, str] = {}
    for name, value in named.items() if isinstance(named, Mapping) else ():
        if str(name).startswith(LIBRARIES):
            folders = [path for path in str(value).split(",") if roots.held(Path(path)) is not None]
            found |= {str(name): ",".join(folders)} if folders else {}
            if folders != str(value).split(","):
                warnings.warn(
                    f"globals.environment_variables.{name}: {short(value)} lies outside the folders of the files and "
                    "is not given to Accelergy; set the variable yourself",
                    stacklevel=5,
                )
    return found


def _reaches_in(text: str) -> bool:
    """Whether a text, taken for an expression, asks for attributes of values, which lead to Python's own."""
    return bool(_PRIVATE.search(text)) or any(map(_has_attributes, text.split("..")))  # bit[1..width] is a range


def _has_attributes(text: str) -> bool:
    if "." not in text:
        return False
    try:
        return any(isinstance(node, ast.Attribute) for node in ast.walk(ast.parse(text.strip(), mode="eval")))
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False


def _versioned(content: Any) -> Any:
    return {**content, "version": content.get("version", "0.4")} if isinstance(content, Mapping) else content


class _Text(str):
    """A text that is no expression."""


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_representer(_Text, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'))


def _names(content: Any, *, values: bool = False) -> Iterator[str]:
    """Names of all attributes and arguments, which expressions may use."""
    if isinstance(content, Mapping):
        for key, value in content.items():
            if values:
                yield str(key)
            yield from _names(value, values=key in ("attributes", "arguments"))
    elif isinstance(content, list):
        for value in content:
            yield from _names(value)


def _marked(content: Any, names: frozenset[str]) -> Any:
    """The same data, its texts marked that are neither numbers nor expressions of these names."""
    if isinstance(content, Mapping):
        return {str(key): _marked(value, names) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_marked(value, names) for value in content]
    if isinstance(content, str):
        return str(content) if _evaluated(content, names) else _Text(content)
    return content


def _evaluated(text: str, names: frozenset[str]) -> bool:
    """Whether Accelergy would evaluate a text that stands without quotes."""
    if isinstance(text, Quoted):
        return False
    try:
        plain_number(text)
        return True
    except ValueError:
        pass
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    if _reaches_in(text):
        return False
    used = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    own = {node.id for node in used if isinstance(node.ctx, ast.Store)}  # what runs through a list: for x in list
    return {node.id for node in used} <= names | own | FUNCTIONS.keys()
