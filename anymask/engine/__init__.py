"""The data engine: what turns a folder of photographs into a dataset."""
