"""Recognising a dataset: every layout in every place, and what is none of them."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from anymask.datasets.photographs import Unread
from anymask.datasets.recognise import open_dataset
from anymask.datasets.sample import Sample
from anymask.errors import DatasetError, RecordError
from tests.datasets.pictures import save

HW = (6, 8)
RECORD = {
    "image": {"image_id": 1, "file_name": "1.jpg", "height": HW[0], "width": HW[1]},
    "annotations": [
        {
            "id": 0, "segmentation": {"size": [*HW], "counts": "0`1"}, "bbox": [0, 0, 8, 6],
            "area": 48, "predicted_iou": 1.0, "stability_score": 1.0, "crop_box": [0, 0, 8, 6],
            "point_coords": [[1, 1]],
        }
    ],
}  # fmt: skip


def picture(*paths: Path, value: int = 0) -> None:
    """Pictures that are of one value."""
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full(HW, value, np.uint8)).save(path)


def coco_file(path: Path, *names: str, **more: object) -> str:
    """A COCO file with an object in each image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    images = [
        {"id": number, "file_name": name, "height": HW[0], "width": HW[1]}
        for number, name in enumerate(names)
    ]
    annotations = [
        {"id": number, "image_id": number, "category_id": 1, "segmentation": [[1, 1, 5, 1, 5, 5]]}
        for number in range(len(names))
    ]
    path.write_text(json.dumps({"images": images, "annotations": annotations, **more}))
    return str(path)


def shard(path: Path) -> Path:
    """A tar with a pair."""
    content = io.BytesIO()
    Image.new("RGB", HW[::-1]).save(content, "PNG")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, data in (("1.png", content.getvalue()), ("1.json", json.dumps(RECORD).encode())):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return path


def opened(location: Path | str, **options: Any) -> tuple[str, list[str]]:
    """The kind of a dataset, and the names of its samples, which are whole."""
    dataset = open_dataset(str(location), **options)
    assert dataset.location == str(location)
    samples = [sample for part in dataset.parts for sample in part.read()]
    for sample in samples:
        assert isinstance(sample, Sample), sample
        assert sample.pixels().shape == (*HW, 3)
    assert [part.name for part in dataset.parts] == sorted(part.name for part in dataset.parts)
    return dataset.kind, [sample.name for sample in samples]


def refused(location: Path | str, **options: Any) -> str:
    """Why a location is no dataset."""
    with pytest.raises(DatasetError) as caught:
        open_dataset(str(location), **options)
    assert str(location) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("file", "images"),
    [
        ("instances.json", "images/"),
        ("instances.json", ""),
        ("_annotations.coco.json", ""),
        ("anything.json", "photos/"),
        ("annotations/instances_val2017.json", "val2017/"),
        ("annotations/instances_val2017.json", "images/val2017/"),
        ("annotations/all.json", "images/"),
    ],
)
def test_coco_by_its_folder_and_by_its_file(tmp_path: Path, file: str, images: str) -> None:
    coco_file(tmp_path / file, "b.png", "a.png")
    picture(tmp_path / images / "a.png", tmp_path / images / "b.png")
    expected = "COCO annotations", [f"{images}a.png", f"{images}b.png"]
    assert opened(tmp_path) == opened(tmp_path / file) == expected


def test_coco_among_other_files(tmp_path: Path) -> None:
    """Instances among captions, of the split that the file's name tells of."""
    coco_file(tmp_path / "annotations" / "instances_val.json", "1.png")
    coco_file(tmp_path / "annotations" / "captions_val.json", "1.png")
    (tmp_path / "info.json").write_text("{}")
    picture(tmp_path / "train" / "1.png", tmp_path / "val" / "1.png", tmp_path / "masks" / "1.png")
    assert opened(tmp_path) == ("COCO annotations", ["val/1.png"])
    coco_file(tmp_path / "annotations" / "instances_train.json", "1.png")
    assert "several COCO files: name one, annotations/instances_train.json" in refused(tmp_path)
    train = tmp_path / "annotations" / "instances_train.json"
    assert opened(train) == ("COCO annotations", ["train/1.png"])


