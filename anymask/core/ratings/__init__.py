"""Ratings: what people thought of masks, and the file that keeps it."""
