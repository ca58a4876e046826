"""Layers from the lists of other tools: MAESTRO and GAMMA model files, SCALE-Sim topologies.

Their Y and X are extents of the input, padding included, so a convolution's output has (Y - R) / stride + 1 rows. Their
filter has R rows and S columns; here R is the filter's width and S its height.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from flexloop.errors import SpecError, UnsupportedError
from flexloop.timeloop.yamlio import read_text
from flexloop.validation import short, whole_number

GAMMA = ("K", "C", "Y", "X", "R", "S", "T")
"""Columns of GAMMA's lists; T is 1 for a convolution, 2 for a depthwise one, 3 for a matrix product (M, N, K)."""

SCALESIM = ("ifmap height", "ifmap width", "filter height", "filter width", "channels", "num filter", "strides")
"""Columns of SCALE-Sim's topologies of convolutions, after the layer's name."""

SCALESIM_GEMM = ("m", "n", "k")
"""Columns of its topologies of matrix products."""

Fields = dict[str, Any]

_LAYER = re.compile(r"Layer\s+([^\s{]+)\s*\{")
_ENTRY = re.compile(r"(\w+)\s*:\s*([0-9]+)")


def csv_layers(path: Path) -> Iterator[Fields]:
    """The layers of a list with a heading, of GAMMA or SCALE-Sim.

    Raises:
        SpecError: if the heading is neither's, or a number is none.
    """
    rows = _rows(path)
    if not rows:
        raise SpecError(f"{path}: is empty")
    heads = rows[0]
    found = next((make for make in (_gamma, _scalesim, _scalesim_gemm) if make(heads, None, "") is not None), None)
    if found is None:
        raise SpecError(
            f"{path}: the heading {short(', '.join(heads))} is none that is known: {', '.join(GAMMA)} (GAMMA), or a "
            f"layer's name, then {', '.join(SCALESIM)} or {', '.join(SCALESIM_GEMM)} (SCALE-Sim)"
        )
    for number, row in enumerate(rows[1:], start=2):
        try:
            layer = found(heads, row, f"{path}, line {number}")
        except ValueError as error:  # of unpacking
            raise SpecError(f"{path}, line {number}: {len(row)} cells are too few or too many for {heads}") from error
        assert layer is not None
        yield {"name": f"layer{number - 1}", **layer}


def _rows(path: Path) -> list[list[str]]:
    """The rows that hold anything."""
    text = StringIO(read_text(path).removeprefix("\ufeff"), newline="")
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(text)]
    except csv.Error as error:
        raise SpecError(f"{path}: cannot be read as CSV: {error}") from error
    return [row for row in rows if any(row)]


def _gamma(heads: list[str], row: list[str] | None, where: str) -> Fields | None:
    if tuple(head.upper() for head in heads[: len(GAMMA)]) != GAMMA:
        return None
    if row is None:
        return {}
    k, c, y, x, r, s, kind = (_number(cell, where) for cell in row[: len(GAMMA)])
    if kind == 3:
        return {"P": k, "M": c, "C": y}
    if kind not in (1, 2):
        raise SpecError(f"{where}: type {kind} is none of 1 (convolution), 2 (depthwise), 3 (matrix product)")
    return convolution({"K": k, "C": c, "Y": y, "X": x, "R": r, "S": s}, (1, 1), where, depthwise=kind == 2)


def _scalesim(heads: list[str], row: list[str] | None, where: str) -> Fields | None:
    names = [re.sub(r"\s+", " ", head.lower()) for head in heads[1:]]
    if names[: len(SCALESIM) - 1] != list(SCALESIM[:-1]):
        return None
    if row is None:
        return {}
    y, x, r, s, c, k, *strides = (_number(cell, where) for cell in row[1:] if cell)
    down = strides[0] if strides else 1
    across = strides[1] if len(strides) > 1 and "stride" in " ".join(names[7:8]) else down
    sizes = {"K": k, "C": c, "Y": y, "X": x, "R": r, "S": s}
    return {"name": row[0]} | convolution(sizes, (down, across), where)


