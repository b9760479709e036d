"""The papers' experiments, on any promptable segmenter."""
