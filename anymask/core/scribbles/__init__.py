"""Scribbles: strokes drawn on an image to say what belongs to an object and what does not."""
