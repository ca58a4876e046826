"""The embedded engine's cost model, equal to Timeloop's, and its mapper, which proves its optima."""
