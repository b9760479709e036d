"""Readers and writers of photographs and annotations. No deep-learning library."""
