"""Retraining: models learn from what was annotated, and are used if they are not worse (§4)."""
