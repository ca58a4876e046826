"""A v4 specification: architecture, problem, constraints, mapper and variables, to be changed and run."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, Self

from flexloop.errors import SpecError
from flexloop.svg import Diagram
from flexloop.timeloop import v4front
from flexloop.timeloop.v4front import cimloop, translation
from flexloop.timeloop.v4front.evaluation import evaluate
from flexloop.timeloop_api.diagram import draw
from flexloop.timeloop_api.processors import Processor, ProcessorError

Files = str | Path | Sequence[str | Path]


class Specification(v4front.Document):
    """What Timeloop is to model.

    Its parts are items and attributes: ``architecture``, ``problem``, ``constraints``, ``mapping``, ``mapper``,
    ``variables``, ``components``, ``sparse_optimizations``, ``mapspace``, ``globals``, ``ERT`` and ``ART``. A text
    among the attributes of nodes and the variables is an expression; it is evaluated where the specification is run,
    in a copy, so that variables may be changed from run to run.

    Args:
        content: a mapping with these keys.
        where: passed over.
        functions: files of functions for use in expressions.
        processors: `Processor` classes or objects.
        **more: these keys.
    """

    def __init__(
        self,
        content: Any = None,
        where: str = "",
        functions: Sequence[Path] = (),
        *,
        processors: Iterable[Any] = (),
        **more: Any,
    ) -> None:
        own = [processor() if isinstance(processor, type) else processor for processor in processors]
        self.__dict__["_processors"], self.__dict__["_processed"] = own, ()
        for processor in own:
            processor.spec = self
            processor.declare()
        super().__init__({**(content or {}), **more}, "", functions)
        for processor in own:
            processor.give_keys(self)

    @classmethod
    def from_yaml_files(
        cls,
        *files: Files,
        jinja_parse_data: Mapping[str, Any] | None = None,
        jinja2_parse_data: Mapping[str, Any] | None = None,
        processors: Iterable[Any] = (),
        include_roots: Sequence[str | Path] = (),
        **more: Any,
    ) -> Self:
        """Read a specification from files.

        Args:
            *files: YAML files, Jinja templates of such, lists of them, and patterns such as ``components/*.yaml``.
            jinja_parse_data: what templates are given, by name.
            jinja2_parse_data: the same.
            processors: `Processor` classes or objects.
            include_roots: folders below which templates may take in files, beside those of the files and of the paths
                that ``jinja_parse_data`` gives.
            **more: further top-level keys.

        Raises:
            SpecError: if a file is missing, unreadable, malformed, takes in one outside these folders, or contradicts
                another.
        """
        defines = {**(jinja_parse_data or {}), **(jinja2_parse_data or {})}
        own = [processor() if isinstance(processor, type) else processor for processor in processors]
        for processor in own:
            processor.declare()  # their tags are needed to read the files
        roots = [*map(Path, include_roots)]
        found, functions = v4front.contents([*_paths(files)], defines, roots)
        if not any(v4front.is_v4(content) for content in (*found, more)):
            raise SpecError(
                "no file has an architecture with nodes, as v4 has; files in the keys of Timeloop's own programs are "
                "run with flexloop mapper or flexloop model"
            )
        return cls(v4front.assemble(found, functions), functions=functions, processors=own, **more)

    @property
    def processors(self) -> list[Processor]:
        """The processors."""
        return list(self.__dict__["_processors"])

    def process(self, with_processors: Any = None) -> None:
        """Have processors change the specification now: all, or those given.

        They do so by themselves, after expressions are evaluated, where the specification is run.
        """
        given = self.processors if with_processors is None else with_processors
        for processor in given if isinstance(given, (list, tuple)) else [given]:
            made = processor() if isinstance(processor, type) else processor
            made.process(self)
            self.__dict__["_processed"] = (*self.__dict__["_processed"], made)

    def parse_expressions(self) -> None:
        """Evaluate all expressions now, in place; they are evaluated by themselves where the specification is run.

        Raises:
            SpecError: if one has no value, or one of the wrong type; its place is named.
        """
        for processor in self.processors:
            processor.pre_parse_process(self)
        whole = self.rebuilt()
        if not self.processors:
            cimloop.prepare(whole)
        evaluate(whole)
        self.clear()
        self.update(whole)

    def rebuilt(self) -> Self:
        """A copy in which plain values that were put into the specification are sections again."""
        copy = type(self)(deepcopy(dict(self)), "", self.functions)
        copy.__dict__.update({name: self.__dict__[name] for name in ("_processors", "_processed")})
        return copy

    def evaluated(self) -> Self:
        """A copy with expressions evaluated and processors run.

        Raises:
            SpecError, UnknownNameError: if it is malformed; the place is named.
            ProcessorError: if a processor leaves a key of its own.
        """
        if not self.processors:
            return translation.evaluated(self)
        spec = self.rebuilt()
        spec.parse_expressions()
        done = self.__dict__["_processed"]
        spec.process([processor for processor in spec.processors if all(processor is not each for each in done)])
        for processor in spec.processors:
            for place in processor.keys_left(spec):
                raise ProcessorError(
                    f"{place}: {type(processor).__name__} declares this key and leaves it in the specification; take "
                    "it out in its process()"
                )
        spec = spec.rebuilt()
        spec.check()
        for processor in spec.processors:
            processor.take_keys(spec)
        return spec

    _process = evaluated

    def to_native(self, *, for_model: bool = False) -> dict[str, Any]:
        """The specification in the keys that Timeloop's programs read.

        Args:
            for_model: whether for ``timeloop-model`` instead of ``timeloop-mapper``.

        Raises:
            SpecError, UnknownNameError: if it is malformed or contradicts itself; the place is named.
        """
        return translation.native(self.evaluated(), for_model=for_model)

    def to_diagram(
        self, container_names: str | Sequence[str] = (), ignore_containers: str | Sequence[str] = ()
    ) -> Diagram:
        """A drawing of the architecture; arguments and errors are those of `flexloop.timeloop_api.diagram.draw`."""
        names, ignored = ([each] if isinstance(each, str) else each for each in (container_names, ignore_containers))
        return draw(self.evaluated().architecture, names, ignored)


def _paths(files: Iterable[Files]) -> Iterator[Path]:
    """The files that are named; a pattern that finds nothing is refused."""
    for file in files:
        if isinstance(file, (list, tuple)):
            yield from _paths(file)
            continue
        name = str(file)
        found = [name] if Path(name).is_file() else [each for each in sorted(glob.glob(name)) if Path(each).is_file()]  # noqa: PTH207
        if not found:
            raise SpecError(f"no file {name}; the current folder is {Path.cwd()}")
        yield from map(Path, found)
