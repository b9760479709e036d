"""A simulated annotator: works over HTTP as a person does, and says how long that would take."""
