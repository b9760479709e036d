"""What somebody asks of images: the prompts of each object, and tables of them."""
