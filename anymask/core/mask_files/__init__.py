"""Files of masks that other programs read: one format a file."""
