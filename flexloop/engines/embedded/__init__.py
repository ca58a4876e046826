"""The embedded engine: a cost model equal to Timeloop's and a mapper that proves its optima."""
