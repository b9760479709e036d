"""The data engine's own work over the store: what it does without a person."""
