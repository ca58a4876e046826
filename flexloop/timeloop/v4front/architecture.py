"""The architecture of a v4 file: nodes outermost first, each a component, a container, or nodes side by side."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Number
from typing import Any

from flexloop.errors import SpecError, UnknownNameError
from flexloop.timeloop.v4front.constraints import ConstraintGroup, Factors
from flexloop.timeloop.v4front.document_version import VERSION
from flexloop.timeloop.v4front.section import ANY, Field, Items, Section, items, section
from flexloop.timeloop.v4front.sparse import SparseOptimizations

_STORAGE = ("DRAM", "SRAM", "regfile", "smartbuffer", "storage")
_COMPUTE = ("mac", "intmac", "fpmac", "compute")
_NETWORK = ("XY_NoC", "Legacy", "ReductionTree", "SimpleMulticast")
_NOTHING = ("nothing",)


class Attributes(Section):
    """Attributes of a node; every text that is not in quotes is an expression."""

    fields = {"has_power_gating": Field((str, bool), False), "power_gated_at": Field((str,), None)}
    others = ANY
    expressions = True


class StorageAttributes(Attributes):
    """Attributes of a storage level."""

    fields = {
        "datawidth": Field((str, int)),
        "technology": Field((str, int), None),
        "n_banks": Field((str, int), 2),
        "block_size": Field((str, int), None),
        "cluster_size": Field((str, int), 1),
        "width": Field((str, int), None),
        "depth": Field((str, int), None),
        "entries": Field((str, int), None),
        "sizeKB": Field((str, int), None),
        "reduction_supported": Field((str, bool), True),
        "multiple_buffering": Field((str, Number), 1),
        "min_utilization": Field((str, Number), 0),
        "shared_bandwidth": Field((str, Number), None),
        "read_bandwidth": Field((str, Number), None),
        "write_bandwidth": Field((str, Number), None),
        "network_fill_latency": Field((str, int), None),
        "network_drain_latency": Field((str, int), None),
        "per_dataspace_bandwidth_consumption_scale": Field((dict,), {}),
        "allow_overbooking": Field((str, bool), False),
        "metadata_block_size": Field((str, int), None),
        "metadata_datawidth": Field((str, int), None),
        "metadata_storage_width": Field((str, int), None),
        "metadata_storage_depth": Field((str, int), None),
        "concordant_compressed_tile_traversal": Field((str, bool), None),
        "tile_partition_supported": Field((str, bool), None),
        "decompression_supported": Field((str, bool), None),
        "compression_supported": Field((str, bool), None),
    }


class Fanout(Section):
    """How many instances of a node there are along each axis."""

    fields = {"meshX": Field((int,), 1), "meshY": Field((int,), 1)}
    exposed = Section.exposed | {"get_fanout"}

    def get_fanout(self) -> Any:
        """Instances of the node."""
        return self["meshX"] * self["meshY"]


class FullLoops(Section):
    """CiMLoop: the factors with which loops fill a node."""

    fields = {"factors": items(Factors)}


class MaxUtilization(Section):
    """CiMLoop: what fills a node."""

    fields = {
        kind: Field((FullLoops,), None, lambda value, where: FullLoops(value, where))
        for kind in ("spatial", "temporal")
    }


class Leaf(Section):
    """A node that holds no others."""

    fields = {
        "name": Field((str,)),
        "attributes": section(Attributes),
        "spatial": section(Fanout),
        "constraints": section(ConstraintGroup),
        "sparse_optimizations": section(SparseOptimizations),
        "max_utilization": Field((MaxUtilization,), None, lambda value, where: MaxUtilization(value, where)),
    }
    exposed = Section.exposed | {"get_fanout"}

    def get_fanout(self) -> Any:
        """Instances of the node."""
        return self["spatial"].get_fanout()


class Container(Leaf):
    """A node around all that follows; its attributes are theirs too."""

    fields = {"networks": items(Items)}


class ArrayContainer(Container):
    """CiMLoop: a container whose instances are a side of an array of cells."""


class Component(Leaf):
    """A node that is a component."""

    fields = {
        "class": Field((str,)),
        "subclass": Field((str,), None),
        "required_actions": Field((list,), []),
        "area_scale": Field((Number,), None),
        "energy_scale": Field((Number,), None),
        "enabled": Field((bool,), True),
    }


class Storage(Component):
    """A component that stores."""

    fields = {"attributes": section(StorageAttributes)}


class Compute(Component):
    """A component that computes."""


class Network(Component):
    """A component that transports."""


class Nothing(Component):
    """No component: what a branch holds that has none."""

    fields = {"name": Field((str,), "nothing"), "class": Field((str,), "nothing")}


class Nodes(Items):
    """Nodes, outermost first."""

    joins = True

    @classmethod
    def add_attr(cls, key_or_tag: str, required_type: Any = None, *_: Any, **__: Any) -> None:
        """Have a tag make a kind of nodes, in every specification that is read from then on."""
        NODE_KINDS[key_or_tag] = required_type

    def item(self, value: Any, where: str) -> Any:
        """The node of the kind that its tag or, for a component, its class names."""
        name = value.get("name") if isinstance(value, dict) else None
        where = f"{where} ({name})" if isinstance(name, str) else where
        if isinstance(value, (Leaf, Branch)):
            return type(value)(value, where)
        tag = getattr(value, "tag", "")
        if not isinstance(value, dict) or tag not in NODE_KINDS:
            known = ", ".join(NODE_KINDS)
            raise SpecError(f"{where}: {tag or str(value)[:60]!r} is no node; before a node stands one of: {known}")
        return NODE_KINDS[tag](value, where)


class Branch(Section):
    """Nodes that together stand as one."""

    fields = {"nodes": items(Nodes)}
    exposed = Section.exposed | {"find", "name2leaf"}

    def leaves(self) -> list[Leaf]:
        """All leaves below."""
        return self.below(Leaf)

    def name2leaf(self, name: str) -> Leaf:
        """The leaf of a name (UnknownNameError if there is none)."""
        for leaf in self.leaves():
            if leaf["name"] == name:
                return leaf
        raise UnknownNameError("component", name, [leaf["name"] for leaf in self.leaves()])

    find = name2leaf

    def name2constraints(self, name: str) -> ConstraintGroup:
        """The constraints at the leaf of a name (UnknownNameError if there is none)."""
        found: ConstraintGroup = self.name2leaf(name)["constraints"]
        return found


class Hierarchical(Branch):
    """Nodes each around those that follow."""


class Parallel(Branch):
    """Nodes side by side: each data space passes through one of them."""


class Pipelined(Branch):
    """Nodes one after the other."""


class Architecture(Hierarchical):
    """The whole architecture."""

    fields = {"version": VERSION}

    def check(self, *, evaluated: bool = True) -> None:
        """As `Section.check`; names must be unique too."""
        super().check(evaluated=evaluated)
        names = [leaf["name"] for leaf in self.leaves()]
        for name in names:
            if names.count(name) > 1 and name != "nothing":
                raise SpecError(f"{self.where}: two nodes are called {name!r}; names must be unique")

    def combine(self, other: Architecture) -> Architecture:
        """Append the nodes of another file's architecture."""
        self["nodes"].extend(other["nodes"])
        return self


