"""What SAM learns: the interactive rounds, their losses, scenes, and how answers are validated."""
