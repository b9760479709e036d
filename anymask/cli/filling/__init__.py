"""Commands that fill a store with masks: those that exist, and those that a model finds."""
