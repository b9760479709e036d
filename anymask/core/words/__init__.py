"""Words as prompts: crops, names and the arithmetic of likeness, without a model."""
