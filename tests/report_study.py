"""A real study of a small accelerator, for tests of what is drawn of it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from small_archs import plain

import flexloop
from flexloop import EngineSettings, Layer, Network, StudyOptions
from flexloop.results.table import Results
from flexloop.study import run_study

CONVOLUTIONS = Network(
    name="convolutions",
    layers=(
        Layer(name="conv", C=3, M=5, R=3, P=6, count=2),
        Layer(name="depthwise", G=6, R=3, P=4, Wstride=2),
        Layer(name="pointwise", C=6, M=4, P=4),
    ),
)
LINEAR = Network(name="linear", layers=(Layer(name="up", C=8, M=6, P=2), Layer(name="down", C=6, M=8, P=2)))


@cache
def small_study() -> Results:
    """All 16 classes on two small networks, searched for EDP."""
    with TemporaryDirectory() as folder:
        options = StudyOptions(engines=EngineSettings(engine="embedded"), jobs=1, store=Path(folder))
        study = run_study(flexloop.all_classes(), [CONVOLUTIONS, LINEAR], plain(), options)
    reasons = study.rows.loc[study.rows["status"] != "ok", "reason"]
    assert reasons.empty, reasons.tolist()
    return study
