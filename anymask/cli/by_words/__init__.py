"""What commands share that segment what words name."""
