"""Proved optima for mapspaces of three groups of levels (DRAM, the buffer above the array, the PE)."""
