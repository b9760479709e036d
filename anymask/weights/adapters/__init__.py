"""Adapters: what anymask has learned beside weights that others give away, and its files."""
