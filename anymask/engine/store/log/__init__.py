"""The log of an image: actions, what they change, and what can be undone."""
