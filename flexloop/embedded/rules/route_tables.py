"""The networks that use energy, and a workspace for what they carry (rules 22 to 27)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from flexloop.embedded import networks
from flexloop.embedded.arrays import Floats, Ints
from flexloop.embedded.jit import F1, F2, F3, F4, I2, I3, I4, types
from flexloop.embedded.rules.workspace import ENTRIES
from flexloop.embedded.spec import Spec

NET_LEVEL, NET_KIND, NET_CARRIES, NET_RETURNS, NET_HOP, NET_OWN, NET_INGRESS = range(7)
"""Columns of `Routes.networks`; the own energy is that of a router, or of an adder."""

LEGACY, TREE, MULTICAST = range(3)
"""Kinds of networks."""

ACCESSES, HOPS = range(2)
"""Last axis of `Routes.carried`."""

FANOUT, USED, LINKED, OWNED = range(4)
"""Last axis of `Routes.about`: children, entries in use, words that neighbours hand on, words of the level's own."""

INGRESSES, MEAN_HOPS, ENERGY, LINK_ENERGY, REDUCTIONS, REDUCTION_ENERGY = range(6)
"""Last axis of `Routes.figures`."""


class Routes(NamedTuple):
    """The networks that may use energy, and a workspace for what each level gives its children, of one mapping.

    Attributes:
        networks: float64[N, 7] the level that each begins at, kind, what it carries, whether partial sums return;
            energies of a word over a hop, of a router or adder, of a word that enters.
        sent: float64[N, T, A+1] energy of a word sent to so many children by a multicast network.
        keys: int64[L, T, E, 2] multicast and scatter of each entry of a histogram of accesses.
        carried: float64[L, T, E, 2] its accesses, and hops of all their words.
        about: int64[L, T, 4], see `FANOUT`.
        figures: float64[N, T, 6] of one instance for each network and data space, see `INGRESSES`.
        hops: float64[A+1] hops of one word to all groups of so many children.
        member: int64[3, A+1] children in the order of their groups, where each group begins, how many are found.
        entry, hop: int64[E, 2], float64[E] a histogram of hops.
    """

    networks: Floats
    sent: Floats
    keys: Ints
    carried: Floats
    about: Ints
    figures: Floats
    hops: Floats
    member: Ints
    entry: Ints
    hop: Floats


ROUTES = types.NamedTuple([F2, F3, I4, F4, I3, F3, F1, I2, I2, F1], Routes)
"""Numba's type of Routes."""


def make_routes(spec: Spec) -> Routes:
    """The networks of a specification, and a workspace."""
    levels, spaces, count = len(spec.levels), len(spec.data_space_names), len(spec.costly_networks)
    entries = ENTRIES + 1 if count else 0
    most = spec.mac.instances if count else 0
    return Routes(
        networks=_networks(spec),
        sent=_sent(spec),
        keys=np.zeros((levels, spaces, entries, 2), np.int64),
        carried=np.zeros((levels, spaces, entries, 2), np.float64),
        about=np.zeros((levels, spaces, 4), np.int64),
        figures=np.zeros((count, spaces, 6), np.float64),
        hops=np.zeros(most + 1, np.float64),
        member=np.zeros((3, most + 1), np.int64),
        entry=np.zeros((entries, 2), np.int64),
        hop=np.zeros(entries, np.float64),
    )


_KINDS = {networks.LEGACY: LEGACY, networks.TREE: TREE, networks.MULTICAST: MULTICAST}


def _networks(spec: Spec) -> Floats:
    rows = np.zeros((len(spec.costly_networks), 7), np.float64)
    for n, network in enumerate(spec.costly_networks):
        own = network.adder_energy if network.kind == networks.TREE else network.router_energy or 0.0
        returns = network.returns and network.carries != networks.READ_FILL
        rows[n, :NET_HOP] = (network.level, _KINDS[network.kind], network.carries, returns)
        rows[n, NET_HOP:] = (network.energy_a_hop, own, network.ingress_energy or 0.0)
    return rows


def _sent(spec: Spec) -> Floats:
    """Energies by number of children; those of networks that are none of multicast are not read."""
    multicast = any(network.kind == networks.MULTICAST for network in spec.costly_networks)
    most = spec.mac.instances if multicast else 0
    table = np.zeros((len(spec.costly_networks), len(spec.data_space_names), most + 1), np.float64)
    for n, network in enumerate(spec.costly_networks):
        for t, (_, energies) in enumerate(network.energies):
            for children, energy in energies:
                if children <= most:
                    table[n, t, children or slice(None)] = energy
    return table
