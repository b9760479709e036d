"""Embeddings: computed ahead of who annotates, and kept."""
