"""What the paper's abstract says and what its authors' public program finds, read from ``kao.yaml`` beside this."""

from __future__ import annotations

from functools import lru_cache
from importlib import resources

from pydantic import BaseModel, ConfigDict

from flexloop.timeloop import yamlio

BASES = ("kao_dla", "kao_eye", "kao_tpu")
"""The three accelerators of the class files, as arch specs."""

NETWORKS = (
    "kao_alexnet", "kao_mnasnet", "kao_resnet50", "kao_mobilenet_v2", "kao_bert", "kao_dlrm", "kao_ncf",
)  # fmt: skip
"""The networks that the program's lists hold, as it has them."""

PREFIX = "kao_"
"""What a network's name has before that of the same network as published."""

LATER = NETWORKS[1:]
"""Those that came after AlexNet."""

TODAY = ("vit_b16", "gpt2", "llama3_8b_prefill", "llama3_8b_decode")
"""Networks of later years than the paper's."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Lattice(_Model):
    """Pairs of comparable classes on a layer, and those in which the more flexible one is the slower.

    Attributes:
        pairs: of the search's results as they are.
        broken: in how many the lattice is broken.
        broken_valid: the same where results below the roofline were left out.
    """

    pairs: int
    broken: int
    broken_valid: int


class Published(_Model):
    """The figures.

    Attributes:
        sources: where they come from.
        abstract_gain: of the paper's abstract.
        speedups: of classes over the rigid one, by base.
        best_for_alexnet: gain of full flexibility over the best single mapping found for AlexNet.
        mirror_image: the same over its mirror image.
        other_seeds: range of it over other seeds of the search.
        fewer_pes: range of it at 168 and 256 PEs.
        bases: gain of full flexibility on later networks over each base.
        lattice: how often the search breaks it.
        roofline: least and most times the roofline that full flexibility takes.
    """

    sources: dict[str, str]
    abstract_gain: float
    speedups: dict[str, dict[str, float]]
    best_for_alexnet: float
    mirror_image: float
    other_seeds: tuple[float, float]
    fewer_pes: tuple[float, float]
    bases: dict[str, float]
    lattice: Lattice
    roofline: tuple[float, float]


@lru_cache(maxsize=1)
def published() -> Published:
    """The figures of ``kao.yaml``."""
    text = resources.files("flexloop.studies").joinpath("kao.yaml").read_text(encoding="utf-8")
    return Published.model_validate(yamlio.load(text))
