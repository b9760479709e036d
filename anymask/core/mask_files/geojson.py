"""GeoJSON (RFC 7946) of the masks of one image, in its pixels: x to the right, y down."""

from __future__ import annotations

from typing import Any

from anymask.core import rle
from anymask.core.mask_files.sa1b import Annotation, Record
from anymask.core.regions.rings import Corners, Region, regions_of

COORDINATES = "pixels: x to the right, y down, from the upper left corner of the image"


def geojson_file(record: Record) -> dict[str, Any]:
    """A FeatureCollection with a Polygon or MultiPolygon for each mask, holes and all.

    Vertices are corners of pixels. A mask of no pixels has no geometry (null).
    """
    return {
        "type": "FeatureCollection",
        "image": record["image"],
        "coordinates": COORDINATES,
        "features": [_feature(annotation) for annotation in record["annotations"]],
    }


def _feature(annotation: Annotation) -> dict[str, Any]:
    return {
        "type": "Feature",
        "id": annotation["id"],
        "geometry": _geometry(annotation["segmentation"]),
        "properties": {
            "area": annotation["area"],
            "predicted_iou": annotation["predicted_iou"],
            "stability_score": annotation["stability_score"],
            "bbox": annotation["bbox"],
            "point_coords": annotation["point_coords"],
        },
    }


def _geometry(encoded: rle.RLE) -> dict[str, Any] | None:
    polygons = [_polygon(region) for region in regions_of(*rle.decode_tight(encoded))]
    if not polygons:
        return None
    if len(polygons) == 1:
        return {"type": "Polygon", "coordinates": polygons[0]}
    return {"type": "MultiPolygon", "coordinates": polygons}


def _polygon(region: Region) -> list[list[list[int]]]:
    return [_closed(ring) for ring in (region.outer, *region.holes)]


def _closed(ring: Corners) -> list[list[int]]:
    vertices: list[list[int]] = ring.tolist()
    return [*vertices, vertices[0]]