@pytest.mark.parametrize(
    "names",
    [
        ("instances.json", "train.json"),
        ("train.json", "val.json"),
        ("instances.json", "annotations/instances_val.json"),
        ("instances_a.json", "labels.json"),
        ("train/_annotations.coco.json", "valid/_annotations.coco.json"),
        ("a/instances.json", "b/instances.json"),
    ],
)
def test_of_several_coco_files_none_is_chosen(tmp_path: Path, names: tuple[str, str]) -> None:
    picture(tmp_path / "images" / "1.png")
    for name in names:
        coco_file(tmp_path / name, "1.png")
        picture((tmp_path / name).with_name("1.png"))
    for options in ({}, {"crowds": "objects"}):
        reason = refused(tmp_path, **options)
        assert f"has several COCO files: name one, {', '.join(sorted(names))}, as data " in reason
    assert opened(tmp_path / names[1])[0] == "COCO annotations"


def test_coco_files_beside_their_kin_are_read(tmp_path: Path) -> None:
    """COCO's other kinds for the same images, what has no masks, and Roboflow's one split."""
    for name in ("instances.json", "person_keypoints.json", "panoptic.json", "info.json"):
        coco_file(tmp_path / name, "1.png")
    (tmp_path / "info.json").write_text('{"images": [], "annotations": []}')
    picture(tmp_path / "images" / "1.png")
    assert opened(tmp_path) == ("COCO annotations", ["images/1.png"])
    coco_file(tmp_path / "robo" / "train" / "_annotations.coco.json", "2.png")
    picture(tmp_path / "robo" / "train" / "2.png")
    assert opened(tmp_path / "robo") == ("COCO annotations", ["train/2.png"])


def test_coco_file_names_with_folders_and_missing_images(tmp_path: Path) -> None:
    coco_file(tmp_path / "instances.json", *(f"sub/{n}.png" for n in range(300)))
    picture(tmp_path / "data" / "sub" / "3.png")
    dataset = open_dataset(str(tmp_path))
    samples = [sample for part in dataset.parts for sample in part.read()]
    assert len(samples) == 300
    assert [sample.name for sample in samples if isinstance(sample, Sample)] == ["data/sub/3.png"]


def test_images_may_lie_behind_a_link(tmp_path: Path) -> None:
    coco_file(tmp_path / "data" / "instances.json", "1.png")
    picture(tmp_path / "disk" / "1.png")
    (tmp_path / "data" / "photos").symlink_to(tmp_path / "disk")
    for location in (tmp_path / "data", tmp_path / "data" / "instances.json"):
        assert opened(location) == ("COCO annotations", ["photos/1.png"])


def test_coco_without_its_images_is_named(tmp_path: Path) -> None:
    file = coco_file(tmp_path / "instances.json", "1.png")
    picture(tmp_path / "2.png")
    for location in (tmp_path, tmp_path / "instances.json"):
        with pytest.raises(
            DatasetError, match=f"images of {file} lie neither in .*: it names 1.png"
        ):
            open_dataset(str(location))
    coco_file(tmp_path / "instances.json")
    assert "no image with an annotation" in refused(tmp_path)
    (tmp_path / "instances.json").write_text("{}")
    with pytest.raises(RecordError, match=r"instances\.json is no COCO file"):
        open_dataset(str(tmp_path))


def test_mask_pictures(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "b.png", tmp_path / "images" / "a.jpg")
    picture(tmp_path / "masks" / "a.png", tmp_path / "masks" / "b.png", value=255)
    (tmp_path / "dataset.json").write_text('{"license": "none"}')
    shard(tmp_path / "download.tar")
    assert opened(tmp_path) == ("mask pictures", ["images/a.jpg", "images/b.png"])
    two = np.zeros(HW, np.uint8)
    two[0] = two[3] = 7
    Image.fromarray(two).save(tmp_path / "masks" / "a.png")
    for split_regions, count in ((False, 1), (True, 2)):
        (sample,) = open_dataset(str(tmp_path), split_regions=split_regions).parts[0].read()
        assert isinstance(sample, Sample)
        assert sample.groups == ("7",) * count


