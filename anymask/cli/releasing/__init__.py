"""Parts of ``anymask dataset``: what makes a dataset fit to be given away."""