def _scalesim_gemm(heads: list[str], row: list[str] | None, where: str) -> Fields | None:
    if [head.lower() for head in heads[1:4]] != list(SCALESIM_GEMM):
        return None
    if row is None:
        return {}
    m, n, k = (_number(cell, where) for cell in row[1:4])
    return {"name": row[0], "P": m, "M": n, "C": k}


def maestro_layers(path: Path) -> Iterator[Fields]:
    """The layers of a MAESTRO model file (``Network x { Layer y { Type: CONV ... Dimensions { ... } ... } }``).

    Raises:
        SpecError: if a layer has no dimensions.
        UnsupportedError: for a type that is no convolution and no matrix product.
    """
    text = re.sub(r"//[^\n]*", "", read_text(path))
    starts = list(_LAYER.finditer(text))
    if not starts:
        raise SpecError(f"{path}: no Layer found; a MAESTRO model is Network NAME {{ Layer NAME {{ ... }} ... }}")
    for start, following in zip(starts, [*starts[1:], None], strict=True):
        body = text[start.end() : following.start() if following else len(text)].partition("Dataflow")[0]
        where = f"{path}: layer {start[1]}"
        kind = re.search(r"Type\s*:\s*(\w+)", body)
        sizes = _block(body, "Dimensions")
        if not sizes:
            raise SpecError(f"{where}: no Dimensions {{ K: .., C: .., R: .., S: .., Y: .., X: .. }}")
        yield {"name": start[1], **_maestro(kind[1] if kind else "CONV", sizes, _block(body, "Stride"), where)}


def _maestro(kind: str, sizes: Mapping[str, int], stride: Mapping[str, int], where: str) -> Fields:
    if kind == "GEMM":
        return {"P": sizes.get("M", 1), "M": sizes.get("N", 1), "C": sizes.get("K", 1)}
    if kind not in ("CONV", "DSCONV"):
        raise UnsupportedError(f"{where}: type {kind} is not modelled; CONV, DSCONV and GEMM are")
    steps = stride.get("Y", stride.get("R", 1)), stride.get("X", stride.get("S", 1))
    fields = convolution({"R": 1, "S": 1, "C": 1, "K": 1, **sizes}, steps, where, depthwise=kind == "DSCONV")
    return fields | {"N": sizes.get("N", 1)}


def _block(text: str, name: str) -> dict[str, int]:
    found = re.search(name + r"\s*\{([^}]*)\}", text)
    return {key: whole_number(value) for key, value in _ENTRY.findall(found[1])} if found else {}


def convolution(sizes: Mapping[str, int], strides: tuple[int, int], where: str, *, depthwise: bool = False) -> Fields:
    """A convolution in the canonical dimensions.

    Args:
        sizes: K filters, C channels, Y and X of the input with its padding, R rows and S columns of the filter.
        strides: down and across.
        where: for messages.
        depthwise: whether each channel has a filter of its own.

    Raises:
        SpecError: if the filter is larger than the input, or a size is missing or 0.
    """
    if missing := [name for name in "KCYXRS" if sizes.get(name, 0) < 1]:
        raise SpecError(f"{where}: {missing[0]} is missing or 0")
    down, across = strides
    if sizes["Y"] < sizes["R"] or sizes["X"] < sizes["S"] or min(strides) < 1:
        raise SpecError(
            f"{where}: a filter of {sizes['R']}x{sizes['S']} with strides {down} and {across} does not fit an input of "
            f"{sizes['Y']}x{sizes['X']}"
        )
    channels = {"G": sizes["C"]} if depthwise else {"C": sizes["C"], "M": sizes["K"]}
    window = {"R": sizes["S"], "S": sizes["R"], "Wstride": across, "Hstride": down}
    return {
        **channels,
        **window,
        "P": (sizes["X"] - sizes["S"]) // across + 1,
        "Q": (sizes["Y"] - sizes["R"]) // down + 1,
    }


def _number(cell: str, where: str) -> int:
    if not re.fullmatch(r"[0-9]{1,15}(\.0*)?", cell):
        raise SpecError(f"{where}: {short(cell)} is no whole number")
    return int(float(cell))
