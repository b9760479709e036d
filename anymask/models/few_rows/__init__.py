"""Prompts about one image whose side stays a sum of a few rows (docs/adr/0021, 0022)."""
