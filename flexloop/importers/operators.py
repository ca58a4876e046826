"""What an operator's tensor shapes make of it: the bounds of a layer in the canonical eight dimensions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import product
from math import gcd, prod

from flexloop.errors import SpecError, UnsupportedError

Shape = tuple[int, ...]


class Unfit(UnsupportedError):
    """Work that is no layer of the canonical shape: why, and its multiply-accumulates where they are known."""

    def __init__(self, reason: str, macs: int | None = None) -> None:
        super().__init__(reason)
        self.macs = macs


def convolution(
    inputs: Shape, weights: Shape, outputs: Shape, groups: int, strides: Sequence[int], dilations: Sequence[int]
) -> dict[str, int]:
    """Return the fields of a convolution's layer.

    Of three spatial axes, one whose windows do not overlap (a kernel of 1, a stride of the kernel's extent, one output)
    is no loop of its own: its kernel counts as channels, its outputs count as images.

    Args:
        inputs: (batch, channels, height, width), or without the height, or with a depth before it.
        weights: (filters, channels of a group, height, width), likewise.
        outputs: (batch, filters, height, width), likewise.
        groups: number of groups.
        strides: one for each spatial axis, in the order of the shapes; none means 1.
        dilations: likewise.

    Raises:
        Unfit: for more than two spatial axes along which windows overlap.
        SpecError: if the shapes contradict one another.
    """
    axes = len(inputs) - 2
    if not axes == len(weights) - 2 == len(outputs) - 2 >= 1:
        raise SpecError(f"inputs {inputs}, weights {weights} and outputs {outputs} are those of no convolution")
    if inputs[1] != weights[1] * groups or weights[0] % groups:
        raise SpecError(f"inputs {inputs} and weights {weights} do not fit {groups} groups")
    windows = list(zip(weights[2:], outputs[2:], strides or [1] * axes, dilations or [1] * axes, strict=True))
    fields = {"N": inputs[0], "G": groups, "C": weights[1], "M": weights[0] // groups}
    while len(windows) > 2:
        apart = (i for i, (kernel, out, step, gap) in enumerate(windows) if out == 1 or step > (kernel - 1) * gap)
        index = next(apart, None)
        if index is None:
            raise Unfit(
                f"a convolution over {axes} spatial axes with windows that overlap along {len(windows)}; one or two "
                "are modelled",
                prod(outputs) * prod(weights[1:]),
            )
        kernel, out, *_ = windows.pop(index)
        fields["C"] *= kernel
        fields["N"] *= out
    for (kernel, out, step, gap), (taps, places, letter) in zip(reversed(windows), _SPATIAL, strict=False):
        fields |= {taps: kernel, places: out, f"{letter}stride": step, f"{letter}dilation": gap}
    return fields


_SPATIAL = (("R", "P", "W"), ("S", "Q", "H"))
"""Names along the width and the height: of the kernel's extent, the output's, and what steps begin with."""


def transposed_convolution(
    inputs: Shape,
    weights: Shape,
    outputs: Shape,
    groups: int,
    strides: Sequence[int],
    dilations: Sequence[int],
    pads: Sequence[int],
) -> list[dict[str, int]]:
    """Return the fields of the convolutions that a transposed one is, exactly.

    Along each axis, outputs that lie a stride apart are made of the same taps; they are a convolution of stride 1 over
    the inputs with these taps. So there are as many convolutions as combinations of such positions along the axes,
    those of like extents merged (``count``). An output that no tap meets takes no multiplication. No multiplication by
    inserted zeros is among them; padding counts as input, as it does of other convolutions.

    Args:
        inputs: (batch, channels, height, width), or with one or three spatial axes.
        weights: (channels, filters of a group, height, width), likewise.
        outputs: (batch, filters, height, width), likewise.
        groups: number of groups.
        strides: one for each spatial axis; none means 1.
        dilations: likewise.
        pads: outputs cut off at the beginning of each spatial axis; none means 0.

    Raises:
        Unfit: for more than two spatial axes along which windows overlap.
        SpecError: if the shapes contradict one another.

    Examples:
        >>> transposed_convolution((1, 8, 10, 10), (8, 4, 4, 4), (1, 4, 20, 20), 1, (2, 2), (1, 1), (1, 1))[0]["R"]
        2
    """
    axes = len(inputs) - 2
    if not axes == len(weights) - 2 == len(outputs) - 2 >= 1 or inputs[1] != weights[0] or weights[0] % groups:
        raise SpecError(f"inputs {inputs} and weights {weights} do not fit {groups} groups")
    steps, gaps = strides or (1,) * axes, dilations or (1,) * axes
    along = [
        _residues(kernel, out, step, gap, pad)
        for kernel, out, step, gap, pad in zip(weights[2:], outputs[2:], steps, gaps, pads or (0,) * axes, strict=True)
    ]
    counted = Counter(product(*along))
    filters = (weights[1] * groups, weights[0] // groups)
    try:
        return [
            convolution(
                (*inputs[:2], *(1,) * axes),
                (*filters, *(taps for taps, _, _ in kinds)),
                (*outputs[:2], *(places for _, places, _ in kinds)),
                groups,
                (),
                [gap for _, _, gap in kinds],
            )
            | ({"count": count} if count > 1 else {})
            for kinds, count in counted.items()
        ]
    except Unfit as error:
        each = (prod(taps * places for taps, places, _ in kinds) * count for kinds, count in counted.items())
        raise Unfit(f"transposed, {error}", outputs[0] * prod(weights[:2]) * sum(each)) from error


def _residues(kernel: int, outputs: int, stride: int, dilation: int, pad: int) -> Iterator[tuple[int, int, int]]:
    """Taps, outputs and dilation of each set of outputs a stride apart; sets without a tap are left out.

    Output o takes input (o + pad - tap * dilation) / stride where that is a whole number.
    """
    for residue in range(stride):
        taps = [tap for tap in range(kernel) if (tap * dilation - residue) % stride == 0]
        places = len(range((residue - pad) % stride, outputs, stride))
        if taps and places:
            yield len(taps), places, dilation // gcd(dilation, stride) if len(taps) > 1 else 1


def matmul(inputs: Shape, weights: Shape) -> dict[str, int]:
    """Return the fields of a matrix product's layer, with NumPy's rules for vectors and leading axes.

    Leading axes that both operands have are groups; those of the inputs alone are rows, those of the weights alone are
    columns.

    Args:
        inputs: (..., rows, inner).
        weights: (..., inner, columns).

    Raises:
        SpecError: if the shapes do not fit.

    Examples:
        >>> matmul((12, 512, 64), (12, 64, 512))
        {'G': 12, 'P': 512, 'C': 64, 'M': 512}
        >>> matmul((8, 512, 768), (768, 3072))
        {'G': 1, 'P': 4096, 'C': 768, 'M': 3072}
    """
    left = (1, *inputs) if len(inputs) == 1 else inputs
    right = (*weights, 1) if len(weights) == 1 else weights
    rank = max(len(left), len(right))
    left, right = (1,) * (rank - len(left)) + left, (1,) * (rank - len(right)) + right
    groups, rows, inner, columns = 1, left[-2], left[-1], right[-1]
    fits = inner == right[-2]
    for a, b in zip(left[:-2], right[:-2], strict=True):
        if a == b:
            groups *= a
        elif b == 1:
            rows *= a
        elif a == 1:
            columns *= b
        else:
            fits = False
    if not fits:
        raise SpecError(f"shapes {inputs} and {weights} cannot be multiplied")
    return {"G": groups, "P": rows, "C": inner, "M": columns}


def transposed(shape: Shape) -> Shape:
    """Return a matrix's shape with its last two axes exchanged; a vector's is unchanged."""
    return shape if len(shape) < 2 else (*shape[:-2], shape[-1], shape[-2])
