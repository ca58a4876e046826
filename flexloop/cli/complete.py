"""What a shell offers where a value is being typed: classes, shipped networks and arch specs."""

from __future__ import annotations

from collections.abc import Callable, Iterable


def networks(incomplete: str) -> list[str]:
    """Shipped networks."""
    from flexloop.networks import network_names

    return _beginning(network_names(), incomplete)


def archs(incomplete: str) -> list[str]:
    """Shipped arch specs."""
    from flexloop.arch.load import arch_names

    return _beginning(arch_names(), incomplete)


def classes(incomplete: str) -> list[str]:
    """The 16 classes, in any letter case."""
    from flexloop.classes import all_classes

    return _beginning([str(c) for c in all_classes()], incomplete.upper())


def one_of(*names: str) -> Callable[[str], list[str]]:
    """Some given words."""

    def words(incomplete: str) -> list[str]:
        return _beginning(names, incomplete)

    return words


def _beginning(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
