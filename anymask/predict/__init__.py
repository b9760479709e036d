"""Answering prompts with trained weights."""
