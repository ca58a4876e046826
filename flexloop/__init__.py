"""flexloop: what each kind of flexibility buys a DNN accelerator, on top of Timeloop and Accelergy."""

from flexloop._version import __version__

__all__ = ["__version__"]
