"""What the masks of datasets are like: where they lie, how many, how large, how concave (§5)."""
