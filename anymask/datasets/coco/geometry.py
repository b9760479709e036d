"""Geometry: shapes that are objects of JSON, as other tools than COCO's write them.

GeoJSON (RFC 7946) lists the rings of a polygon, of which the first is its border and the others are
its holes, and well-known text says the same; Supervisely has ``exterior`` and ``interior``, and VIA
a list of each coordinate.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from anymask.datasets.coco.polygons import SegmentationError, rings_of
from anymask.errors import clipped

MEMBERS = {"GeometryCollection": "geometries", "FeatureCollection": "features"}
COORDINATES = (("x", "y"), ("all_points_x", "all_points_y"))
BORDER, HOLES = "exterior", ("interior", "interiors")
WRAPPERS = ("points", "polygon", "geometry")  # keys under which the shape itself is
WELL_KNOWN = re.compile(r"\s*((?:MULTI)?POLYGON)\s*(?:ZM|Z|M)?\s*(\(.*\))\s*", re.DOTALL | re.I)
POSITION = re.compile(r"([-+.0-9e]+)\s+([-+.0-9e]+)(?:\s+[-+.0-9e]+)*", re.I)

Rings = Sequence[Any]  # of one polygon: its border, then its holes


def polygons_of(shape: Mapping[str, Any]) -> list[Rings]:
    """The polygons of a shape, each a list of its rings.

    Raises ``SegmentationError`` for what is no shape, or one that holds no area.
    """
    kind = shape.get("type")
    if isinstance(kind, str) and kind in MEMBERS:
        return [rings for member in _members(shape, kind) for rings in polygons_of(member)]
    if "coordinates" in shape:
        return _of_coordinates(kind, shape["coordinates"])
    for x, y in COORDINATES:
        if isinstance(shape.get(x), list) and isinstance(shape.get(y), list):
            return [[_paired(shape[x], shape[y])]]
    if BORDER in shape:
        return [[shape[BORDER], *(hole for key in HOLES for hole in _holes(shape, key))]]
    for key in WRAPPERS:
        inner = shape.get(key)
        if isinstance(inner, Mapping):
            return polygons_of(inner)
        if isinstance(inner, list) and inner and "polygon" in (key, kind, shape.get("shape_type")):
            return [[ring] for ring in rings_of(inner)]
    raise SegmentationError("an object that is neither run lengths nor a shape", clipped(shape))


def of_well_known_text(text: str) -> dict[str, Any] | None:
    """The same shape as GeoJSON has it; None for any other text."""
    whole = WELL_KNOWN.fullmatch(text)
    if not whole:
        return None
    nested = POSITION.sub(r"[\1,\2]", whole[2]).replace("(", "[").replace(")", "]")
    try:
        coordinates = json.loads(nested)
    except (ValueError, RecursionError):
        return None
    kind = "MultiPolygon" if whole[1].lower().startswith("multi") else "Polygon"
    return {"type": kind, "coordinates": coordinates}


def _members(shape: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    members = shape.get(MEMBERS[kind])
    if not isinstance(members, list) or not all(isinstance(one, Mapping) for one in members):
        raise SegmentationError(f"a {kind} without a list of shapes", clipped(members))
    return members


def _holes(shape: Mapping[str, Any], key: str) -> Sequence[Any]:
    holes = shape.get(key)
    if holes is not None and not isinstance(holes, list):
        raise SegmentationError(f"a shape whose {key} is no list of holes", clipped(holes))
    return holes or ()


def _of_coordinates(kind: object, coordinates: Any) -> list[Rings]:
    nested = {"Polygon": [coordinates], "MultiPolygon": coordinates}
    if not isinstance(kind, str) or kind not in nested:
        raise SegmentationError("a geometry that holds no area", clipped(kind))
    polygons = nested[kind]
    if not isinstance(polygons, list) or not all(map(_is_filled, polygons)):
        raise SegmentationError("a geometry without rings", clipped(coordinates))
    return [[_flat(ring) for ring in rings] for rings in polygons]


def _is_filled(rings: Any) -> bool:
    return isinstance(rings, list) and bool(rings)


def _flat(ring: Any) -> Any:
    """A ring of positions without their altitudes, which a mask has not."""
    is_of_positions = isinstance(ring, list) and all(isinstance(one, list) for one in ring)
    return [position[:2] for position in ring] if is_of_positions else ring


def _paired(x: Sequence[Any], y: Sequence[Any]) -> Any:
    if len(x) != len(y):
        raise SegmentationError(
            "a polygon with more coordinates of one axis than of the other",
            f"{len(x)} and {len(y)}",
        )
    return [list(point) for point in zip(x, y)]
