"""Other people's models and detectors, to be asked the same."""