@pytest.mark.parametrize(
    ("image", "truth", "kind"),
    [
        ("JPEGImages/480p/f/0.jpg", "Annotations/480p/f/0.png", "DAVIS frames (480p)"),
        ("data_GT/0.png", "boundary_GT/0.png", "GrabCut trimaps"),
        ("0_rgb.png", "0_label.png", "PPDLS leaves"),
        (
            "leftImg8bit/val/a/0_leftImg8bit.png",
            "gtFine/val/a/0_gtFine_instanceIds.png",
            "Cityscapes instances",
        ),
        ("ADE_val_0.jpg", "ADE_val_0_seg.png", "ADE20K objects"),
        ("photos/0.jpg", "annotations/pixel-level/0.mat", "clothing classes"),
        ("img/0.jpg", "inst/0.mat", "SBD instances"),
    ],
)
def test_public_layouts(tmp_path: Path, image: str, truth: str, kind: str) -> None:
    picture(tmp_path / image)
    if truth.endswith(".mat"):
        values = np.ones(HW, np.uint8)
        instances = {"Segmentation": values, "Categories": [[1]]}
        (tmp_path / truth).parent.mkdir(parents=True)
        savemat(tmp_path / truth, {"groundtruth": values, "GTinst": instances})
    elif kind == "Cityscapes instances":
        save(tmp_path / truth, np.full(HW, 26000, np.uint16))
    else:
        save(tmp_path / truth, np.full((*HW, 3), 255, np.uint8))
    name = "f/0.jpg" if "DAVIS" in kind else image
    assert opened(tmp_path) == (kind, [name])
    far = fsspec.filesystem("memory")
    for one in (image, truth):
        far.pipe(f"/public/{kind}/{one}", (tmp_path / one).read_bytes())
    assert opened(f"memory://public/{kind}") == (kind, [name])


def test_images_that_lie_elsewhere(tmp_path: Path) -> None:
    picture(tmp_path / "photos" / "sub" / "1.png")
    picture(tmp_path / "trimaps" / "ground-truth" / "1.png", value=255)
    file = coco_file(tmp_path / "lvis" / "lvis_val.json", "1.png")
    photos = str(tmp_path / "photos")
    assert opened(tmp_path / "trimaps", images=photos) == ("GrabCut trimaps", ["sub/1.png"])
    for location in (file, tmp_path / "lvis"):
        assert opened(location, images=photos) == ("COCO annotations", ["sub/1.png"])
        assert opened(location, images=f"{photos}/sub") == ("COCO annotations", ["1.png"])
    assert "give the folder of their images as images (--images)" in refused(tmp_path / "trimaps")
    with pytest.raises(DatasetError, match=r"there is no file or folder .*none"):
        open_dataset(file, images=str(tmp_path / "none"))
    with pytest.raises(DatasetError, match=r"images of .*lvis_val.json lie neither .*--images"):
        open_dataset(file, images=str(tmp_path / "lvis"))


def test_options_that_a_dataset_has_no_use_for_are_refused(tmp_path: Path) -> None:
    for name in ("images", "masks"):
        picture(tmp_path / "pictures" / name / "1.png", value=11)
    coco_file(tmp_path / "coco" / "instances.json", "1.png")
    picture(tmp_path / "coco" / "1.png")
    elsewhere = refused(tmp_path / "pictures", images=str(tmp_path))
    assert "knows and whose images may lie elsewhere (COCO, SA-1B, labelme, Label" in elsewhere
    void = refused(tmp_path / "coco", void=(11,))
    assert "knows and that may name its void (mask pictures): it has" in void
    (sample,) = open_dataset(str(tmp_path / "pictures"), void=(0,)).parts[0].read()
    assert isinstance(sample, Sample)
    assert sample.groups == ("11",)
    (unread,) = open_dataset(str(tmp_path / "pictures"), void=(11,)).parts[0].read()
    assert unread == Unread("images/1.png", "has no object in its mask")


