"""What an operator's tensor shapes make of it: the bounds of a layer in the canonical eight dimensions."""

from __future__ import annotations

from collections.abc import Sequence

from flexloop.errors import SpecError, UnsupportedError

Shape = tuple[int, ...]


def convolution(
    inputs: Shape, weights: Shape, outputs: Shape, groups: int, strides: Sequence[int], dilations: Sequence[int]
) -> dict[str, int]:
    """Return the fields of a convolution's layer.

    Args:
        inputs: (batch, channels, height, width), or without the height.
        weights: (filters, channels of a group, height, width), or without the height.
        outputs: (batch, filters, height, width), or without the height.
        groups: number of groups.
        strides: one for each spatial axis, in the order of the shapes; none means 1.
        dilations: likewise.

    Raises:
        UnsupportedError: for more than two spatial axes.
        SpecError: if the shapes contradict one another.
    """
    axes = len(inputs) - 2
    if axes not in (1, 2):
        raise UnsupportedError(f"a convolution over {axes} spatial axes; one or two are modelled")
    if inputs[1] != weights[1] * groups or weights[0] % groups:
        raise SpecError(f"inputs {inputs} and weights {weights} do not fit {groups} groups")
    fields = {"N": inputs[0], "G": groups, "C": weights[1], "M": weights[0] // groups}
    for axis, (filter_name, output_name, letter) in enumerate((("R", "P", "W"), ("S", "Q", "H"))[:axes], start=1):
        fields |= {filter_name: weights[-axis], output_name: outputs[-axis]}
        fields |= {f"{letter}stride": strides[-axis] if strides else 1}
        fields |= {f"{letter}dilation": dilations[-axis] if dilations else 1}
    return fields


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
