"""What makes the documentation: pages that are read off the code, and the run of every block of the others."""
