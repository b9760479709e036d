"""What is wrong with a dataset, fault by fault."""
