"""A catalogue of published accelerators: how flexible each is on the four axes, why, and says who.

The catalogue is `taxonomy/accelerators.yaml`. Degrees are this project's judgement by the criteria of docs/taxonomy.md,
from the publications cited for each axis; they are not taken from anyone's table.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from flexloop.classes import Axis, Degree, FlexClass
from flexloop.resources import shipped
from flexloop.timeloop import yamlio
from flexloop.validation import fitting, validated

OPEN = "open"
"""The degree of an axis that the cited sources do not settle."""

Sentence = Annotated[str, Field(min_length=10, max_length=200, pattern=r"\.$")]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AxisEntry(_Model):
    """What is known of one axis of an accelerator.

    Attributes:
        degree: ``0``, ``p``, ``1``, or ``open`` where the sources do not settle it.
        reason: one sentence.
        source: key of the source that the reason rests on.
    """

    degree: Literal["0", "p", "1", "open"]
    reason: Sentence
    source: str


class Published(_Model):
    """A figure that a publication gives for a network, and what it was measured on.

    Attributes:
        value: the figure.
        unit: ``inferences/s``, ``utilization`` (real MACs over all that the array could do) or ``TOPS`` (two operations
            a MAC).
        network: what `flexloop.load_network` takes: the name of a shipped network, or the fields of one of its own.
        parameters: values of its parameters, such as ``batch``; a batch counts as that many inferences.
        layers: beginnings of the names of the layers that the figure is about; all of them where none is given.
        clock_mhz: the clock that it was measured at.
        dram_bandwidth: words a cycle, where the measurement had another memory than the arch spec.
        arch_spec: the arch spec that stands for what was measured.
        source: key of the source that gives it.
        read: whether the figure was looked up there for this catalogue; otherwise it stands as it is generally quoted.
        remark: what differs between what was measured and what is modelled, and why the figures do.
    """

    value: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    unit: Literal["inferences/s", "utilization", "TOPS"]
    network: str | dict[str, Any]
    parameters: dict[str, int] = {}
    layers: tuple[str, ...] = ()
    clock_mhz: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    dram_bandwidth: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    arch_spec: str
    source: str
    read: bool
    remark: Annotated[str, Field(min_length=10, max_length=600, pattern=r"\.$")]


class Accelerator(_Model):
    """One published accelerator.

    Attributes:
        name: as its authors call it.
        year: of the publication.
        sources: citations, by a short key.
        tiling, ordering, parallelization, shape: the four axes.
        arch_specs: names of the shipped arch specs modelled on it, if there are any.
        published: figures to compare those with.
    """

    name: str
    year: Annotated[int, Field(ge=1980, le=2100)]
    sources: Annotated[dict[str, str], Field(min_length=1)]
    tiling: AxisEntry
    ordering: AxisEntry
    parallelization: AxisEntry
    shape: AxisEntry
    arch_specs: tuple[str, ...] = ()
    published: tuple[Published, ...] = ()

    def axis(self, axis: Axis) -> AxisEntry:
        """The entry of one axis."""
        entries = (self.tiling, self.ordering, self.parallelization, self.shape)
        return dict(zip(Axis, entries, strict=True))[axis]

    @property
    def open_axes(self) -> tuple[Axis, ...]:
        """The axes that the sources leave open."""
        return tuple(axis for axis in Axis if self.axis(axis).degree == OPEN)

    @property
    def lowest(self) -> FlexClass:
        """Its point of the lattice with every open axis taken as fixed."""
        return self._point(Degree.FIXED)

    @property
    def highest(self) -> FlexClass:
        """Its point of the lattice with every open axis taken as fully flexible."""
        return self._point(Degree.FULL)

    @property
    def degrees(self) -> str:
        """Its degrees in the form of a class name, ``?`` where open: ``TpO?P0S0``."""
        return "".join(axis.value + self.axis(axis).degree.replace(OPEN, "?") for axis in Axis)

    @property
    def class_name(self) -> str:
        """Its class, an axis at ``p`` counting as 1, ``?`` where open: ``T1O?P0S0``."""
        return self.degrees.replace("p", "1")

    def _point(self, where_open: Degree) -> FlexClass:
        degrees = (self.axis(axis).degree for axis in Axis)
        return FlexClass(*(where_open if degree == OPEN else Degree(degree) for degree in degrees))

    @model_validator(mode="after")
    def _sources_exist(self) -> Self:
        for axis in Axis:
            if self.axis(axis).source not in self.sources:
                raise ValueError(f"{self.name}, {axis.name.lower()}: sources has no {self.axis(axis).source!r}")
        for index, figure in enumerate(self.published):
            if figure.source not in self.sources:
                raise ValueError(f"{self.name}, published[{index}]: sources has no {figure.source!r}")
            if figure.arch_spec not in self.arch_specs:
                raise ValueError(f"{self.name}, published[{index}]: arch_specs has no {figure.arch_spec!r}")
        return self


class Catalogue(_Model):
    """The file of accelerators, their names unique."""

    accelerators: Annotated[tuple[Accelerator, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [a.name for a in self.accelerators]
        if repeated := sorted({n for n in names if names.count(n) > 1}):
            raise ValueError(f"{repeated[0]} stands twice")
        return self


@cache
def load_taxonomy(path: str | Path | None = None) -> tuple[Accelerator, ...]:
    """Read the shipped catalogue, or one of the same form.

    Raises:
        SpecError: if the file is not a catalogue; file, field and reason are named.

    Examples:
        >>> next(a for a in load_taxonomy() if a.name == "VTA").degrees
        'TpO1P0S0'
    """
    path = shipped("taxonomy") / "accelerators.yaml" if path is None else fitting(Path, path, "taxonomy")
    return validated(Catalogue, yamlio.load(path), path).accelerators


taxonomy = load_taxonomy
"""`load_taxonomy`, by the name of the command."""


def taxonomy_cells(accelerators: tuple[Accelerator, ...] | None = None) -> tuple[list[str], list[list[str]]]:
    """Headings and cells of a table for the terminal; the catalogue has the reasons and citations."""
    columns = ["accelerator", "year", "class", "T", "O", "P", "S", "arch specs"]
    rows = []
    for a in accelerators or load_taxonomy():
        degrees = [a.axis(axis).degree for axis in Axis]
        rows.append([a.name, str(a.year), a.class_name, *degrees, ", ".join(a.arch_specs)])
    return columns, rows


def taxonomy_markdown(accelerators: tuple[Accelerator, ...] | None = None) -> str:
    """The catalogue as Markdown for docs/: a table that links the arch specs, then the reasons and citations."""
    accelerators = accelerators or load_taxonomy()
    columns, rows = taxonomy_cells(accelerators)
    linked = [", ".join(f"[{name}](../arch_specs/{name}.yaml)" for name in a.arch_specs) for a in accelerators]
    rows = [[*row[:-1], links] for row, links in zip(rows, linked, strict=True)]
    lines = [" | ".join(["", *cells, ""]).strip() for cells in [columns, ["---"] * len(columns), *rows]]
    for a in accelerators:
        lines += ["", f"**{a.name}** ({a.year}), {a.degrees}", ""]
        for axis in Axis:
            entry = a.axis(axis)
            lines.append(f"- {axis.value} {entry.degree}: {entry.reason} [{entry.source}]")
        lines += ["", *(f"  {key}: {citation}." for key, citation in a.sources.items())]
    return "\n".join(lines) + "\n"
