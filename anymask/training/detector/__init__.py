"""The object detector's recipes, and what it learns."""
