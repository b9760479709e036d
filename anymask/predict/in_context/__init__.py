"""Predictors that segment an image as examples show (*SegGPT*, arXiv 2304.03284)."""
