"""Mask pictures: the three layouts, what values and colours mean, and what is broken."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import cv2
import fsspec
import imagecodecs
import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image

from anymask.core import rle
from anymask.core.image import read_mask
from anymask.datasets import mask_pictures
from anymask.datasets.listing import list_files
from anymask.datasets.mask_pictures import object_of, objects_of
from anymask.datasets.photographs import LeftOut, Unread
from anymask.datasets.sample import Sample
from anymask.errors import ImageError
from tests.datasets.pictures import HW, as_file, blank, boxes, save


def read_all(folder: Path | str, split_regions: bool = False) -> list[Sample | Unread]:
    """All samples, each of a copy of its part."""
    dataset = mask_pictures.read(list_files(str(folder)), split_regions)
    assert dataset is not None
    assert dataset.kind == "mask pictures"
    return [sample for part in pickle.loads(pickle.dumps(dataset.parts)) for sample in part.read()]


def groups(content: bytes, split_regions: bool = False) -> list[str | None]:
    """The groups of the objects of a picture; each object is one or more of the boxes."""
    found = objects_of(content, "m.png", split_regions)
    for mask, _ in found:
        assert mask["size"] == [*HW]
        assert rle.area(mask) % 20 == 0
    return [group for _, group in found]


@pytest.mark.parametrize("folder", ["masks", "labels", "annotations", "Masks"])
@pytest.mark.parametrize("top", ["", "train/", "a/b/"])
def test_a_picture_of_the_masks_of_each_image(tmp_path: Path, folder: str, top: str) -> None:
    save(tmp_path / top / "images" / "b.jpg")
    save(tmp_path / top / "images" / "sub" / "a.png")
    save(tmp_path / top / "images" / "lonely.png")
    save(tmp_path / top / folder / "b.png", boxes(1, 2))
    save(tmp_path / top / folder / "sub" / "a.tif", boxes(255))
    save(tmp_path / top / folder / "unasked.png", boxes(1))
    b, lonely, a = read_all(tmp_path)
    assert isinstance(b, Sample)
    assert (b.name, b.groups) == (f"{top}images/b.jpg", ("1", "2"))
    np.testing.assert_array_equal(rle.decode(b.masks[1]), boxes(0, 1) == 1)
    assert b.pixels().shape == (*HW, 3)
    assert isinstance(a, Sample)
    assert (a.name, a.groups) == (f"{top}images/sub/a.png", (None,))
    assert lonely == Unread(f"{top}images/lonely.png", "has no picture of its masks")
    dataset = mask_pictures.read(list_files(str(tmp_path)))
    assert dataset
    note = LeftOut(
        f"{top}{folder}", "has 1 picture of masks that are read for no image: unasked.png"
    )
    assert dataset.notes == (note,)


def test_a_folder_of_pictures_for_each_image(tmp_path: Path) -> None:
    for name in ("x", "y"):
        save(tmp_path / "images" / f"{name}.jpg")
        save(tmp_path / "masks" / name / "2.png", boxes(0, 9))
        save(tmp_path / "masks" / name / "10.png", boxes(255, 100))
    save(tmp_path / "masks" / "y" / "3.png", blank())
    x, y = read_all(tmp_path)
    for one, name in ((x, "x"), (y, "y")):
        assert isinstance(one, Sample)
        assert (one.name, one.groups) == (f"images/{name}.jpg", (None, None))
        np.testing.assert_array_equal(rle.decode(one.masks[0]), boxes(0, 1) == 1)  # 2 before 10
        np.testing.assert_array_equal(rle.decode(one.masks[1]), boxes(1) == 1)


def test_a_folder_for_each_image(tmp_path: Path) -> None:
    for place in ("stage1_train/id1", "stage1_train/id2"):
        save(tmp_path / place / "images" / f"{Path(place).name}.png")
        save(tmp_path / place / "masks" / "f00.png", boxes(255))
        save(tmp_path / place / "masks" / "ba5.png", boxes(0, 255))
    save(tmp_path / "stage1_test" / "id3" / "images" / "id3.png")
    test, *samples = read_all(tmp_path)
    assert test == Unread("stage1_test/id3/images/id3.png", "has no picture of its masks")
    assert [sample.name for sample in samples] == [
        "stage1_train/id1/images/id1.png",
        "stage1_train/id2/images/id2.png",
    ]
    samples += read_all(tmp_path / "stage1_train") + read_all(tmp_path / "stage1_train" / "id1")
    assert len(samples) == 2 + 2 + 1
    for sample in samples:
        assert isinstance(sample, Sample)
        np.testing.assert_array_equal(rle.decode(sample.masks[0]), boxes(0, 1) == 1)


def test_folders_deeper_down_are_not_looked_into(tmp_path: Path) -> None:
    save(tmp_path / "a" / "b" / "c" / "images" / "x.png")
    save(tmp_path / "a" / "b" / "c" / "masks" / "x.png", boxes(1))
    assert mask_pictures.read(list_files(str(tmp_path))) is None
    assert len(read_all(tmp_path / "a")) == 1


def test_images_without_any_mask_are_no_dataset(tmp_path: Path) -> None:
    save(tmp_path / "images" / "x.png")
    save(tmp_path / "images" / "y.png")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "x.txt").write_text("0 0.5 0.5 0.1 0.1")
    assert mask_pictures.read(list_files(str(tmp_path))) is None
    save(tmp_path / "masks" / "z.png")
    assert mask_pictures.read(list_files(str(tmp_path))) is None


def test_pictures_far_away() -> None:
    fs = fsspec.filesystem("memory")
    fs.pipe("/pictures/images/x.png", as_file(blank(3)))
    fs.pipe("/pictures/masks/x.png", as_file(boxes(7)))
    (sample,) = read_all("memory://pictures")
    assert isinstance(sample, Sample)
    assert sample.groups == ("7",)


def test_what_is_broken_or_empty_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    for name in "abcd":
        save(tmp_path / "images" / f"{name}.png")
        save(tmp_path / "masks" / f"{name}.png", boxes(1) if name == "d" else blank())
    (tmp_path / "masks" / "b.png").write_bytes(b"no picture")
    whole = (tmp_path / "masks" / "d.png").read_bytes()
    (tmp_path / "masks" / "c.png").write_bytes(whole[:-30])
    a, b, c, d = read_all(tmp_path)
    assert a == Unread("images/a.png", "has no object in its mask")
    assert b == Unread("images/b.png", "masks/b.png is not an image of a known format")
    assert isinstance(c, Unread)
    assert c.reason.startswith("masks/c.png can't be read: ")
    assert isinstance(d, Sample)
    dataset = mask_pictures.read(list_files(str(tmp_path)))
    (tmp_path / "images" / "d.png").unlink()
    assert dataset
    (gone,) = dataset.parts[3].read()
    assert gone == Unread("images/d.png", "can't be read: No such file or directory")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32])
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((255,), [None]),
        ((1,), [None]),
        ((1, 1), [None]),
        ((3,), ["3"]),
        ((128,), ["128"]),
        ((1, 2, 200), ["1", "2", "200"]),
        ((1, 255), ["1"]),
        ((4, 255, 7), ["4", "7"]),
        ((0,), []),
    ],
)
def test_values_are_objects_and_255_beside_them_is_void(
    dtype: npt.DTypeLike, values: tuple[int, ...], expected: list[str | None]
) -> None:
    form = "TIFF" if dtype == np.int32 else "PNG"
    assert groups(as_file(boxes(*values, dtype=dtype), form)) == expected


def test_values_of_16_bits() -> None:
    assert groups(as_file(boxes(65535, dtype=np.uint16))) == [None]
    # Instances that are counted beyond 255 count it, too.
    assert groups(as_file(boxes(1, 255, 60000, dtype=np.uint16))) == ["1", "255", "60000"]


def test_palettes_are_values_and_not_colours() -> None:
    picture = Image.fromarray(boxes(1, 2, 255)).convert("P")
    picture.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0] + [255, 255, 0] * 253)
    assert groups(as_file(picture)) == ["1", "2"]
    assert groups(as_file(picture, transparency=0)) == ["1", "2"]


def test_one_bit_and_grey_with_transparency() -> None:
    assert groups(as_file(Image.fromarray(boxes(255)).convert("1"))) == [None]
    assert groups(as_file(Image.fromarray(boxes(3, 4)).convert("LA"))) == ["3", "4"]


def test_fractions_are_labels_if_they_are_none() -> None:
    assert groups(as_file(boxes(3, 4, dtype=np.float32), "TIFF")) == ["3", "4"]
    for value in (0.5, -1, np.nan, np.inf):
        with pytest.raises(ImageError, match=r"m\.tif has values that are no labels"):
            objects_of(as_file(boxes(value, dtype=np.float32), "TIFF"), "m.tif")


def test_colours_are_objects() -> None:
    colours = boxes((255, 0, 0), (0, 0, 1), (255, 255, 255))
    assert groups(as_file(colours)) == ["#000001", "#ff0000", "#ffffff"]
    assert groups(as_file(boxes((255, 255, 255)))) == [None]
    assert groups(as_file(boxes((255, 0, 0, 255), (0, 255, 0, 0)))) == ["#ff0000"]
    assert groups(as_file(blank(3))) == []


def test_a_photograph_is_no_mask() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8)
    with pytest.raises(ImageError, match=r"m\.png has \d{4} colours, which is not one for each"):
        objects_of(as_file(noise), "m.png")


@pytest.mark.parametrize("form", ["JPEG", "WEBP"])
@pytest.mark.parametrize("channels", [1, 3])
def test_what_lost_something_is_white_from_half_on(form: str, channels: int) -> None:
    disc = cv2.circle(np.zeros(HW, np.uint8), (16, 12), 8, 255, -1)
    shown = disc if channels == 1 else np.repeat(disc[:, :, None], 3, axis=2)
    ((mask, group),) = objects_of(as_file(shown, form, quality=60), "m.jpg")
    assert group is None
    assert (rle.decode(mask) != (disc > 0)).mean() < 0.01
    assert objects_of(as_file(blank(3), form), "m.jpg") == []


@pytest.mark.parametrize("channels", [1, 3])
def test_soft_edges_are_no_classes(channels: int) -> None:
    disc = cv2.circle(np.zeros((96, 96), np.uint8), (48, 48), 30, 255, -1)
    soft = cv2.GaussianBlur(disc, (7, 7), 2)
    assert len(np.unique(soft)) > 20
    shown = soft if channels == 1 else np.repeat(soft[:, :, None], 3, axis=2)
    ((mask, group),) = objects_of(as_file(shown), "m.png")
    assert group is None
    np.testing.assert_array_equal(rle.decode(mask), soft > 127)


@pytest.mark.parametrize("seed", range(5))
def test_labels_and_regions_are_those_of_numpy_and_opencv(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, (rng.integers(1, 9), rng.integers(1, 9))).astype(np.uint8) * 9
    whole = objects_of(as_file(labels), "m.png")
    values = [value for value in (9, 18, 27) if (labels == value).any()]
    assert [group for _, group in whole] == [str(value) for value in values]
    for (mask, _), value in zip(whole, values):
        np.testing.assert_array_equal(rle.decode(mask), labels == value)
    split = objects_of(as_file(labels), "m.png", split_regions=True)
    expected = []
    for value in values:
        count, regions = cv2.connectedComponents((labels == value).astype(np.uint8), connectivity=8)
        expected += [(regions == one, str(value)) for one in range(1, count)]
    assert len(split) == len(expected)
    for group in {group for _, group in expected}:
        ours = {rle.decode(mask).tobytes() for mask, called in split if called == group}
        assert ours == {mask.tobytes() for mask, called in expected if called == group}


def test_regions_are_split_if_asked(tmp_path: Path) -> None:
    save(tmp_path / "images" / "x.png")
    save(tmp_path / "masks" / "x.png", boxes(255, 255, 255))
    (one,), (three,) = read_all(tmp_path), read_all(tmp_path, split_regions=True)
    assert isinstance(one, Sample)
    assert isinstance(three, Sample)
    assert (len(one.masks), three.groups) == (1, (None, None, None))
    (tmp_path / "masks" / "x.png").unlink()
    save(tmp_path / "masks" / "x" / "0.png", boxes(255, 255))
    (two,) = read_all(tmp_path, split_regions=True)
    assert isinstance(two, Sample)
    assert len(two.masks) == 2


def test_touching_corners_are_one_region() -> None:
    labels = np.eye(6, dtype=np.uint8) * np.uint8(5)
    assert len(objects_of(as_file(labels), "m.png", split_regions=True)) == 1


@pytest.mark.parametrize(
    "picture",
    [
        Image.fromarray(boxes(255, 100)),
        Image.fromarray(boxes(3)),
        Image.fromarray(boxes(255)).convert("1"),
        Image.fromarray(boxes(60000, 20000, dtype=np.uint16)),
        Image.fromarray(boxes((255, 255, 255), (90, 0, 0))),
        Image.fromarray(boxes((0, 0, 0, 255))),
        Image.fromarray(boxes((255, 255, 255, 255), (255, 255, 255, 90))),
        Image.fromarray(boxes(1)).convert("P"),
    ],
    ids=lambda picture: str(picture.mode),
)
def test_a_picture_of_one_object_is_read_as_a_mask_is(tmp_path: Path, picture: Image.Image) -> None:
    path = save(tmp_path / "m.png", picture)
    ((mask, group),) = object_of(path.read_bytes(), "m.png")
    assert group is None
    np.testing.assert_array_equal(rle.decode(mask), read_mask(path))


def test_a_picture_that_is_opaque_all_over_is_read_by_its_colours() -> None:
    opaque = Image.fromarray(boxes(255)).convert("RGBA")
    ((mask, _),) = object_of(as_file(opaque), "m.png")
    np.testing.assert_array_equal(rle.decode(mask), boxes(1) == 1)


def test_turned_masks_are_turned_as_their_images_are() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for shown in (objects_of, object_of):
        ((mask, _),) = shown(as_file(boxes(255), exif=exif), "m.png")
        np.testing.assert_array_equal(rle.decode(mask), np.rot90(boxes(1) == 1, -1))


@pytest.mark.parametrize(
    ("picture", "void", "expected"),
    [
        (boxes(1, 11, 255), (11,), ["0", "1", "255"]),
        (boxes(1, 11, 2), (11, 0), ["1", "2"]),
        (boxes(255), (255,), ["0"]),
        (boxes(1), (), ["0", "1"]),
        (boxes((255, 0, 0), (0, 255, 0)), (0xFF0000,), ["#000000", "#00ff00"]),
    ],
)
def test_values_that_are_named_as_void_are_no_objects_and_all_others_are(
    picture: npt.NDArray[np.generic], void: tuple[int, ...], expected: list[str]
) -> None:
    found = objects_of(as_file(picture), "m.png", void=void)
    assert [group for _, group in found] == expected
    areas = {group: rle.area(mask) for mask, group in found}
    outside = areas.pop("0", areas.pop("#000000", None))
    assert set(areas.values()) <= {20}
    assert outside is None or outside >= 24 * 32 - 3 * 20


def test_regions_of_the_value_0_are_split() -> None:
    wall = blank()
    wall[:, 10:12] = 11
    found = objects_of(as_file(wall), "m.png", split_regions=True, void=(11,))
    assert [(rle.area(mask), group) for mask, group in found] == [(240, "0"), (480, "0")]


def test_what_lost_something_has_no_values_to_be_void() -> None:
    with pytest.raises(ImageError, match=r"m\.jpg is compressed with losses"):
        objects_of(as_file(boxes(255), "JPEG"), "m.jpg", void=(11,))


@pytest.mark.data
def test_real_streets_with_their_sky(data_folder: Path) -> None:
    if not (data_folder / "camvid40").is_dir():
        pytest.skip("camvid40 is not here")
    dataset = mask_pictures.read(list_files(str(data_folder / "camvid40")), void=(11,))
    assert dataset
    samples = [sample for part in dataset.parts for sample in part.read()]
    assert len(samples) == 40
    groups = {group for one in samples if isinstance(one, Sample) for group in one.groups}
    assert groups == {str(value) for value in range(11)}


@pytest.mark.data
def test_real_nuclei(data_folder: Path) -> None:
    if not (data_folder / "dsb60").is_dir():
        pytest.skip("dsb60 is not here")
    samples = read_all(data_folder / "dsb60")
    assert len(samples) == 60
    assert sum(len(one.masks) for one in samples if isinstance(one, Sample)) == 2704


def tiff(*pages: npt.NDArray[Any], **how: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, np.stack(pages), **{"photometric": "minisblack", **how})
    return file.getvalue()


@pytest.mark.parametrize("how", [{}, {"compression": "lzw"}, {"imagej": True}, {"truncate": True}])
def test_every_page_of_a_stack_is_an_object(tmp_path: Path, how: dict[str, Any]) -> None:
    content = tiff(boxes(255), boxes(0, 255), boxes(0), boxes(0, 0, 255), **how)
    save(tmp_path / "images" / "a.png")
    save(tmp_path / "images" / "b.png")
    for place in ("a.tif", "b/all.tif"):
        (tmp_path / "masks" / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "masks" / place).write_bytes(content)
    for sample in read_all(tmp_path):
        assert isinstance(sample, Sample)
        assert sample.groups == (None,) * 3
        for mask, expected in zip(sample.masks, (boxes(1), boxes(0, 1), boxes(0, 0, 1))):
            np.testing.assert_array_equal(rle.decode(mask), expected == 1)


def test_every_page_may_be_a_map_of_labels() -> None:
    content = tiff(boxes(3, 4, dtype=np.uint16), boxes(0, 4, 70, dtype=np.uint16))
    assert groups(content) == ["3", "4", "4", "70"]


def test_every_frame_of_an_animation_is_an_object() -> None:
    file = io.BytesIO()
    first, *others = (Image.fromarray(page) for page in (boxes(255), boxes(0, 255), boxes(9, 3)))
    first.save(file, "GIF", save_all=True, append_images=others, disposal=2)
    assert groups(file.getvalue()) == [None, None, "3", "9"]


@pytest.mark.parametrize("kind", ["u1", "u2", "u4", "i4", "f4", "f8"])
@pytest.mark.parametrize("how", [{}, {"compression": "deflate", "predictor": True}])
def test_labels_of_any_type_are_their_values(kind: str, how: dict[str, Any]) -> None:
    values = (1, 2, 255) if kind == "u1" else (300, 301, 60_000)
    expected = ["1", "2"] if kind == "u1" else ["300", "301", "60000"]
    assert groups(tiff(boxes(*values, dtype=kind), **how)) == expected
    if kind in ("u4", "f8"):
        assert groups(tiff(boxes(16_777_216, 16_777_217, dtype=kind))) == ["16777216", "16777217"]


@pytest.mark.parametrize("planes", ["contig", "separate"])
@pytest.mark.parametrize("factor", [1, 257])
def test_colours_of_tiff_are_objects(planes: str, factor: int) -> None:
    colours = boxes((255, 0, 0), (0, 0, 1), (255, 255, 255))
    stored = colours if factor == 1 else colours.astype(np.uint16) * np.uint16(factor)
    stored = np.moveaxis(stored, 2, 0) if planes == "separate" else stored
    content = tiff(*stored, photometric="rgb", planarconfig=planes)
    assert groups(content) == ["#000001", "#ff0000", "#ffffff"]


def test_deep_colours_that_8_bits_would_mix_up_are_refused() -> None:
    colours = boxes((1000, 0, 0), (1001, 0, 0), dtype=np.uint16)
    with pytest.raises(ImageError, match="a mask's have 8 bits"):
        objects_of(tiff(*colours, photometric="rgb"), "m.tif")
    png = bytes(imagecodecs.png_encode(colours))
    with pytest.raises(ImageError, match="a mask's have 8 bits"):
        objects_of(png, "m.png")


def test_masks_in_planes_that_are_called_colours_are_not_mixed() -> None:
    """So tifffile writes an array of three or four masks if it is not told otherwise."""
    apart = boxes(255), boxes(0, 255), boxes(0, 0, 255)
    assert len(groups(tiff(*apart, photometric="rgb", planarconfig="separate"))) == 3
    together = boxes(255, 255), boxes(0, 255), boxes(0, 0, 255)
    for planes in (together, (*together, boxes(255))):
        with pytest.raises(ImageError, match=f"{len(planes)} masks that overlap, in planes"):
            objects_of(tiff(*planes, photometric="rgb", planarconfig="separate"), "m.tif")


def test_an_array_of_bool_is_an_object_where_it_is_true() -> None:
    """tifffile calls 0 white in its file, so that other readers see the complement."""
    file = io.BytesIO()
    tifffile.imwrite(file, boxes(1) == 1)
    for read in (objects_of, object_of):
        ((mask, group),) = read(file.getvalue(), "m.tif")
        assert group is None
        np.testing.assert_array_equal(rle.decode(mask), boxes(1) == 1)


def test_bands_that_are_no_colours_are_refused() -> None:
    for read in (objects_of, object_of):
        with pytest.raises(ImageError, match=r"m\.tif"):
            read(tiff(*boxes((1, 2, 3, 4)), extrasamples=[0, 0, 0], planarconfig="contig"), "m.tif")
