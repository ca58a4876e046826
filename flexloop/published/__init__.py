"""Published accelerators by class, and the drawing of them."""
