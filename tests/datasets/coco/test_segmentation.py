"""Segmentations in the spellings that tools write, and polygons that lead far out."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from anymask.core import rle
from anymask.datasets.coco.polygons import SegmentationError
from anymask.datasets.coco.segmentation import read, rle_of
from tests.datasets.coco.written import HW, SQUARE

POINTS = [[1, 1], [4, 1], [4, 4], [1, 4]]
MASK = rle.decode(rle_of(SQUARE, HW))
RUNS = rle.runs(rle.encode(MASK))
COUNTS = rle.encode(MASK)["counts"]
AXES = {"x": [1, 4, 4, 1], "y": [1, 1, 4, 4]}
GEOMETRY = {"type": "Polygon", "coordinates": [[*POINTS, POINTS[0]]]}


@pytest.mark.parametrize(
    "segmentation",
    [
        SQUARE,
        SQUARE[0],
        POINTS,
        [POINTS],
        [[[point] for point in POINTS]],
        [[point] for point in POINTS],
        [{"x": x, "y": y} for x, y in POINTS],
        [[{"x": x, "y": y} for x, y in POINTS]],
        [[str(value) for value in SQUARE[0]]],
        [f"{value:.1f}" for value in SQUARE[0]],
        [[*SQUARE[0][:-1], "4.0"]],
        json.dumps(SQUARE),
        {"size": [*HW], "counts": RUNS},
        {"size": [6.0, 8.0], "counts": [float(run) for run in RUNS]},
        {"size": ["6", "8"], "counts": [str(run) for run in RUNS]},
        {"size": [*HW], "counts": COUNTS},
        {"size": [*HW], "counts": str(COUNTS.encode())},
        {"size": [*HW], "counts": f"{COUNTS}\n"},
        [{"size": [*HW], "counts": COUNTS}],
        [{"size": [*HW], "counts": COUNTS}, SQUARE[0]],
        str([tuple(point) for point in POINTS]),
        [json.dumps(SQUARE[0])],
        [SQUARE],
        [[[POINTS]]],
        AXES,
        [AXES],
        {"name": "polygon", "all_points_x": AXES["x"], "all_points_y": AXES["y"]},
        GEOMETRY,
        json.dumps(GEOMETRY),
        [GEOMETRY],
        {"type": "Polygon", "coordinates": [[[*point, 7.5] for point in POINTS]]},
        {"type": "MultiPolygon", "coordinates": [[POINTS]]},
        {"type": "Feature", "properties": {}, "geometry": GEOMETRY},
        {"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": GEOMETRY}]},
        {"type": "GeometryCollection", "geometries": [GEOMETRY]},
        "POLYGON ((1 1, 4 1, 4 4, 1 4, 1 1))",
        "MultiPolygon Z (((1 1 0,4 1 0,4 4.0 0,1 4 0)))",
        {"exterior": POINTS, "interior": []},
        {"points": {"exterior": POINTS, "interior": []}, "geometryType": "polygon"},
        {"shape_type": "polygon", "points": POINTS},
        {"polygon": SQUARE[0]},
        {"counts": COUNTS},
        {"size": None, "counts": RUNS},
        {"size": "[6, 8]", "counts": COUNTS},
        {"size": [*HW], "counts": json.dumps(RUNS)},
        {"size": [*HW], "counts": " ".join(map(str, RUNS))},
        {"size": [*HW], "counts": COUNTS.encode()},
        json.dumps({"size": [*HW], "counts": COUNTS}),
        str({"size": [*HW], "counts": COUNTS.encode()}),
    ],
    ids=str,
)
def test_one_mask_in_many_spellings(segmentation: object) -> None:
    found = read(segmentation, HW)
    np.testing.assert_array_equal(rle.decode(found.mask), MASK)
    assert (found.area_px, found.lost) == (9, ())


BORDER, HOLE = [[0, 0], [8, 0], [8, 6], [0, 6]], POINTS
SPECK = [[0, 0], [1, 0], [1, 1], [0, 1]]


@pytest.mark.parametrize(
    "segmentation",
    [
        {"type": "Polygon", "coordinates": [BORDER, HOLE]},
        {"type": "MultiPolygon", "coordinates": [[BORDER, HOLE], [SPECK]]},
        {"exterior": BORDER, "interior": [HOLE]},
        "POLYGON ((0 0, 8 0, 8 6, 0 6), (1 1, 4 1, 4 4, 1 4))",
        [{"type": "Polygon", "coordinates": [BORDER, HOLE]}, [0, 0, 1, 0, 1, 1, 0, 1]],
    ],
    ids=str,
)
def test_holes_of_shapes_are_holes(segmentation: object) -> None:
    found = read(segmentation, HW)
    np.testing.assert_array_equal(rle.decode(found.mask), ~MASK)
    assert (found.area_px, found.lost) == (39, ())


def test_a_bad_hole_is_named_and_one_outside_takes_nothing_away() -> None:
    outside = [[20, 20], [30, 20], [30, 30]]
    shape = {"type": "Polygon", "coordinates": [BORDER, [[1, 1]], outside, HOLE]}
    found = read(shape, HW)
    assert found.area_px == 39
    assert [str(one) for one in found.lost] == ["a polygon of fewer than 3 points"]


def test_a_null_among_polygons_is_named_and_hides_nothing() -> None:
    found = read([None, *SQUARE], HW)
    np.testing.assert_array_equal(rle.decode(found.mask), MASK)
    assert [str(one) for one in found.lost] == ["a polygon of fewer than 3 points"]


def test_backslashes_of_spelled_bytes_are_read() -> None:
    for seed in range(40):
        mask = np.random.default_rng(seed).random((40, 60)) > 0.9
        encoded = rle.encode(mask)
        spelled = {"size": [40, 60], "counts": repr(encoded["counts"].encode())}
        np.testing.assert_array_equal(rle.decode(rle_of(spelled, (40, 60))), mask)


def test_a_polygon_that_leads_far_out_is_what_of_it_is_in_the_image() -> None:
    hw = (60, 80)
    wedge = [[20, 30, 1e6, -2e5, 1e6, 2e5]]
    y, x = np.mgrid[:60, :80] + 0.5
    expected = np.abs(y - 30) < 0.2 * (x - 20)
    mask = rle.decode(rle_of(wedge, hw))
    assert (mask != expected).sum() < 40  # of half a pixel along the edges
    around = [[-1e6, -1e6, 1e6, -1e6, 1e6, 1e6, -1e6, 1e6]]
    assert rle.decode(rle_of(around, hw)).all()


@given(st.lists(st.tuples(st.floats(-200, 280), st.floats(-200, 260)), min_size=3, max_size=8))
def test_cut_off_polygons_are_the_same_within_the_image(
    points: list[tuple[float, float]],
) -> None:
    """Such a distance pycocotools can walk itself; its steps are a fifth of a pixel."""
    hw = (60, 80)
    polygon = [value for point in points for value in point]
    whole = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects([polygon], *hw))).astype(bool)
    try:
        mask = rle.decode(rle_of([polygon], hw))
    except SegmentationError:
        assert not whole.any()
        return
    outline = sum(np.hypot(*np.subtract(a, b)) for a, b in zip(points, [*points[1:], points[0]]))
    assert (mask != whole).sum() <= 2 + outline / 20


def test_an_outside_polygon_is_told_from_one_at_the_border() -> None:
    with pytest.raises(SegmentationError, match="a polygon outside the image"):
        rle_of([[300, 10, 400, 10, 400, 60]], HW)
    assert rle.decode(rle_of([[-3, -3, 2, -3, 2, 2, -3, 2]], HW)).sum() == 4
