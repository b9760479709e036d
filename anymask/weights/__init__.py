"""Where weights come from: named, fetched, proved by their sha256, and brought to one layout."""
