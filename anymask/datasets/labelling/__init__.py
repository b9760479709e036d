"""What labelling tools write: shapes and masks in JSON beside images."""
