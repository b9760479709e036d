"""Training: one loop, its folder and its recipes; what is learned is a family's own."""
