"""Layers and networks: what they are, where they are found, their parameters."""
