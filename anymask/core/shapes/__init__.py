"""Shapes of many masks at once, from their run lengths: areas, boxes, centres, hulls."""
