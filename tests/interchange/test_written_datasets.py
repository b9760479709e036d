"""Datasets that anymask wrote, read by other tools: the same masks under the same labels.

And those that others wrote in formats that anymask reads since it writes them.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from anymask.core import rle
from anymask.datasets.photographs import LeftOut
from anymask.datasets.recognise import open_dataset
from anymask.datasets.sample import Sample
from anymask.datasets.writing.annotated import AnnotatedImage, AnnotatedObject
from anymask.datasets.writing.folder import ImageFiles
from anymask.datasets.writing.formats import DatasetFormat, write
from tests.interchange.conftest import HW, Run, known_masks

pytestmark = [pytest.mark.network, pytest.mark.slow, pytest.mark.timeout(1800)]

KNOWN = known_masks()
AREAS = [int(mask.sum()) for mask in KNOWN.values()]


def written(scene: Path, form: DatasetFormat) -> Path:
    """The known masks, each labelled with its name, in a format."""
    objects = tuple(AnnotatedObject(rle.encode(mask), name) for name, mask in KNOWN.items())
    image = AnnotatedImage("a.png", HW, objects, file=scene / "a.png")
    write([image], scene / form, form, ImageFiles.copied)
    return scene / form


def check_same(masks: npt.NDArray[np.bool_], labels: list[str]) -> None:
    """Fail unless these are the known masks, in their order."""
    assert labels == list(KNOWN)
    np.testing.assert_array_equal(masks, list(KNOWN.values()))


def test_cvat_in_datumaro(scene: Path, run: Run) -> None:
    target = scene / "read.npz"
    folder = written(scene, DatasetFormat.cvat)
    labels = json.loads(run("detection", "read_with_datumaro", folder, "cvat", target))
    check_same(np.load(target)["masks"], labels)


@pytest.mark.parametrize("form", [DatasetFormat.coco, DatasetFormat.coco_polygons])
def test_coco_in_datumaro(scene: Path, run: Run, form: DatasetFormat) -> None:
    folder, target = written(scene, form), scene / "read.npz"
    (folder / "annotations").mkdir()
    (folder / "instances.json").rename(folder / "annotations" / "instances_default.json")
    labels = json.loads(run("detection", "read_with_datumaro", folder, "coco_instances", target))
    # It lists the last object first, and makes each ring an object.
    masks = dict.fromkeys(reversed(labels), np.zeros(HW, bool))
    for label, mask in zip(labels, np.load(target)["masks"]):
        masks[label] = masks[label] | mask
    check_same(np.array([*masks.values()]), [*masks])
    assert len(labels) == len(KNOWN) + (form == DatasetFormat.coco_polygons)


@pytest.mark.parametrize("form", [DatasetFormat.coco, DatasetFormat.coco_polygons])
def test_coco_in_pycocotools_and_supervision(scene: Path, run: Run, form: DatasetFormat) -> None:
    folder = written(scene, form)
    images, file = folder / "images", folder / "instances.json"
    areas = json.loads(run("detection", "read_coco", images, file))
    assert areas["pycocotools"] == AREAS
    # It draws the far corners of polygons, too; holes stay.
    is_exact = form == DatasetFormat.coco
    assert areas["supervision"] == (AREAS if is_exact else [13 * 21, 17 * 23 - 5 * 7, 240, 2 * 25])


def test_yolo_in_supervision(scene: Path, run: Run) -> None:
    """As polygons of COCO: a row and a column more; parts have a line between them."""
    folder = written(scene, DatasetFormat.yolo)
    found = json.loads(run("detection", "read_with_supervision", folder))
    assert found == {"areas": [13 * 21, 17 * 23 - 5 * 7, 245, 2 * 25], "labels": list(KNOWN)}


def test_labelme_in_labelme(scene: Path, run: Run) -> None:
    target = scene / "read.npz"
    file = written(scene, DatasetFormat.labelme) / "a.json"
    labels = json.loads(run("labelling", "read_labelling_files", file, target))
    check_same(np.load(target)["masks"], labels)


def test_label_studio_in_its_own_decoder(scene: Path, run: Run) -> None:
    target = scene / "read.npz"
    file = written(scene, DatasetFormat.label_studio) / "tasks.json"
    labels = json.loads(run("labelling", "read_labelling_files", file, target))
    check_same(np.load(target)["masks"], labels)


def test_cvat_of_datumaro(scene: Path, run: Run) -> None:
    """Masks, exact."""
    run("detection", "datumaro_formats", scene, "cvat")
    dataset = open_dataset(scene / "out")
    assert dataset.kind == "CVAT for images"
    (sample,) = (one for part in dataset.parts for one in part.samples())
    assert isinstance(sample, Sample)
    assert set(sample.groups) == {"thing"}
    np.testing.assert_array_equal([*map(rle.decode, sample.masks)], list(KNOWN.values()))


def test_yolo_of_supervision(scene: Path, run: Run) -> None:
    """Outlines on the centres of the outermost pixels: a row and a column less.

    Parts become objects, and a strip of a pixel a box, which has no mask and is named.
    """
    run("detection", "supervision_yolo", scene)
    dataset = open_dataset(scene / "out")
    assert dataset.kind == "YOLO labels"
    samples = [one for part in dataset.parts for one in part.samples()]
    sample, left_out = samples
    assert isinstance(sample, Sample)
    assert isinstance(left_out, LeftOut)
    assert left_out.reason == "line 5: a box has no mask"
    assert set(sample.groups) == {"thing"}
    areas = [rle.area(mask) for mask in sample.masks]
    assert areas == [11 * 19, 254, 5 * 15, 9 * 9]
