"""Engines: who searches mapspaces and who costs mappings."""
