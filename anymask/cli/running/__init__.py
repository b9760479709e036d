"""Commands that run the data engine: its stages, models, audits and the order of work."""
