"""Networks from PyTorch modules: a forward pass without data, whose convolutions and matrix products become layers.

Needs the package ``torch``. Parameters and activations have shapes and no values, so a model of any size takes no
memory; what is multiplied is read off the operators that PyTorch itself falls back to.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

from flexloop.errors import FlexloopError, SpecError, UnsupportedError
from flexloop.importers import operators
from flexloop.importers.names import clean
from flexloop.importers.operators import Shape
from flexloop.validation import validated
from flexloop.workloads.layers import Network

_PRODUCTS = {"mm": (0, 1), "bmm": (0, 1), "addmm": (1, 2), "baddbmm": (1, 2)}
"""Operators that multiply matrices, and which of their arguments are multiplied."""

_HIDDEN = re.compile(r"scaled_dot_product|_thnn|lstm|gru|rnn|deform|_transformer_encoder", re.IGNORECASE)
"""Names of operators whose multiplications are not seen one by one."""


def import_torch(factory: str, inputs: Sequence[Shape]) -> Network:
    """The network of a module, with identical layers merged.

    Args:
        factory: ``package.module:function``; called without arguments it returns the module.
        inputs: shapes of the module's inputs, one for each.

    Raises:
        FlexloopError: if torch is not installed.
        SpecError: if there is no such function, it makes no module, or the module does not take such inputs.
        UnsupportedError: for operators whose multiplications cannot be counted.
    """
    try:
        import torch
    except ImportError as error:
        raise FlexloopError("reading PyTorch modules needs the package torch: pip install torch") from error
    make = _factory(factory)
    with torch.device("meta"):
        module = make()
    if not isinstance(module, torch.nn.Module):
        raise SpecError(f"--torch {factory}: makes a {type(module).__name__}, not a torch.nn.Module")
    layers = _traced(torch, module.eval(), inputs, factory)
    if not layers:
        raise SpecError(f"--torch {factory}: no convolution and no matrix product found")
    network = {
        "name": clean(factory.rpartition(":")[2]) or "torch",
        "description": f"imported from PyTorch, inputs {', '.join('x'.join(map(str, shape)) for shape in inputs)}",
        "sources": (f"{factory}, torch {torch.__version__}",),
        "layers": tuple(layers),
    }
    return validated(Network, network, f"--torch {factory}").unique()


def parse_shape(text: str) -> Shape:
    """A shape written as ``1x3x224x224``.

    Raises:
        SpecError: if it is none.

    Examples:
        >>> parse_shape("1x3x224x224")
        (1, 3, 224, 224)
    """
    if not re.fullmatch(r"[1-9][0-9]{0,8}(x[1-9][0-9]{0,8})*", text):
        raise SpecError(f"--input {text!r}: write the extents with x between them, as in 1x3x224x224")
    return tuple(map(int, text.split("x")))


def _factory(text: str) -> Callable[[], Any]:
    name, _, attribute = text.partition(":")
    try:
        found = getattr(importlib.import_module(name), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise SpecError(f"--torch {text!r}: {error}; write PACKAGE.MODULE:FUNCTION") from error
    if not callable(found):
        raise SpecError(f"--torch {text!r}: {attribute} is no function")
    return found  # type: ignore[no-any-return]


def _traced(torch: Any, module: Any, inputs: Sequence[Shape], factory: str) -> list[dict[str, Any]]:
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils._python_dispatch import TorchDispatchMode

    found: list[dict[str, Any]] = []
    parameters = {id(parameter): 0 for parameter in module.parameters()} | _packed(torch, module)
    inside: list[str] = []

    class Recorder(TorchDispatchMode):  # type: ignore[misc]
        def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), keywords: Any = None) -> Any:
            result = function(*arguments, **(keywords or {}))
            name = function.__name__.partition(".")[0]
            if name == "convolution":
                layers = _convolutions(arguments, result)
            elif name in _PRODUCTS:
                left, right = (arguments[index] for index in _PRODUCTS[name])
                layers = [_product(left, right, parameters)]
            elif _HIDDEN.search(name):
                raise UnsupportedError(f"--torch {factory}: operator {name} hides its multiplications")
            else:
                return result
            for fields in layers:
                name = f"{inside[-1] if inside else 'layer'}.{len(found)}"[-70:].lstrip("._-")
                found.append({"name": name, **fields})
            return result

    def entered(name: str) -> Callable[..., None]:
        return lambda *_: inside.append(name)

    for name, part in module.named_modules():
        part.register_forward_pre_hook(entered(name or "layer"))
        part.register_forward_hook(lambda *_: inside.pop() and None)
    tensors = [torch.empty(shape, device="meta") for shape in inputs]
    try:
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), Recorder():
            module(*tensors)
    except FlexloopError:
        raise
    except Exception as error:
        shapes = ", ".join("x".join(map(str, shape)) for shape in inputs)
        said = str(error).strip().partition("\n")[0]
        raise SpecError(f"--torch {factory}: the module does not take inputs {shapes}: {said}") from error
    return found


def _packed(torch: Any, module: Any) -> dict[int, int]:
    """The parameters in which attentions pack the projections of queries, keys and values, and the width of each."""
    parts = [part for part in module.modules() if isinstance(part, torch.nn.MultiheadAttention)]
    return {id(part.in_proj_weight): part.embed_dim for part in parts if part.in_proj_weight is not None}


def _convolutions(arguments: Sequence[Any], result: Any) -> list[dict[str, Any]]:
    inputs, weights, _, strides, pads, dilations, transposed, _, groups = arguments[:9]
    shapes = tuple(inputs.shape), tuple(weights.shape), tuple(result.shape)
    if transposed:
        return operators.transposed_convolution(*shapes, groups, strides, dilations, pads)
    return [operators.convolution(*shapes, groups, strides, dilations)]


def _product(left: Any, right: Any, parameters: Mapping[int, int]) -> dict[str, Any]:
    """Rows times columns; a parameter on either side is the weights, and may hold several projections side by side."""
    bases = [id(side if side._base is None else side._base) for side in (left, right)]
    of = [base in parameters for base in bases]
    shapes = tuple(left.shape), tuple(right.shape)
    if of[0] and not of[1]:
        shapes = operators.transposed(shapes[1]), operators.transposed(shapes[0])
    fields = operators.matmul(*shapes)
    assert prod(fields.values()) == prod(shapes[0]) * shapes[1][-1]
    width = parameters.get(bases[1], 0)
    if width and fields["M"] % width == 0:
        fields |= {"M": width, "count": fields["M"] // width}
    return {**fields, "dynamic_weights": not any(of)}
