"""Pages that are served: their address, their model, where work on them is kept."""
