"""What every arch can be asked, however its file is written.

An arch is hardware (a chain of storage levels with fanouts between them) and constraints that an axis frees. A file
gives them as an arch spec, in the compact form of `flexloop.arch.spec`, or as a Timeloop design
(`flexloop.arch.design.model`). Which of the two a file is, is looked at where it is read (`flexloop.arch.load`);
everything else asks what stands here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from flexloop.arch.extents import Extents
from flexloop.classes import Axis, Degree, FlexClass
from flexloop.errors import UnsupportedError
from flexloop.validation import FileModel
from flexloop.workloads.layers import Layer

if TYPE_CHECKING:
    from flexloop.arch.design.model import Design
    from flexloop.arch.spec import ArchSpec
    from flexloop.arch.variant import OnLayer

Name = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[A-Za-z][A-Za-z0-9_\-]*$")]


@dataclass(frozen=True)
class Memory:
    """What tables, figures and energies need to know of a storage level.

    Attributes:
        name: the component's name.
        kind: its class, such as ``DRAM`` or ``SRAM``.
        on_chip: whether its area counts.
        instances: how many there are at the arch's own extents.
        capacity: words that a tile may occupy in one instance, or None where unbounded.
        bits: of storage in one instance, those of double buffering included, or None where unbounded.
        word_bits: bits of a word.
        block_size: words of one access.
        row_bits: bits of a row.
        read_bandwidth, write_bandwidth: words a cycle of one instance; infinite without a limit.
        keep: the data spaces stored here in every class.
        may_keep: those that a mapping may store here or not.
    """

    name: str
    kind: str
    on_chip: bool
    instances: int
    capacity: int | None
    bits: int | None
    word_bits: int
    block_size: int
    row_bits: int
    read_bandwidth: float
    write_bandwidth: float
    keep: tuple[str, ...]
    may_keep: tuple[str, ...] = ()


@dataclass(frozen=True)
class Arithmetic:
    """The arithmetic units.

    Attributes:
        name: the component's name.
        instances: how many there are.
        word_bits: bits of an operand.
    """

    name: str
    instances: int
    word_bits: int


class Arch(FileModel, ABC):
    """Hardware, and what each axis pins.

    Attributes:
        name: how commands and tables refer to it.
        description: one line for tables.
        sources: where it comes from.
        edge: what becomes of pinned factors on a layer that they do not divide.
        depthwise: what takes M's pinned factors on a depthwise layer.
    """

    name: Name
    description: str = ""
    sources: tuple[str, ...] = ()

    if TYPE_CHECKING:
        edge: str
        depthwise: str

    # -- hardware -----------------------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def pes(self) -> int:
        """Processing elements of the array."""

    @property
    @abstractmethod
    def lanes(self) -> int:
        """Arithmetic units of one processing element."""

    @property
    @abstractmethod
    def memories(self) -> Sequence[Memory]:
        """The storage levels, outermost first."""

    @property
    @abstractmethod
    def arithmetic(self) -> Arithmetic:
        """The arithmetic units."""

    @property
    @abstractmethod
    def node(self) -> str:
        """Technology node of energies and areas."""

    @property
    @abstractmethod
    def units(self) -> dict[str, int]:
        """Instances of what stands several times and holds parts of flexibility, by name."""

    @property
    @abstractmethod
    def shared_buffers(self) -> int:
        """On-chip levels above the array."""

    @property
    @abstractmethod
    def component_paths(self) -> dict[str, str]:
        """Path in Timeloop's component tree of everything that an energy table may have, by the component's name."""

    @property
    @abstractmethod
    def without_energy(self) -> frozenset[str]:
        """Components that an energy table may lack: those at no cost, and networks, which Timeloop prices itself."""

    @property
    def networks(self) -> frozenset[str]:
        """Components between levels whose energies Timeloop infers."""
        return frozenset()

    @property
    def level_names(self) -> tuple[str, ...]:
        """Names of the storage levels, innermost first."""
        return tuple(memory.name for memory in reversed(self.memories))

    @abstractmethod
    def chain(self, *, partitioned: bool) -> tuple[str, ...]:
        """Names of the storage levels that Timeloop is given, innermost first; ``partitioned`` as in `Variant`."""

    @abstractmethod
    def template(self, extents: Extents, *, partitioned: bool) -> tuple[str, dict[str, Any]]:
        """The template of the architecture that Timeloop reads, and what it is given, by name."""

    # -- other sizes --------------------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def knobs(self) -> Sequence[str]:
        """The names of what can be scaled (see `flexloop.arch.knobs`)."""

    @abstractmethod
    def scaled(self, factors: Mapping[str, float]) -> Arch:
        """The arch at other sizes, by factors of its `knobs`; an arch spec gets the smallest fixed tile there is.

        Raises:
            SpecError: if there is no such hardware.
            UnknownNameError, UnsupportedError: for a name of something that is not there, or is not scaled.
        """

    # -- the axes -----------------------------------------------------------------------------------------------------

    @property
    def own_extents(self) -> Extents:
        """The extents as they are."""
        return self.extents(Degree.FIXED)[0]

    @abstractmethod
    def extents(self, degree: Degree) -> list[Extents]:
        """The values of the shape axis at a degree."""

    @abstractmethod
    def on(self, layer: Layer) -> OnLayer:
        """The arch on a layer: the mapspaces of its classes."""

    def least_equivalent(self, flexclass: FlexClass) -> FlexClass:
        """The least flexible class with the same mapspaces."""
        return flexclass

    # -- in words -----------------------------------------------------------------------------------------------------

    @abstractmethod
    def array_in_words(self) -> str:
        """The array in a few words."""

    @abstractmethod
    def axes_in_words(self) -> list[tuple[str, str, str, str]]:
        """For each axis: its letter, and what it may do at degrees 0, p and 1."""

    def causes(self, axis: Axis) -> list[tuple[str, str]]:
        """What an axis's degree 0 rests on, in words, each with its file and line ('' where none is known)."""
        return [({row[0]: row[1] for row in self.axes_in_words()}[axis.value], "")]

    @abstractmethod
    def text(self) -> str:
        """The arch as a file that `flexloop.load_arch` reads back to an equal one."""

    def document(self) -> dict[str, Any]:
        """The arch as plain data that `flexloop.load_arch` reads back to an equal one."""
        return self.model_dump(mode="json")

    def as_design(self, who: str) -> Design:
        """The arch where it is a Timeloop design.

        Args:
            who: what needs that, for the message.

        Raises:
            UnsupportedError: for an arch spec.
        """
        raise UnsupportedError(
            f"{who} is for Timeloop designs, whose axes may be open; {self.name} is an arch spec, whose axes all have "
            "fixed values (`flexloop design` finds others)"
        )

    def as_spec(self, who: str) -> ArchSpec:
        """The arch where it is written as an arch spec.

        Args:
            who: what needs that, for the message.

        Raises:
            UnsupportedError: for a Timeloop design.
        """
        raise UnsupportedError(
            f"{who}: not for {self.name}, a Timeloop design; write an arch spec (`flexloop arch new`), or use another "
            "command: run, compare, isolate, design, future-proof, explore, classify, flexion, render and report take "
            "designs"
        )
