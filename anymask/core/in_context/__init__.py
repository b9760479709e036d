"""Segmentation from examples: what the methods of *SegGPT* share, without a model."""
