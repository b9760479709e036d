"""Judging detectors: average precision and recall, and a threshold for a wanted precision."""
