"""SegGPT's weights as others lay them out."""
