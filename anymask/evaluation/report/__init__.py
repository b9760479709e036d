"""Pages of results: tables beside the published figures, pictures, cards."""
