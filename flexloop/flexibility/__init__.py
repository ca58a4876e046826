"""Flexion: how flexible an accelerator is on an axis or as a whole, by itself (H-F) and for a layer (W-F).

That flexibility has four axes and that its degree can be quantified as flexion is from Kao et al., "A Formalism of DNN
Accelerator Flexibility" (SIGMETRICS 2022, arXiv 2206.02987). What is counted here as a choice is this project's own
definition; docs/formalism.md gives it with worked examples.
"""

from flexloop.flexibility.hardware import class_hardware_flexion, hardware_choices, hardware_flexion
from flexloop.flexibility.intervals import Estimate
from flexloop.flexibility.mappings import count_mappings
from flexloop.flexibility.measure import AxisFlexion, ClassFlexion, LayerFlexion
from flexloop.flexibility.table import flexion_cells, flexion_table
from flexloop.flexibility.tilings import Sampling, count_tilings

__all__ = [
    "AxisFlexion",
    "ClassFlexion",
    "Estimate",
    "LayerFlexion",
    "Sampling",
    "class_hardware_flexion",
    "count_mappings",
    "count_tilings",
    "flexion_cells",
    "flexion_table",
    "hardware_choices",
    "hardware_flexion",
]