def component(value: Any, where: str) -> Component:
    """The component of the kind that its class tells.

    Raises:
        SpecError: if it has no class, or one that tells no kind.
    """
    name = value.get("class")
    if not isinstance(name, str):
        raise SpecError(f"{where}: a component needs a class, not {str(name)[:60]!r}")
    for words, kind in _BY_CLASS:
        if any(word in name for word in words):
            return kind(value, where)
    known = ", ".join(word for words, _ in _BY_CLASS for word in words)
    raise SpecError(f"{where}: class {name[:60]!r} has none of these words in it: {known}")


_BY_CLASS: tuple[tuple[tuple[str, ...], type[Component]], ...] = (
    (_STORAGE, Storage),
    (_COMPUTE, Compute),
    (_NETWORK, Network),
    (_NOTHING, Nothing),
)

NODE_KINDS: dict[str, Any] = {
    "!Component": component,
    "!Container": Container,
    "!ArrayContainer": ArrayContainer,
    "!Hierarchical": Hierarchical,
    "!Parallel": Parallel,
    "!Pipelined": Pipelined,
    "!Nothing": Nothing,
}
"""What makes a node, by its tag."""


def walk(branch: Branch, *, in_parallel: bool = False) -> Iterator[tuple[Leaf, bool]]:
    """The leaves of a branch as they stand, outermost first, and whether each stands in a `Parallel` itself."""
    for node in branch["nodes"]:
        if isinstance(node, Branch):
            yield from walk(node, in_parallel=isinstance(node, Parallel))
        else:
            yield node, in_parallel
