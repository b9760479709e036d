"""COCO: datasets that one JSON file describes."""
