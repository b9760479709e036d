"""Pages of results: tables beside the published ones, figures, cards."""
