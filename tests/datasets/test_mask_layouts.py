"""Mask layouts: which pictures are of which image, and which are of none."""

from __future__ import annotations

import pytest

from anymask.datasets.mask_layouts import MaskedImage, masked_images


def pictures(*names: str, called: str = "") -> tuple[dict[str, list[str]], bool, list[str]]:
    """The pictures of each image, whether each shows one object, and what is left out."""
    images, left_out = masked_images(names, called)
    assert all(isinstance(image, MaskedImage) for image in images)
    each = {image.one_object_each for image in images if image.pictures}
    notes = [f"{note.name} {note.reason}" for note in left_out]
    return {image.name: list(image.pictures) for image in images}, each == {True}, notes


def test_a_folder_of_one_image_has_a_picture_for_each_object() -> None:
    masks = ["7/masks/0.png", "7/masks/1.png", "7/masks/2.png"]
    assert pictures("7/images/0.png", *masks) == ({"7/images/0.png": masks}, True, [])
    others = ["8/images/z.png", "8/masks/a.png", "8/masks/b.png"]
    found, each, notes = pictures("7/images/0.png", *masks, *others)
    assert found == {"7/images/0.png": masks, others[0]: others[1:]}
    assert (each, notes) == (True, [])


def test_a_folder_that_has_the_name_of_its_image_is_of_that_image_wherever_it_is_opened() -> None:
    masks = ["masks/ab.png", "masks/cd.png"]
    assert pictures("images/id1.png", *masks, called="id1") == ({"images/id1.png": masks}, True, [])


@pytest.mark.parametrize("root", ["", "train/", "stage1_train/", "val2017/", "a/data/"])
def test_the_only_image_left_of_many_has_the_picture_of_its_own_name(root: str) -> None:
    names = [f"{root}images/b.png", *(f"{root}masks/{name}.png" for name in "abcdefg")]
    found, each, notes = pictures(*names)
    assert found == {f"{root}images/b.png": [f"{root}masks/b.png"]}
    assert not each
    reason = "has 6 pictures of masks that are read for no image: a.png, c.png, d.png and 3 more"
    assert notes == [f"{root}masks {reason}"]


def test_the_pictures_of_images_that_are_gone_are_not_those_of_the_only_one() -> None:
    assert pictures("images/a.png", "masks/b.png", "masks/c.png")[0] == {"images/a.png": []}
    # Where another folder beside it has several images, folders are none of one image.
    found, _, notes = pictures(
        "x/images/a.png", "x/masks/a.png", "x/masks/b.png",
        "y/images/a.png", "y/images/b.png", "y/masks/b.png",
    )  # fmt: skip
    assert found == {
        "x/images/a.png": ["x/masks/a.png"],
        "y/images/a.png": [],
        "y/images/b.png": ["y/masks/b.png"],
    }
    assert notes == ["x/masks has 1 picture of masks that are read for no image: b.png"]


def test_one_picture_in_a_folder_of_one_image_shows_all_its_objects() -> None:
    names = "7/images/image.png", "7/masks/mask.png"
    assert pictures(*names) == ({names[0]: [names[1]]}, False, [])


@pytest.mark.parametrize(
    "mask", ["x.tif", "x_mask.png", "x-masks.png", "x.jpg.png", "x_segmentation.png", "x_GT.PNG"]
)
def test_a_mask_may_be_called_as_its_image_and_more(mask: str) -> None:
    found, each, notes = pictures("images/x.jpg", "images/y.jpg", f"masks/{mask}", "masks/y.png")
    assert found == {"images/x.jpg": [f"masks/{mask}"], "images/y.jpg": ["masks/y.png"]}
    assert not each
    assert notes == []


def test_names_are_the_same_in_every_unicode_form() -> None:
    found, _, _ = pictures(
        "images/u\u0308.jpg", "images/z.jpg", "masks/\u00fc/1.png", "masks/z.png"
    )
    assert found["images/u\u0308.jpg"] == ["masks/\u00fc/1.png"]


def test_what_is_beside_what_is_read_is_named() -> None:
    found, _, notes = pictures(
        "images/x.jpg", "images/y.jpg",
        "masks/x.png", "masks/x.tif", "masks/x_mask.png", "masks/y/1.png", "masks/y.png",
        "labels/x.png",
    )  # fmt: skip
    assert found == {"images/x.jpg": ["masks/x.png"], "images/y.jpg": ["masks/y.png"]}
    assert notes == [
        "masks has 3 pictures of masks that are read for no image: x.tif, x_mask.png, y/1.png",
        "labels has 1 picture of masks beside masks, which is read instead: x.png",
    ]
    found, _, notes = pictures("images/x.jpg", "masks/other.png", "labels/x.png")
    assert found == {"images/x.jpg": ["labels/x.png"]}
    assert notes == ["masks has 1 picture of masks beside labels, which is read instead: other.png"]
