"""Arch specs: what they are, where they are found, what they are checked for."""
