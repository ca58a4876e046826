"""Keywords that older files spell with hyphens: those that Timeloop rewrites, and those that it passes over.

Timeloop writes underscores into a fixed list of hyphenated words wherever they stand in a file, in keys and in values,
before it reads anything. Any other hyphenated word stays what it is, so that a ``read-bandwidth`` is no bandwidth.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_REWRITTEN = """
    linear_pruned problem_space_files log_stats tile_width log_interval CNN_Layer ordered_accesses router_energy
    tree_like arch_space_files log_orojenesis_mappings penalize_consecutive_bypass_fails emit_whoop_nest condition_on
    energy_per_hop max_permutations_per_if_visit gate_on_zero_operand gcc_ar num_ports multiple_buffering cluster_area
    outer_to_inner spatial_skip log_all wire_energy metadata_word_bits optimization_metric word_bits
    action_optimization cnn_layer num_threads arch_space_sweep live_status step_size min_utilization network_type
    block_size sync_interval log_suboptimal representation_format flattened_rankIDs gemm_ABZ arch_spec
    last_level_accesses optimization_metrics inner_to_outer compression_rate filter_revisits vector_access_energy
    rank_application_order log_mappings_yaml log_mappings_verbose log_all_mappings read_write fixed_structured
    gcc_ranlib adder_energy search_size victory_condition random_pruned access_X skipping_spatial payload_word_bits
    num_banks addr_gen_energy cluster_size compute_optimization network_word_bits data_spaces timeloop_metric
    timeloop_metrics timeloop_simple_mapper timeloop_design_space timeloop_unit_tests
"""
REWRITTEN = _REWRITTEN.split()
"""In Timeloop's order, which shows: once ``word-bits`` is rewritten, ``network-word-bits`` is no longer found."""

_PASSED_OVER = """
    read_bandwidth write_bandwidth shared_bandwidth memory_depth memory_width data_storage_depth data_storage_width
    n_words n_rdwr_ports n_rd_ports n_wr_ports metadata_storage_width metadata_storage_depth metadata_datawidth
    network_fill_latency network_drain_latency power_gated_at allow_overbooking reduction_supported read_energy
    per_dataspace_bandwidth_consumption_scale mesh_X mesh_Y arch_constraints architecture_constraints
    mapspace_constraints sparse_optimizations max_temporal_loops_in_a_mapping out_prefix default_max_factor
    default_min_factor no_reuse no_temporal_reuse no_link_transfer no_multicast_no_reduction rmw_first_update
    compound_components word_width
"""
PASSED_OVER = frozenset(_PASSED_OVER.split())
"""Keywords that Timeloop or Accelergy reads with underscores alone."""

_KNOWN = PASSED_OVER | set(REWRITTEN)

_PATTERNS = [(re.compile(rf"\b{word.replace('_', '-')}\b(?![->]|\.[hc]pp)", re.ASCII), word) for word in REWRITTEN]


def with_underscores(text: str) -> str:
    """A file's text with the keywords of `REWRITTEN` spelt with underscores, as Timeloop respells them."""
    for pattern, word in _PATTERNS:
        text = pattern.sub(word, text)
    return text


def without_effect(content: Any, where: str = "") -> Iterator[str]:
    """Say which keys of a document look like keywords and are none, because of their hyphens."""
    if isinstance(content, Mapping):
        for key, value in content.items():
            place = f"{where}.{str(key)[:60]}" if where else str(key)[:60]
            if "-" in str(key) and (word := str(key).replace("-", "_")) in _KNOWN:
                yield f"{place} has no effect: Timeloop reads {word}, and not this spelling; correct it or remove it"
            yield from without_effect(value, place)
    elif isinstance(content, list):
        for position, value in enumerate(content):
            yield from without_effect(value, f"{where}[{position}]")
