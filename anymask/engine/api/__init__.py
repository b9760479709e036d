"""The annotation tool's HTTP: what the page asks of the store, the folder and the model."""
