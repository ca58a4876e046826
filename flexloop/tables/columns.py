"""The columns of a study's tables: what each means, and its unit."""

from __future__ import annotations

COLUMNS = {
    "arch": "arch spec name",
    "network": "network name",
    "parameters": "the network's parameters, as in batch=1 sequence_length=128",
    "layer": "layer name",
    "count": "occurrences of this layer shape in the network",
    "class": "flexibility class, degrees included",
    "objective": "what the search minimised: latency, energy or edp",
    "status": "ok, unmappable or failed",
    "reason": "why there is no result",
    "cycles": "latency of one occurrence",
    "energy_pj": "energy of one occurrence",
    "edp": "energy_pj * cycles",
    "utilization": "real MACs / (MAC units * cycles)",
    "macs": "multiply-accumulates of the layer itself",
    "padded_macs": "multiply-accumulates with padding",
    "array_x": "PEs along X",
    "array_y": "PEs along Y",
    "padding": "dimensions padded and to what",
    "depthwise_rule": "whether G took the fixed values of M",
    "mapping": "the winning mapping, outermost level first",
    "optimal": "whether the mapping is proved to be the best of its mapspace",
    "lower_bound": "no mapping of the mapspace costs less (in the objective)",
    "gap": "(cost - lower_bound) / cost",
    "evaluated": "mappings costed one by one",
    "excluded": "mappings excluded by proof",
    "notes": "inherited mappings, paddings searched",
    "mapper": "engine that searched",
    "engine": "engine whose figures these are",
    "engine_version": "its version",
    "energy_source": "where the energy reference table comes from",
    "ert_hash": "SHA-256 of the energy reference table, first 12 digits",
    "arch_hash": "SHA-256 of the arch spec without its name and description, first 12 digits",
    "network_hash": "SHA-256 of the network's layers, first 12 digits",
    "effort": "how long the search was allowed to take",
    "seed": "of random choices",
    "wall_s": "time that search and evaluation took when they were computed",
}
"""Meaning of every column of the rows, a layer and class each, that does not depend on the arch."""

TOTALS = {
    "arch": "arch spec name",
    "network": "network name",
    "class": "flexibility class, degrees included",
    "parameters": "the network's parameters",
    "objective": "what the search minimised",
    "layers": "layers of the network, counts included",
    "unmappable": "layers without a result, counts included; where there are any, all figures are missing",
    "cycles": "latency of the whole network, one layer after the other",
    "energy_pj": "energy of the whole network",
    "edp": "energy_pj * cycles of the whole network",
    "edp_sum": "sum of the layers' own energy_pj * cycles, which is what an EDP search minimises",
    "macs": "multiply-accumulates of the whole network",
    "utilization": "real MACs / (MAC units * cycles)",
    "optimal": "whether every layer's mapping is proved to be the best of its mapspace",
    "wall_s": "time that search and evaluation took when they were computed",
    "area_mm2": "area of the chip with what the class's flexibility adds, where it is known",
    "speedup": "cycles of the baseline class / cycles",
    "energy_gain": "energy_pj of the baseline class / energy_pj",
    "edp_gain": "edp of the baseline class / edp",
}
"""Meaning of the columns of totals, a network and class each, and of the gains beside them."""

BY_LEVEL = {
    "energy_pj_<level>": "of that energy, what is spent in this level or network",
    "accesses_<level>": "reads, fills and updates of this storage level, all instances and tensors together",
}
"""Meaning of the columns that rows and totals have for each level of the arch."""

UNITS = {
    "cycles": "cycles",
    "energy_pj": "pJ",
    "edp": "pJ * cycles",
    "edp_sum": "pJ * cycles",
    "lower_bound": "of the objective",
    "wall_s": "s",
    "area_mm2": "mm^2",
    "energy_pj_<level>": "pJ",
    "accesses_<level>": "words",
}
"""Units of the columns that have one; the others are names, counts, ratios and truth values."""
