"""The least energy of any chain of storage levels as a shortest path over tiles (see docs/search.md, Deeper chains)."""
