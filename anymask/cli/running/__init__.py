"""Commands that run the data engine over a store."""
