"""What the engine has done by itself."""
