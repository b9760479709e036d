"""What words name in an image, for who annotates it."""
