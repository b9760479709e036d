import json
from pathlib import Path
from typing import Any

import pytest

from anymask.core import rle
from anymask.datasets.photographs import Photograph
from anymask.datasets.prompting.candidate_file import CandidateFile, GivenCandidate
from anymask.errors import RecordError

SQUARE = [[2, 2, 6, 2, 6, 6, 2, 6]]


def written(folder: Path, content: Any) -> str:
    (folder / "found.json").write_text(json.dumps(content))
    return str(folder / "found.json")


def test_boxes_and_masks_of_a_coco_file_are_found_by_the_images_name(tmp_path: Path) -> None:
    content = {
        "images": [{"id": 7, "file_name": "day/dog.png", "height": 10, "width": 20}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 1, "bbox": [1, 2, 3, 4]},
            {
                "id": 2,
                "image_id": 7,
                "category_id": 1,
                "bbox": [2, 2, 4, 4],
                "segmentation": SQUARE,
            },
        ],
        "categories": [{"id": 1, "name": "thing"}],
    }
    file = CandidateFile.read(written(tmp_path, content))
    box, drawn = file.of(Photograph("elsewhere/dog.png", "dog.png"))
    assert box == GivenCandidate((1, 2, 3, 4), None)
    assert box.mask((10, 20)) is None
    mask = drawn.mask((10, 20))
    assert mask is not None
    assert rle.area(mask) == 16
    with pytest.raises(RecordError, match=r"knows no image cat\.png"):
        file.of(Photograph("cat.png", "cat.png"))


def test_a_list_of_results_knows_images_by_their_numbers(tmp_path: Path) -> None:
    results = [
        {"image_id": 9, "category_id": 3, "bbox": [1, 1, 5, 5], "score": 0.9},
        {"image_id": 9, "category_id": 3, "bbox": [1, 1, 0, 5], "score": 0.8},
    ]
    file = CandidateFile.read(written(tmp_path, results))
    box, nothing = file.of(Photograph("000000000009.jpg", "000000000009.jpg"))
    assert box.box_xywh == (1, 1, 5, 5)
    assert nothing == GivenCandidate(None, None)
    assert file.of(Photograph("10.jpg", "10.jpg")) == ()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([], "empty list"),
        ([{"bbox": [1, 1, 2, 2]}], "name no image"),
        ({"masks": []}, "no list of images"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: Any, said: str) -> None:
    with pytest.raises(RecordError, match=said):
        CandidateFile.read(written(tmp_path, content))
