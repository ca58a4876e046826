"""Questions about an arch on networks: what fits, what maps, how flexible it is."""
