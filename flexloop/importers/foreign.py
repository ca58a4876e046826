"""Files of other tools that hold no layers: what each is, and how a network is had of the model."""

from __future__ import annotations

from pathlib import Path

from flexloop.errors import SpecError

_TORCH = (
    "holds what PyTorch saved, in which the shapes of the activations do not stand; give the function that makes the "
    "module (flexloop import --torch PACKAGE.MODULE:FUNCTION --input 1x3x224x224), or export it once with "
    "torch.onnx.export(module, inputs, 'model.onnx')"
)
_TENSORFLOW = (
    "is a TensorFlow model; convert it once with the package tf2onnx (python -m tf2onnx.convert), and give the .onnx"
)
_WEIGHTS = "holds weights alone; export the model they belong to as ONNX, and give the .onnx"

FOREIGN = {
    **dict.fromkeys((".pt", ".pth", ".pt2", ".ckpt"), _TORCH),
    **dict.fromkeys((".pb", ".h5", ".keras", ".tflite"), _TENSORFLOW),
    **dict.fromkeys((".safetensors", ".gguf", ".npz"), _WEIGHTS),
}
"""What a file is that cannot be read, by its suffix."""


def refuse_foreign(path: Path) -> None:
    """Say how a network is had instead.

    Raises:
        SpecError: if the file's suffix is one of `FOREIGN`.
    """
    if path.suffix.lower() in FOREIGN:
        raise SpecError(f"{path}: {FOREIGN[path.suffix.lower()]}")
