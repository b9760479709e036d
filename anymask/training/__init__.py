"""Training: the interactive rounds, losses, recipes, the loop."""
