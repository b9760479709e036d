"""What is like a mask, sought in the project's other images while people work."""