def test_records_and_shards(tmp_path: Path) -> None:
    picture(tmp_path / "pairs" / "1.png")
    (tmp_path / "pairs" / "1.json").write_text(json.dumps(RECORD))
    assert opened(tmp_path / "pairs") == ("SA-1B records", ["1.png"])
    path = shard(tmp_path / "shards" / "a.tar")
    for location in (path, path.parent, f"{tmp_path}/shards/*.tar"):
        assert opened(location) == ("SA-1B shards", ["a/1.png"])
    assert opened(f"{tmp_path}/sh*") == ("SA-1B shards", ["shards/a/1.png"])
    assert opened(tmp_path) == (
        "SA-1B records and SA-1B shards",
        ["pairs/1.png", "shards/a/1.png"],
    )


def test_datasets_far_away(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "1.png")
    picture(tmp_path / "masks" / "1.png", value=3)
    coco_file(tmp_path / "x.json", "1.png")
    shard(tmp_path / "s.tar")
    far = fsspec.filesystem("memory")
    for place, names in {
        "pictures": ["images/1.png", "masks/1.png"],
        "coco": ["images/1.png", "x.json"],
        "shards": ["s.tar"],
    }.items():
        for name in names:
            far.pipe(f"/recognised/{place}/{name}", (tmp_path / name).read_bytes())
    assert opened("memory://recognised/pictures") == ("mask pictures", ["images/1.png"])
    for location in ("memory://recognised/coco", "memory://recognised/coco/x.json"):
        assert opened(location) == ("COCO annotations", ["images/1.png"])
    for location in (
        "memory://recognised/shards",
        "memory://recognised/shards/s.tar",
        "memory://recognised/shards/*.tar",
    ):
        assert opened(location) == ("SA-1B shards", ["s/1.png"])


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    assert "there is no file or folder" in refused(tmp_path / "missing")
    assert "it has nothing in it" in refused(tmp_path)


def test_images_alone_are_no_dataset(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "1.png", tmp_path / "images" / "2.png", tmp_path / "3.png")
    message = refused(tmp_path)
    assert "is no dataset that anymask knows: it has 3 images, in the folders images. " in message
    for word in ("instances.json", "masks/", "SA-1B", "tar shards"):
        assert word in message
    (tmp_path / "labels").mkdir()
    for number in range(20):  # as other tools write them
        (tmp_path / "labels" / f"{number}.json").write_text('{"images": 1, "annotations": 2}')
    (tmp_path / "notes.txt").touch()
    assert "3 images, 20 JSON files, 1 other files, in the folders images, labels." in refused(
        tmp_path
    )
    assert "it has 1 images. " in refused(tmp_path / "3.png")


def test_folders_that_may_not_be_searched_are_among_the_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from anymask.datasets import listing

    shard(tmp_path / "s.tar")
    files = listing.list_files(str(tmp_path))
    closed = Unread("locked", "can't be searched: Permission denied")
    monkeypatch.setattr(
        "anymask.datasets.recognise.list_files",
        lambda location: listing.Listing(location, files.root, files.paths, (closed,)),
    )
    dataset = open_dataset(str(tmp_path))
    assert [part.name for part in dataset.parts] == ["locked", "s.tar"]
    assert list(dataset.parts[0].read()) == [closed]


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "options", "kind", "count"),
    [
        ("coco446", {}, "COCO annotations", 444),  # in two of 446, all are crowds
        ("coco446/instances.json", {}, "COCO annotations", 444),
        ("dsb60", {}, "mask pictures", 60),
        ("ecssd250", {}, "mask pictures", 250),
        ("camvid40", {"void": (11,)}, "mask pictures", 40),
        ("davis4", {}, "DAVIS frames (480p)", 240),
        ("ccp120", {"split_regions": True}, "clothing classes", 120),
        ("grabcut20", {"images": "bsds500/images"}, "GrabCut trimaps", 20),
    ],
)
def test_real_datasets_are_recognised(
    data_folder: Path, name: str, options: dict[str, Any], kind: str, count: int
) -> None:
    if "images" in options:
        options = {"images": str(data_folder / options["images"])}
    if not (data_folder / name).exists():
        pytest.skip(f"{name} is not here")
    dataset = open_dataset(str(data_folder / name), **options)
    assert (dataset.kind, len(dataset)) == (kind, count)
    (first,) = dataset.parts[0].read()
    assert isinstance(first, Sample)
    first.pixels()
