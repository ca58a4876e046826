"""Running the cells of a study: what a cell is, where it runs, where it is kept."""
