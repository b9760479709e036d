"""The regions of a mask: their borders, and those too small to mean something."""
