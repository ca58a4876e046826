"""A commented arch spec to start one's own accelerator from."""

from __future__ import annotations

from pathlib import Path

from flexloop.atomic import write_atomically
from flexloop.errors import OutputError

_TEMPLATE = """\
# An arch spec: one accelerator, and what of it is fixed. `flexloop arch check FILE` says whether it fits every network.
# Change the numbers, delete what you do not need; `flexloop arch fields` describes every field.
name: NAME
description: one line for tables
sources: []                   # papers and documents that the sizes come from
technology: 45nm              # node of the energy table

levels:                       # storage levels, from the outermost (DRAM) to the innermost (in the PE)
- name: DRAM                  # the outermost level keeps everything and has no depth
  class: DRAM                 # DRAM, SRAM or regfile: picks the energy
  datawidth: 8                # bits of a word
  width: 64                   # bits of a row: one access moves width / datawidth words
  read_bandwidth: 16          # words a cycle, of one instance
  write_bandwidth: 16
- name: GlobalBuffer
  class: SRAM
  datawidth: 8
  width: 256
  depth: 4096                 # rows: 4096 * 256 bits = 128 KiB
  read_bandwidth: 32
  write_bandwidth: 32
  # keep: [Inputs, Outputs]   # a tensor left out bypasses the level, in every class
  # multiple_buffering: 2     # the capacity is divided by it
- name: Spad                  # the scratchpad of each PE
  class: regfile
  datawidth: 8
  width: 8
  depth: 512
  read_bandwidth: 4
  write_bandwidth: 4
mac: {name: MAC, datawidth: 8}
array:
  below: GlobalBuffer         # the array of PEs stands below this level
  pe: PE
  # inner: {X: 8, x_factors: {C: 8}}    # vector lanes in each PE, pinned in every class

# The four axes. Dimensions: N batch, G groups, C and M input and output channels, R and S filter width and height,
# P and Q output width and height.
axes:
  tiling:
    # Degree 0: the factors of each level's temporal loops, per unit; a dimension not named is 1. What the array unrolls
    # comes on top: the GlobalBuffer's tile has C 2 * 16 and M 4 * 16. A name stands for the layer's bound: R, bound.
    fixed:
      Spad: {M: 4, P: 4}
      GlobalBuffer: {C: 2, R: bound, S: bound, P: 4, Q: 4}
    partial:                  # degree p: each tensor's share of the buffer above the array; the fixed tile must fit
      Weights: 1/2
      Inputs: 3/8
      Outputs: 1/8
  ordering:                   # permutations of the eight dimensions, leftmost innermost; not at the innermost level
    fixed: {GlobalBuffer: PQNRSCMG, DRAM: RSCPQNMG}
    partial:                  # the fixed one must be among them
    - {GlobalBuffer: PQNRSCMG, DRAM: RSCPQNMG}    # weight stationary in the PEs
    - {GlobalBuffer: MRSCPQNG, DRAM: MRSCPQNG}    # input stationary
    - {GlobalBuffer: RSCPQNMG, DRAM: RSCPQNMG}    # output stationary
  parallelization:
    fixed: {X: C, Y: M}       # one dimension on each mesh axis
    partial:                  # the fixed one must be among them
    - {X: C, Y: M}
    - {X: P, Y: M}
    - {X: P, Y: Q}
  shape:
    fixed: {X: 16, Y: 16}     # 256 PEs
    block: {X: 4, Y: 4}       # degree p: every X by Y = 256 PEs made of such blocks

pins: unit                    # unit: tiles as above; buffer: the extents of each buffer's tile, array included
edge: clip                    # clip: a fixed tile shrinks at a layer that it exceeds; pad: it never does;
                              # remainder: as clip, and the last tile along a dimension is smaller: nothing is padded
depthwise: as_output_channels # fixed values of M go to G where C = M = 1; "off": they do not; on_both_axes: and G may
                              # lie along both mesh axes
"""


def new_arch_text(name: str = "my_accelerator") -> str:
    """A complete, valid arch spec as commented YAML, under the given name."""
    return _TEMPLATE.replace("NAME", name, 1)


def write_new_arch(path: Path, name: str | None = None) -> Path:
    """Write a commented arch spec to start from.

    Args:
        path: the file; it must not exist yet.
        name: the accelerator's name; by default the file's, without its suffix.

    Raises:
        OutputError: if the file exists or cannot be written.
    """
    if path.exists():
        raise OutputError(f"{path} exists already; choose another name or delete it")
    try:
        write_atomically(path, new_arch_text(name or path.stem).encode())
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error
    return path
