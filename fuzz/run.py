"""Coverage-guided fuzzing of a reader: ``python fuzz/run.py TARGET [-max_total_time=60 ...]`` (needs ``atheris``).

The targets are those of tests/hostile.py; further arguments are libFuzzer's. What is shipped and what the tests hold
seeds the corpus. A failure is printed with its traceback, and its input is kept in a file ``crash-...``.
"""

from __future__ import annotations

import gzip
import sys
import warnings
from pathlib import Path
from random import Random
from tempfile import mkdtemp

import atheris
import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
PARTS = ["timeloop", "arch", "workloads", "energy", "taxonomy", "embedded", "validation", "running.store"]

with atheris.instrument_imports(include=["yaml", "jinja2", *(f"flexloop.{part}" for part in PARTS)]):
    import hostile

    from flexloop.energy.ert import build_art, build_ert
    from flexloop.rendering.render import Renderer
    from flexloop.timeloop import yamlio

GOLDEN = ROOT / "tests" / "golden" / "specs"
TEXTS = ("stats", "expression", "entry", "template", "libconfig", "v4", "v4-expression", "v4-functions")
"""Targets whose input is no YAML, or YAML with tags."""

SEEDS = {
    "yaml": [*GOLDEN.glob("base-conv3x3/*.yaml"), *(ROOT / "arch_specs").glob("e*.yaml")],
    "stats": [*(ROOT / "tests" / "data" / "timeloop").glob("*.stats.txt")],
    "arch": [*(ROOT / "arch_specs").glob("*.yaml")],
    "network": [*(ROOT / "workloads").glob("*.yaml")],
    "mapping": [*(ROOT / "tests" / "data" / "timeloop").glob("*.map.yaml")],
    "inputs": [*(ROOT / "tests" / "data" / "cases").glob("c[47]*/arch.yaml")],
    "v4": [*(ROOT / "tests" / "golden_v4").glob("*.yaml")],
    "tables": [*(ROOT / "taxonomy").glob("*.yaml")],
    "template": [*(ROOT / "templates").glob("*.j2")],
}


def seeds(target: str) -> list[bytes]:
    """Inputs that the reader takes."""
    files = [file.read_bytes() for file in SEEDS.get(target, [])]
    if target == "config":
        for case in sorted(GOLDEN.iterdir())[:5]:
            files.append(b"\n".join(file.read_bytes() for file in sorted(case.glob("*.yaml"))))
    if target == "energies":
        renderer, arch = Renderer(), hostile.ARCH
        files.append((renderer.ert(build_ert(arch)) + "\n" + renderer.art(build_art(arch))).encode())
    if target == "constraints":
        text = (ROOT / "tests" / "golden_render" / "T0O0P0S0.txt").read_text()
        files += [part.encode() for part in text.split("# ====") if "architecture_constraints" in part][:5]
    if target == "mapping":
        records = gzip.decompress((ROOT / "tests" / "golden" / "records.jsonl.gz").read_bytes()).splitlines()
        files += records[:5]
    if target == "v4-expression":
        return [
            b"ceil(log2(a)) + max([x ** 2 for x in b if x > 1])",
            b"f'{a:02d}' if text in ('x', 'y') else {1: b}[1]",
        ]
    if target == "v4-functions":
        return [b"def f(x, *y, z=1):\n    s = []\n    for i in range(x):\n        s += [i * z]\n    return sum(s)\n"]
    if target == "libconfig":
        return [b'a = { b = ( { c = "d" "e"; f = 0x1fL; }, [1.5, 2] ); }; # g', b"// h\ni : true, /* j */ k = -3;"]
    return files or [b"2*sequence_length + batch", b'{"key": ""}']


def mutate(data: bytes, largest: int, seed: int) -> bytes:
    """A YAML document with a value or two that its reader does not expect; every second time any other bytes."""
    random = Random(seed)
    if random.random() < 0.5:
        return bytes(atheris.Mutate(data, largest))
    try:
        document = yaml.load(data, yamlio._Loader)  # noqa: S506
        for _ in range(random.randint(1, 3)):
            document = hostile.mutated(document, random)
        text = yaml.dump(document, Dumper=yamlio._Dumper, sort_keys=False)
    except Exception:  # it was no YAML, or it has become none
        return bytes(atheris.Mutate(data, largest))
    return str(text).encode("utf-8", errors="replace")[:largest]


def main() -> None:
    """Fuzz the reader that is named first."""
    target, *arguments = sys.argv[1:] or ["yaml"]
    corpus = Path(mkdtemp(prefix=f"flexloop-corpus-{target}-"))
    for index, content in enumerate(seeds(target)):
        (corpus / f"seed{index}").write_bytes(content)
    warnings.simplefilter("ignore")
    mutator = {} if target in TEXTS else {"custom_mutator": mutate}
    settings = [sys.argv[0], str(corpus), "-max_len=20000", "-len_control=0", *arguments]
    atheris.Setup(settings, lambda data: hostile.attempt(target, data) and None, **mutator)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
