"""``anymask dataset check`` and ``stats``."""
