import json
from pathlib import Path
from typing import Any

import pytest

from anymask.core import rle
from anymask.datasets.photographs import Photograph
from anymask.datasets.prompting.candidate_file import CandidateFile, GivenCandidate
from anymask.errors import PromptError, RecordError

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
    box, drawn = file.of(Photograph("elsewhere/dog.png", "dog.png")).candidates
    assert box == GivenCandidate((1, 2, 3, 4), None)
    assert box.mask((10, 20)) is None
    mask = drawn.mask((10, 20))
    assert mask is not None
    assert rle.area(mask) == 16
    (corners,) = file.of(Photograph("dog.png", "dog.png")).boxes_xyxy((10, 20))
    assert corners.tolist() == [1, 2, 4, 6]
    with pytest.raises(RecordError, match=r"says nothing of cat\.png"):
        file.of(Photograph("cat.png", "cat.png"))


def images_of(folder: Path, *names: str, **more: Any) -> CandidateFile:
    """A file with a box of its own for each name: as far to the right as its number."""
    images = [{"id": n, "file_name": name, **more} for n, name in enumerate(names)]
    boxes = [{"id": n + 1, "image_id": n, "bbox": [n, 0, 1, 1]} for n in range(len(names))]
    return CandidateFile.read(written(folder, {"images": images, "annotations": boxes}))


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("a/1.png", 0),
        ("b/1.png", 1),
        ("c/1.png", None),
        ("x/b/1.PNG", 1),
        ("2.png", 2),
        ("z/2.png", None),
        ("any/3.png", 3),
    ],
)
def test_an_image_is_known_by_its_name_with_the_folders_that_both_have(
    tmp_path: Path, name: str, number: int | None
) -> None:
    file = images_of(tmp_path, "a/1.png", "b\\1.png", "/data/y/2.png", "3.png")
    given = file.find(Photograph(name, name))
    assert (given and given.boxes_xyxy((5, 5))[0, 0]) == number


def test_what_may_be_several_images_or_another_size_is_refused(tmp_path: Path) -> None:
    file = images_of(tmp_path, "a/1.png", "b/1.png", "2.png", height=10, width=20)
    with pytest.raises(RecordError, match=r"1\.png may be several images of .*: a/1\.png, b/1"):
        file.find(Photograph("1.png", "1.png"))
    given = file.of(Photograph("2.png", "2.png"))
    with pytest.raises(RecordError, match=r"2\.png is 10×20 \(width×height\), but 20×10 by"):
        given.boxes_xyxy((20, 10))
    far = CandidateFile.read(
        written(tmp_path, [{"image_id": 9, "bbox": [10, 3, 50, 5]}, {"image_id": 8}])
    )
    with pytest.raises(PromptError, match=r"leaves the image, which is 20×10"):
        far.of(Photograph("9.png", "9.png")).boxes_xyxy((10, 20))


def test_the_digest_is_of_what_a_file_says(tmp_path: Path) -> None:
    one = CandidateFile.read(written(tmp_path, [{"image_id": 9, "bbox": [1, 1, 5, 5]}]))
    (tmp_path / "found.json").write_text('[{"bbox":[1,1,5,5],\n"image_id":9}]')
    assert CandidateFile.read(one.location).digest == one.digest
    other = CandidateFile.read(written(tmp_path, [{"image_id": 9, "bbox": [1, 1, 5, 6]}]))
    assert other.digest != one.digest


def test_a_list_of_results_knows_images_by_their_numbers(tmp_path: Path) -> None:
    results = [
        {"image_id": 9, "category_id": 3, "bbox": [1, 1, 5, 5], "score": 0.9},
        {"image_id": 9, "category_id": 3, "bbox": [1, 1, 0, 5], "score": 0.8},
    ]
    file = CandidateFile.read(written(tmp_path, results))
    box, nothing = file.of(Photograph("000000000009.jpg", "000000000009.jpg")).candidates
    assert box.box_xywh == (1, 1, 5, 5)
    assert nothing == GivenCandidate(None, None)
    assert file.of(Photograph("10.jpg", "10.jpg")).candidates == ()
    with pytest.raises(RecordError, match=r"knows images by the numbers in their names"):
        file.of(Photograph("dog.jpg", "dog.jpg"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([], "empty list"),
        ([{"bbox": [1, 1, 2, 2]}], "name no image"),
        ({"masks": []}, "no list of images"),
        ({"images": [], "annotations": []}, "has no images"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: Any, said: str) -> None:
    with pytest.raises(RecordError, match=said):
        CandidateFile.read(written(tmp_path, content))
