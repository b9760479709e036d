"""The public sets of the papers' experiments: their layouts, sizes, licences and addresses."""
