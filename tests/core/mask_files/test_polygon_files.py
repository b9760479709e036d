"""Files of polygons hold exactly the masks they were made of, as their readers count pixels."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco_mask

from anymask.core import rle
from anymask.core.annotations import Annotation, Annotations
from anymask.core.mask_files.coco import coco_file
from anymask.core.mask_files.geojson import geojson_file
from anymask.core.mask_files.svg import svg_file
from anymask.core.regions.rings import regions_of

Mask = npt.NDArray[np.bool_]
MASKS = arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9)))
PROPERTY = settings(max_examples=200, deadline=None)
SVG = "{http://www.w3.org/2000/svg}"


def annotations_of(*masks: Mask) -> Annotations:
    """SA-1B dicts of masks, the scores falling."""
    return Annotations(
        Annotation(
            id=number,
            segmentation=(encoded := rle.encode(mask)),
            bbox=rle.bbox_xywh(encoded),
            area=rle.area(encoded),
            predicted_iou=1 - number / 10,
            stability_score=0.5,
            crop_box=[0.0, 0.0, 1.0, 1.0],
            point_coords=[[1.0, 2.0]],
        )
        for number, mask in enumerate(masks)
    )


def even_odd(rings: list[list[list[int]]], hw: tuple[int, ...]) -> Mask:
    """The pixels whose middles lie in an odd number of rings: to the left of each row's edges."""
    inside = np.zeros(hw, bool)
    for ring in rings:
        for (x, y), (next_x, next_y) in zip(ring, [*ring[1:], ring[0]]):
            assert x == next_x or y == next_y
            inside[min(y, next_y) : max(y, next_y), :x] ^= True
    return inside


@given(MASKS)
@PROPERTY
def test_pycocotools_reads_a_coco_file_as_the_mask(mask: Mask) -> None:
    (written,) = json.loads(json.dumps(coco_file([annotations_of(mask).record("a.png")])))[
        "annotations"
    ]
    encoded = written["segmentation"]
    has_holes = any(region.holes for region in regions_of(mask))
    assert isinstance(encoded, dict) == (has_holes or not mask.any())
    if isinstance(encoded, list):
        encoded = coco_mask.merge(coco_mask.frPyObjects(encoded, *mask.shape))
    np.testing.assert_array_equal(coco_mask.decode(encoded), mask)
    assert written["area"] == mask.sum()
    assert written["iscrowd"] == 0


@given(MASKS)
@PROPERTY
def test_geojson_is_the_mask_and_its_rings_are_in_order(mask: Mask) -> None:
    content = json.loads(json.dumps(geojson_file(annotations_of(mask).record("a.png"))))
    assert content["type"] == "FeatureCollection"
    (feature,) = content["features"]
    if not mask.any():
        assert feature["geometry"] is None
        return
    polygons = feature["geometry"]["coordinates"]
    if feature["geometry"]["type"] == "Polygon":
        polygons = [polygons]
    else:
        assert len(polygons) > 1
    for outer, *holes in polygons:
        for ring, sign in [(outer, 1), *((hole, -1) for hole in holes)]:
            assert ring[0] == ring[-1]
            area = cv2.contourArea(np.array(ring[:-1], np.float32), oriented=True)
            assert area * sign > 0
    rings = [ring[:-1] for polygon in polygons for ring in polygon]
    np.testing.assert_array_equal(even_odd(rings, mask.shape), mask)


@given(MASKS)
@PROPERTY
def test_svg_is_the_mask_by_the_rule_even_odd(mask: Mask) -> None:
    picture = ElementTree.fromstring(svg_file(annotations_of(mask).record("a.png")))
    height, width = mask.shape
    assert picture.attrib["viewBox"] == f"0 0 {width} {height}"
    group = picture.find(f"{SVG}g")
    assert group is not None
    assert group.attrib["fill-rule"] == "evenodd"
    (path,) = group.findall(f"{SVG}path")
    rings = [ring_of(text) for text in path.attrib["d"].split("Z")[:-1]]
    np.testing.assert_array_equal(even_odd(rings, mask.shape), mask)


def ring_of(text: str) -> list[list[int]]:
    """The vertices of ``M0 0H1V1H0``."""
    marked = text.replace("H", " H").replace("V", " V").removeprefix("M").split()
    x, y = int(marked[0]), int(marked[1])
    ring = [[x, y]]
    for step in marked[2:]:
        x, y = (int(step[1:]), y) if step[0] == "H" else (x, int(step[1:]))
        ring.append([x, y])
    return ring


def test_a_coco_file_of_several_images_counts_from_one_on() -> None:
    square, dot = np.zeros((6, 8), bool), np.zeros((5, 5), bool)
    square[1:4, 2:7] = dot[2, 2] = True
    records = [
        annotations_of(square, square).record("a/1.png", 11),
        annotations_of(dot).record("2.png", 12),
    ]
    content: dict[str, Any] = coco_file(records)
    assert [(one["id"], one["image_id"]) for one in content["annotations"]] == [
        (1, 11), (2, 11), (3, 12),
    ]  # fmt: skip
    assert content["images"] == [
        {"id": 11, "file_name": "a/1.png", "width": 8, "height": 6},
        {"id": 12, "file_name": "2.png", "width": 5, "height": 5},
    ]
    assert content["categories"] == [{"id": 1, "name": "object", "supercategory": ""}]
    first, second, _ = content["annotations"]
    assert first["bbox"] == [2, 1, 5, 3]
    assert set(first["segmentation"][0]) == {1, 2, 4, 7}
    assert (first["score"], second["predicted_iou"]) == (1.0, 0.9)


def test_small_masks_lie_over_large_ones_and_names_are_escaped() -> None:
    large, small = np.ones((6, 8), bool), np.zeros((6, 8), bool)
    small[2, 2] = True
    record = annotations_of(small, large).record("<a> & b.png")
    picture = ElementTree.fromstring(svg_file(record, "a%20b.png?x=1&y=2"))
    numbers = [path.attrib["id"] for path in picture.iter(f"{SVG}path")]
    assert numbers == ["mask-1", "mask-0"]
    image = picture.find(f"{SVG}image")
    assert image is not None
    assert image.attrib["href"] == "a%20b.png?x=1&y=2"


def test_geojson_says_what_its_numbers_are() -> None:
    content = geojson_file(annotations_of(np.ones((2, 3), bool)).record("a.png"))
    assert content["image"]["file_name"] == "a.png"
    assert "y down" in content["coordinates"]
    assert content["features"][0]["properties"] == {
        "area": 6, "predicted_iou": 1.0, "stability_score": 0.5, "bbox": [0, 0, 3, 2],
        "point_coords": [[1.0, 2.0]],
    }  # fmt: skip


@pytest.mark.parametrize("parts", [1, 2])
def test_a_mask_of_parts_is_one_object(parts: int) -> None:
    mask = np.zeros((4, 9), bool)
    mask[1:3, 1:3] = mask[1:3, 5:7] = True
    if parts == 1:
        mask[2, 3:5] = True
    (one,) = coco_file([annotations_of(mask).record("a.png")])["annotations"]
    assert len(one["segmentation"]) == parts
