"""Decisions: what each axis is worth, the best rigid design, how it ages, and what to build under an area budget."""
