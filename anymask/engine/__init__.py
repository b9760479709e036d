"""The engine: what is served to a browser."""
