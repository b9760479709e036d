"""The model on the server: loaded once, asked by many."""
