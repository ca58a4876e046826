"""How flexible an accelerator is, by the names of accelerators and networks."""

from __future__ import annotations

import pandas as pd

from flexloop.arch.load import ArchSource, load_arch
from flexloop.classes import FlexClass
from flexloop.flexion.table import flexion_table as table_of
from flexloop.flexion.tilings import Sampling
from flexloop.subjects import Networks, load_networks


def flexion_table(
    arch: ArchSource,
    networks: Networks = (),
    flexclass: str | FlexClass | None = None,
    sampling: Sampling | None = None,
) -> pd.DataFrame:
    """Flexion of an accelerator, and of networks on it.

    Args:
        arch: what `flexloop.load_arch` takes.
        networks: one or several of what `flexloop.load_network` takes; without any, the table holds H-F alone.
        flexclass: a class or point of the lattice; None gives every axis at every degree, and the 16 classes.
        sampling: samples, seed and confidence of what is estimated.

    Returns:
        The rows of `flexloop.flexion.table.flexion_table`.
    """
    chosen = None if flexclass is None else FlexClass.of(flexclass)
    return table_of(load_arch(arch), load_networks(networks, {}), chosen, sampling)
