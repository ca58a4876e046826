"""Any Timeloop design as an arch: its architecture as it stands, and its constraints sorted by the axis they pin."""
