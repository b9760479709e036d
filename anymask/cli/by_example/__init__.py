"""What commands share that segment as examples show."""
