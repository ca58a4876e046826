"""Templates in Jinja's sandbox with strict undefined names: one can neither reach the interpreter nor leave a gap.

A template sees the fields of what it is given and calls what Jinja itself brings: macros, loops, the methods of texts,
numbers, lists and mappings. The methods of other objects are out of its reach, as are chance and files not named
``*.j2``. Time and memory are not bounded here but in `flexloop.rendering.confined`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import BuiltinMethodType, MethodType
from typing import Any

import jinja2
from jinja2.runtime import BlockReference, LoopContext, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Cycler, Joiner

from flexloop.errors import SpecError

MAX_BYTES = 2**20
"""Bytes above which a file is no template."""

_CALLABLE = (Macro, LoopContext, BlockReference, Joiner)
_OWNERS = (str, int, float, list, tuple, dict, LoopContext, Cycler)
"""Types whose own methods a template may call."""


class _Loader(jinja2.FileSystemLoader):
    """Loads files named ``*.j2`` and no others, so that `Templates.digest` knows all that a template may take in."""

    def get_source(self, environment: jinja2.Environment, template: str) -> Any:
        if not template.endswith(".j2"):
            raise jinja2.TemplateNotFound(
                template, f"{template!r}: a template takes in files named *.j2 only; rename it"
            )
        found = super().get_source(environment, template)
        if len(found[0]) > MAX_BYTES:
            raise jinja2.TemplateError(f"{template!r} is longer than {MAX_BYTES} characters; is it a template?")
        return found


class _Undefined(jinja2.StrictUndefined):
    """A name that nobody set: an error wherever it is used, in the text of a list too."""

    __repr__ = jinja2.Undefined._fail_with_undefined_error


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, where only what is known to be harmless can be called.

    Args:
        loader: where templates that take in others find them.
        functions: what a template may call beside what Jinja brings, by name.
    """

    def __init__(self, loader: jinja2.BaseLoader, functions: Mapping[str, Callable[..., Any]]) -> None:
        super().__init__(loader=loader, undefined=_Undefined, autoescape=False, keep_trailing_newline=True)
        del self.globals["lipsum"], self.filters["random"]  # the same templates make the same text
        self.globals |= functions
        self._functions = list(self.globals.values())

    def is_safe_callable(self, obj: Any) -> bool:
        """Whether a template may call an object."""
        if isinstance(obj, (*_CALLABLE, _Undefined)) or any(obj is function for function in self._functions):
            return True
        method = getattr(obj, "__wrapped__", obj)  # the sandbox's own str.format wraps the built-in one
        return isinstance(method, (BuiltinMethodType, MethodType)) and isinstance(method.__self__, _OWNERS)


class Templates:
    """The templates of some folders; those of the first take the place of others of the same name.

    Args:
        folders: the folders.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._environment = Sandbox(_Loader([str(folder) for folder in folders]), {})
        self._environment.filters |= {"number": number, "decimal": decimal}

    @property
    def digest(self) -> str:
        """SHA-256 of all templates in force, in hexadecimal (SpecError if one cannot be read)."""
        digest = hashlib.sha256()
        loader = self._environment.loader
        assert loader is not None
        for name in sorted(self._environment.list_templates(extensions=["j2"])):
            try:
                source, _, _ = loader.get_source(self._environment, name)
            except (jinja2.TemplateError, OSError, ValueError) as error:
                raise SpecError(f"template {name}: cannot be read: {error}") from error
            digest.update(f"{name}\0{source}\0".encode())
        return digest.hexdigest()

    def render(self, name: str, names: dict[str, Any]) -> str:
        """Render a template.

        Args:
            name: its file's name.
            names: what it is given, by name.

        Raises:
            SpecError: if it is wrong or fails while it runs; it is named.
        """
        with complaints_of(name):
            return self._environment.get_template(name).render(names)


@contextmanager
def complaints_of(name: str) -> Iterator[None]:
    """Turn what goes wrong in a template into a SpecError that names it."""
    try:
        yield
    except jinja2.TemplateSyntaxError as error:
        raise SpecError(f"template {error.filename or name}, line {error.lineno}: {error.message}") from error
    except jinja2.TemplateError as error:
        raise SpecError(f"template {name}: {error}") from error
    except (
        ArithmeticError, AttributeError, LookupError, MemoryError, OSError, RecursionError, SyntaxError, TypeError,
        ValueError,
    ) as error:  # fmt: skip
        raise SpecError(f"template {name}: {type(error).__name__}: {error}") from error


def number(value: float) -> str:
    """A number as Timeloop reads it: whole where it is whole, else with all its digits and no exponent trap."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 2**53 else decimal(value)


def decimal(value: float) -> str:
    """A number that the v4 front end takes for one that need not be whole."""
    digits, exponent, power = repr(float(value)).partition("e")
    return (digits if "." in digits else f"{digits}.0") + exponent + power  # YAML 1.1 takes 1e-05 for a text
