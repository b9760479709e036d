"""Long work that may be stopped and run again, and shared by processes and machines."""
