"""Connection: a database opened, kept at our schema, and its failures in words."""
