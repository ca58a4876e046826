"""The shapes of two networks beside each other: what one of them leaves out, or has at other strides and extents."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import pandas as pd

from flexloop.workloads.layers import Layer, Network

_CHANNELS = ("G", "C", "M", "R", "S")
"""What is taken for the same layer: groups, channels and filter."""

Key = tuple[int, ...]


def shape_table(one: Network, other: Network) -> pd.DataFrame:
    """Layers of equal groups, channels and filter beside each other, in the order of the first network.

    Where one network has several of these at different extents, the largest of both stand together, and so on.

    Args:
        one, other: the networks, of different names.

    Returns:
        One row a pair: columns G, C, M, R, S; the layer's name under that of the network, its output (rows x columns,
        with the images of a batch), stride and count; the same of the other network; empty where it has none; and
        what differs.
    """
    mine, theirs = _by_channels(one), _by_channels(other)
    rows = []
    for key in dict.fromkeys([*mine, *theirs]):
        for here, there in itertools.zip_longest(mine.get(key, []), theirs.get(key, [])):
            about: dict[str, object] = dict(zip(_CHANNELS, key, strict=True))
            about |= {one.name: here.name if here else "", **_told(here)}
            about |= {other.name: there.name if there else ""}
            about |= {f"other {what}": value for what, value in _told(there).items()}
            rows.append(about | {"differs": ", ".join(_differences(one, here, other, there))})
    return pd.DataFrame.from_records(rows)


def shape_summary(pairs: Sequence[tuple[Network, Network]]) -> pd.DataFrame:
    """What two versions of networks have in all: one row a network, counts included.

    Columns: network, other, and for each of layers, strided (layers of a stride above 1), linear (matrix products),
    MACs and weights the figures of both; alike, the shapes that both have; of, the shapes of the first.
    """
    rows = []
    for one, other in pairs:
        mine, theirs = ({layer.shape_key for layer in net.layers} for net in (one, other))
        row: dict[str, object] = {"network": one.name, "other": other.name}
        for what, value in _totals(one).items():
            row |= {what: value, f"{what}, other": _totals(other)[what]}
        rows.append(row | {"alike": len(mine & theirs), "of": len(mine)})
    return pd.DataFrame.from_records(rows)


def _by_channels(network: Network) -> dict[Key, list[Layer]]:
    found: dict[Key, list[Layer]] = {}
    for layer in network.unique().layers:
        found.setdefault(tuple(getattr(layer, d) for d in _CHANNELS), []).append(layer)
    return {key: sorted(layers, key=lambda layer: -layer.N * layer.P * layer.Q) for key, layers in found.items()}


def _told(layer: Layer | None) -> dict[str, object]:
    if layer is None:
        return {"output": "", "stride": "", "count": ""}
    return {"output": _output(layer), "stride": _stride(layer), "count": layer.count}


def _output(layer: Layer) -> str:
    return (f"{layer.N} x " if layer.N > 1 else "") + f"{layer.P} x {layer.Q}"


def _stride(layer: Layer) -> str:
    strides, dilations = (layer.Wstride, layer.Hstride), (layer.Wdilation, layer.Hdilation)
    text = str(strides[0]) if strides[0] == strides[1] else f"{strides[0]} x {strides[1]}"
    return text if dilations == (1, 1) else f"{text}, dilation {dilations[0]} x {dilations[1]}"


def _differences(one: Network, here: Layer | None, other: Network, there: Layer | None) -> Iterator[str]:
    if here is None or there is None:
        yield f"only in {one.name if there is None else other.name}"
        return
    for what, of in (("output", _output), ("stride", _stride)):
        if of(here) != of(there):
            yield what
    if here.count != there.count:
        yield "count"


def _totals(network: Network) -> dict[str, int]:
    def counted(layers: Iterator[Layer]) -> int:
        return sum(layer.count for layer in layers)

    return {
        "layers": network.occurrences,
        "strided": counted(layer for layer in network.layers if max(layer.Wstride, layer.Hstride) > 1),
        "linear": counted(layer for layer in network.layers if layer.G * layer.R * layer.S * layer.Q == 1),
        "MACs": network.macs,
        "weights": network.weights,
    }
