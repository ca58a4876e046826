"""The parts of an exploration: what may be built, what a design costs, and the search for the best of them."""
