"""The tables of a study: rows, totals, gains, and the check of the lattice."""
