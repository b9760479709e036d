"""A detector's file: what of it can be used, and what is said of the rest."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from anymask.datasets.coco.segmentation import rle_of
from anymask.errors import RecordError
from anymask.evaluation.measures.coco_truth import CocoTruth, TrueImage, TrueObject
from anymask.evaluation.measures.detections import Detection, read_detections, true_boxes

GOOD = {"image_id": 1, "category_id": 3, "bbox": [1, 2.5, 3, 0], "score": 0.123456789}


def truth_of(*objects: TrueObject) -> CocoTruth:
    """A truth with one image, 8 × 6 pixels."""
    image = TrueImage(1, (6, 8), objects)
    return CocoTruth("a/truth.json", {1: image}, {}, frozenset({3}), {}, {}, False)


def written(folder: Path, document: object) -> str:
    """A file that holds it."""
    (folder / "found.json").write_text(json.dumps(document))
    return str(folder / "found.json")


def test_what_is_whole_is_used_in_its_order(tmp_path: Path) -> None:
    found = read_detections(written(tmp_path, [GOOD, {**GOOD, "score": 2}]), truth_of())
    box = (1.0, 2.5, 3.0, 0.0)
    assert found.of_image == {1: [Detection(3, box, 0.123456789), Detection(3, box, 2.0)]}
    assert (found.ignored, found.notes, len(found.sha256)) == (0, (), 16)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (7, "are no detections: 7"),
        ({**GOOD, "image_id": 99}, "are of images that truth.json does not have: 99"),
        ({**GOOD, "image_id": [1]}, "are of images that truth.json does not have: [1]"),
        ({**GOOD, "image_id": "one"}, "are of images that truth.json does not have: 'one'"),
        ({**GOOD, "category_id": 4}, "are of categories that truth.json does not have: 4"),
        ({**GOOD, "category_id": None}, "are of categories that truth.json does not have: None"),
        ({**GOOD, "score": float("nan")}, "have scores that are no numbers: nan"),
        ({**GOOD, "score": True}, "have scores that are no numbers: True"),
        ({**GOOD, "bbox": [0, 0, -1, 2]}, "have boxes that are not X, Y, width, height: [0, 0, -1"),
        ({**GOOD, "bbox": [0, 0, 1]}, "have boxes that are not X, Y, width, height: [0, 0, 1]"),
        ({**GOOD, "bbox": [0, float("inf"), 1, 1]}, "have boxes that are not X, Y, width, height"),
        ({**GOOD, "bbox": [0, 0, 10**400, 1]}, "have boxes that are not X, Y, width, height"),
        ({**GOOD, "bbox": {"x": 1}}, "have boxes that are not X, Y, width, height: {'x': 1}"),
        ({**GOOD, "bbox": [9, 0, 2, 2]}, "have boxes outside their image: [9, 0, 2, 2]"),
        ({**GOOD, "bbox": [0, -3, 2, 2]}, "have boxes outside their image: [0, -3, 2, 2]"),
    ],
)
def test_what_cannot_be_used_is_counted_and_named(
    entry: object, reason: str, tmp_path: Path
) -> None:
    found = read_detections(written(tmp_path, [entry, GOOD, entry]), truth_of())
    assert len(found.of_image[1]) == 1
    assert found.ignored == 2
    (note,) = found.notes
    assert note.name == "found.json"
    assert note.reason.startswith(f"2 of its entries {reason}")


def test_notes_are_short(tmp_path: Path) -> None:
    entries = [{**GOOD, "image_id": number} for number in range(100, 120)]
    (note,) = read_detections(written(tmp_path, entries), truth_of()).notes
    assert note.reason.endswith("not have: 100, 101, 102, 103, 104 and 15 more")


def test_ids_of_another_type_are_matched_where_others_are_written_as_in_the_truth(
    tmp_path: Path,
) -> None:
    entries = [GOOD, {**GOOD, "image_id": "1"}, {**GOOD, "category_id": 3.0}]
    found = read_detections(written(tmp_path, entries), truth_of())
    assert (len(found.of_image[1]), found.ignored, found.mismatch) == (3, 0, "")
    (note,) = found.notes
    assert note.reason == (
        "1 of its entries have ids that truth.json writes otherwise, and are matched by their "
        "values: image_id '1'"
    )


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({**GOOD, "image_id": "1"}, "image_id '1'; write the ids as it does"),
        ({**GOOD, "category_id": "3"}, "category_id '3'; write the ids as it does"),
        ({**GOOD, "image_id": 7}, "are of images that truth.json does not have: 7; it may be of"),
        ({**GOOD, "category_id": 9}, "are of categories that truth.json does not have: 9; it may"),
    ],
)
def test_a_file_of_which_nothing_fits_is_no_average_precision_of_0(
    entry: dict[str, object], reason: str, tmp_path: Path
) -> None:
    found = read_detections(written(tmp_path, [entry, entry]), truth_of())
    assert "found.json does not fit truth.json: 2 of its entries " in found.mismatch
    assert reason in found.mismatch
    assert read_detections(written(tmp_path, [entry, GOOD]), truth_of()).mismatch == ""
    documents: tuple[object, ...] = ([], {"annotations": []})
    for empty in documents:
        nothing = read_detections(written(tmp_path, empty), truth_of())
        assert nothing.mismatch.endswith(
            "found.json is an empty list: it has no detections to ask about"
        )


def test_objects_without_a_box_have_that_of_their_mask() -> None:
    square = TrueObject(3, None, [[1, 1, 4, 1, 4, 4, 1, 4]], None, False)
    assert true_boxes(truth_of(square)).of_image == {1: [Detection(3, (1.0, 1.0, 3.0, 3.0), None)]}


SQUARE = [[1, 1, 4, 1, 4, 4, 1, 4]]
RUNS = dict(rle_of(SQUARE, (6, 8)))


@pytest.mark.parametrize(
    "bbox",
    [
        ["1", "2.5", "3", "0"],
        "[1, 2.5, 3, 0]",
        {"x": 1, "y": 2.5, "width": 3, "height": 0},
        {"x": "1", "y": "2.5", "w": "3", "h": "0"},
    ],
    ids=str,
)
def test_numbers_that_are_text_are_read(bbox: object, tmp_path: Path) -> None:
    entry = {"image_id": "1", "category_id": "3", "bbox": bbox, "score": " 0.5"}
    found = read_detections(written(tmp_path, [GOOD, entry]), truth_of())
    assert found.of_image[1][1] == Detection(3, (1.0, 2.5, 3.0, 0.0), 0.5)
    assert found.ignored == 0


@pytest.mark.parametrize("key", ["annotations", "predictions", "detections", "results"])
def test_a_list_in_an_object_is_read(key: str, tmp_path: Path) -> None:
    found = read_detections(written(tmp_path, {key: [GOOD], "info": {}}), truth_of())
    assert (len(found.of_image[1]), found.mismatch) == (1, "")


def test_of_several_lists_none_is_chosen(tmp_path: Path) -> None:
    document = {"annotations": [GOOD], "predictions": [GOOD]}
    with pytest.raises(RecordError, match=r"several lists .*\(annotations, predictions\)"):
        read_detections(written(tmp_path, document), truth_of())


@pytest.mark.parametrize("bbox", [{}, {"bbox": None}, {"bbox": []}], ids=str)
@pytest.mark.parametrize("segmentation", [SQUARE, RUNS, json.dumps(RUNS)], ids=str)
@pytest.mark.parametrize("size", [(6, 8), None])
def test_where_no_box_is_it_is_that_of_the_mask_and_said(
    bbox: dict[str, object],
    segmentation: object,
    size: tuple[int, int] | None,
    tmp_path: Path,
) -> None:
    entry = {"image_id": 1, "category_id": 3, "score": 1, "segmentation": segmentation, **bbox}
    truth = truth_of()
    truth = replace(truth, images={1: TrueImage(1, size, ())})
    found = read_detections(written(tmp_path, [entry]), truth)
    (note,) = found.notes
    if size is None and segmentation == SQUARE:
        assert note.reason.startswith("1 of its entries have neither a box nor an image of known")
        return
    assert found.of_image == {1: [Detection(3, (1.0, 1.0, 3.0, 3.0), 1.0)]}
    assert note.reason == (
        "1 of its entries have no box, so that the box of their mask is asked about: image_id 1"
    )


@pytest.mark.parametrize(
    ("segmentation", "reason"),
    [
        (
            [[1, 1, 4, 1]],
            "have no box, and masks that are none: 'a polygon of fewer than 3 points'",
        ),
        ([[1, 1, 2, 1, 4, 1]], "have no box, and masks without a pixel: [[1, 1, 2, 1, 4, 1]]"),
        ([], "have boxes that are not X, Y, width, height: None"),
    ],
)
def test_neither_a_box_nor_a_mask(segmentation: object, reason: str, tmp_path: Path) -> None:
    entry = {"image_id": 1, "category_id": 3, "score": 1, "segmentation": segmentation}
    found = read_detections(written(tmp_path, [GOOD, entry]), truth_of())
    assert (found.ignored, found.notes[0].reason) == (1, f"1 of its entries {reason}")


@pytest.mark.parametrize("document", [{}, None, {"annotations": {}}])
def test_what_is_no_list(document: object, tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="is no list of detections"):
        read_detections(written(tmp_path, document), truth_of())


def test_what_is_no_file_and_no_json(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="can't be read"):
        read_detections(str(tmp_path / "none.json"), truth_of())
    (tmp_path / "torn.json").write_text("[")
    with pytest.raises(RecordError, match="is no JSON"):
        read_detections(str(tmp_path / "torn.json"), truth_of())


def test_true_boxes_are_those_of_objects_that_are_no_crowd() -> None:
    objects = [TrueObject(3, [1, 1, 2, 2], None, None, crowd) for crowd in (False, True)]
    found = true_boxes(truth_of(*objects, TrueObject(3, None, None, None, False)))
    assert found.of_image == {1: [Detection(3, (1.0, 1.0, 2.0, 2.0), None)]}
    assert found.ignored == 1
    assert found.notes[0].name == "truth.json"
