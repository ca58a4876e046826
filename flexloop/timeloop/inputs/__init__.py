"""Reading the files that Timeloop's programs are given: one front door, `read_inputs`."""

from flexloop.timeloop.inputs.read import Inputs, read_inputs

__all__ = ["Inputs", "read_inputs"]
