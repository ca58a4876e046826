"""What a study is about: archs and networks, each once and under a name of its own, and the digests that tell them.

Equal inputs count once. Different ones of the same name would be added up in every table, so those that come from files
are told apart by their folders, and others are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from pydantic import BaseModel

from flexloop.arch.base import Arch
from flexloop.arch.load import ArchSource, load_arch
from flexloop.atomic import safe_name
from flexloop.digests import digest_of
from flexloop.errors import SpecError, UnknownNameError
from flexloop.networks import NetworkSource, load_network
from flexloop.resources import is_file
from flexloop.workloads.layers import Layer, Network

DIGITS = 12
"""Hexadecimal digits of a digest that tables show."""

Named = TypeVar("Named", Arch, Network)


Archs: TypeAlias = ArchSource | Sequence[ArchSource]
"""An arch spec or several, as `flexloop.load_arch` takes them."""

Networks: TypeAlias = NetworkSource | Sequence[NetworkSource]
"""A network or several, as `flexloop.load_network` takes them."""


def load_archs(archs: Archs) -> list[Arch]:
    """Load arch specs, equal ones once, each under a name of its own.

    Args:
        archs: one or several of what `flexloop.load_arch` takes.

    Raises:
        FlexloopError: for an arch spec that does not exist or is wrong, or two of the same name that no file tells
            apart.
    """
    given = some("arch spec", archs)
    loaded = [load_arch(spec) for spec in given]
    return _told_apart("arch spec", given, loaded, arch_digest)


def load_networks(networks: Networks, parameters: dict[str, int]) -> list[Network]:
    """Load networks, equal ones once, each under a name of its own.

    Args:
        networks: one or several of what `flexloop.load_network` takes.
        parameters: each network takes those it has, and each parameter must have a taker.

    Raises:
        FlexloopError: for a network or a parameter that does not exist, or two different networks of the same name
            that no file tells apart.
    """
    given = some("network", networks)
    if len(given) == 1 and not isinstance(given[0], (Layer, Network)):
        return [load_network(given[0], **parameters)]
    loaded = [load_network(net) for net in given]
    known = {name for net in loaded for name in net.parameters}
    for name in parameters:
        if name not in known:
            raise UnknownNameError("network parameter", name, sorted(known))
    loaded = [
        default
        if isinstance(net, (Layer, Network))
        else load_network(net, **{n: v for n, v in parameters.items() if n in default.parameters})
        for net, default in zip(given, loaded, strict=True)
    ]
    return _told_apart("network", given, loaded, network_digest)


def listed(given: Any) -> list[Any]:
    """One thing or several as a list."""
    several = isinstance(given, Iterable) and not isinstance(given, (str, bytes, Mapping, BaseModel))
    return list(given) if several else [given]


def some(kind: str, given: Any) -> list[Any]:
    """As `listed`, where there must be at least one (SpecError if there is none)."""
    if not (several := listed(given)):
        raise SpecError(f"no {kind} is given: give one or more")
    return several


def arch_digest(arch: Arch) -> str:
    """SHA-256 of what an arch spec says beside its name, description and sources, in hexadecimal."""
    return digest_of(arch.model_dump(mode="json", exclude={"name", "description", "sources", "where"}))


def network_digest(network: Network) -> str:
    """SHA-256 of a network's layers, in hexadecimal."""
    return digest_of([layer.model_dump(mode="json") for layer in network.layers])


def _told_apart(
    kind: str, given: Sequence[Any], loaded: Sequence[Named], digest: Callable[[Named], str]
) -> list[Named]:
    """The different ones among what was loaded, renamed after their folders where several have one name."""
    origin: dict[tuple[str, str], Any] = {}
    once: dict[tuple[str, str], Named] = {}
    for source, it in zip(given, loaded, strict=True):
        key = (it.name, digest(it))
        origin.setdefault(key, source)
        once.setdefault(key, it)
    names = [name for name, _ in once]
    found = []
    for (name, told), it in once.items():
        if names.count(name) > 1:
            rivals = [origin[key] for key in once if key[0] == name and key != (name, told)]
            it = it.model_copy(update={"name": _name_of_file(kind, name, origin[name, told], rivals)})
        found.append(it)
    return found


def _name_of_file(kind: str, name: str, source: Any, rivals: Sequence[Any]) -> str:
    """A name made of as many of the file's folders as set it apart from its rivals' files."""
    files = [
        Path(it).resolve() if isinstance(it, (str, Path)) and is_file(Path(it)) else None for it in (source, *rivals)
    ]
    own = files[0]
    if own is not None:
        for length in range(1, len(own.parts)):
            ending = own.with_suffix("").parts[-length:]
            if all(file is None or file.with_suffix("").parts[-length:] != ending for file in files[1:]):
                return safe_name("-".join(ending)).lstrip("._-")[-80:] or name
    if all(file is None for file in files):
        raise SpecError(f"two different {kind}s are called {name!r}: their results would be added up; rename one")
    return name
