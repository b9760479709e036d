"""The experiments: each is one file, found by listing this folder."""
