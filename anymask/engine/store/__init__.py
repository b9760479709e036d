"""The store: images, masks, who did what and how long it took, in SQLite or PostgreSQL."""
