"""Pictures: the folder's images as a browser shows them."""
