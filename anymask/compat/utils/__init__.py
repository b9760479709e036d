"""``segment_anything.utils``: what code imports from there, by the same paths."""
