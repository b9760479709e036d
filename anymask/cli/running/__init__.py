"""Commands of the engine's own work: what runs for hours, and what decides on it."""
