"""Values and arithmetic that need no deep-learning library."""
