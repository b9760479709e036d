"""Words as prompts: encoders that put pictures of objects and words into one space."""
