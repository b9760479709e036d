"""Parts of ``anymask segment``: what is asked, of which images, and where the answers go."""
