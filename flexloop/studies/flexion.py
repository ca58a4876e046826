"""How flexible an accelerator is, by the names of accelerators and networks."""

from __future__ import annotations

import pandas as pd

from flexloop.arch.load import ArchSource, load_arch
from flexloop.classes import FlexClass
from flexloop.flexibility.table import flexion_table as table_of
from flexloop.flexibility.tilings import Sampling
from flexloop.study import DEFAULT_ARCH
from flexloop.subjects import Networks, listed, load_networks


def flexion(
    networks: Networks = (),
    arch: ArchSource = DEFAULT_ARCH,
    flexclass: str | FlexClass | None = None,
    *,
    sampling: Sampling | None = None,
    network_parameters: dict[str, int] | None = None,
) -> pd.DataFrame:
    """Flexion of an accelerator, and of networks on it.

    Args:
        networks: one or several of what `flexloop.load_network` takes; without any, the table holds H-F alone.
        arch: what `flexloop.load_arch` takes.
        flexclass: a class or point of the lattice; None gives every axis at every degree, and the 16 classes.
        sampling: samples, seed and confidence of what is estimated.
        network_parameters: values for networks that take parameters, such as ``sequence_length``.

    Returns:
        The rows of `flexloop.flexibility.table.flexion_table`.

    Raises:
        FlexloopError: for an arch, a network, a parameter or a class that does not exist or is wrong.
    """
    chosen = None if flexclass is None else FlexClass.of(flexclass)
    nets = load_networks(networks, network_parameters or {}) if listed(networks) else []
    return table_of(load_arch(arch), nets, chosen, sampling)


def flexion_table(
    arch: ArchSource,
    networks: Networks = (),
    flexclass: str | FlexClass | None = None,
    sampling: Sampling | None = None,
) -> pd.DataFrame:
    """The older name of `flexion`, which takes the arch first."""
    return flexion(networks, arch, flexclass, sampling=sampling)
