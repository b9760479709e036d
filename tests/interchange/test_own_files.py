"""Files that anymask wrote, read by other tools: as many pixels in each mask as there were."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from anymask.core import rle
from anymask.core.annotations import Annotation, Annotations
from tests.interchange.conftest import HW, Run, known_masks

pytestmark = [pytest.mark.network, pytest.mark.slow, pytest.mark.timeout(1800)]

AREAS = [int(mask.sum()) for mask in known_masks().values()]


def known_annotations() -> list[Annotation]:
    """The known masks as everything-mode gives them."""
    return [
        {
            "id": number, "segmentation": mask, "bbox": rle.bbox_xywh(mask), "area": rle.area(mask),
            "predicted_iou": 0.9, "stability_score": 0.9, "crop_box": [0.0, 0.0, HW[1], HW[0]],
            "point_coords": [[1.0, 1.0]],
        }
        for number, mask in enumerate(map(rle.encode, known_masks().values()))
    ]  # fmt: skip


def test_records_in_datumaro(scene: Path, run: Run) -> None:
    folder = scene / "records"
    folder.mkdir()
    shutil.copy(scene / "a.png", folder / "a.png")
    image = {"image_id": 1, "file_name": "a.png", "height": HW[0], "width": HW[1]}
    (folder / "a.json").write_text(json.dumps({"image": image, "annotations": known_annotations()}))
    assert json.loads(run("detection", "read_segment_anything", folder)) == sorted(AREAS)


def test_coco_in_pycocotools_and_supervision(scene: Path, run: Run) -> None:
    annotations = Annotations(known_annotations(), HW)
    annotations.save(scene / "a.coco.json", file_name="a.png")
    areas = json.loads(run("detection", "read_coco", scene, scene / "a.coco.json"))
    assert areas["pycocotools"] == AREAS
    # supervision draws a polygon's far corners, too: a row and a column more. Run lengths, as the
    # second mask is written because of its hole, are exact.
    assert areas["supervision"][1] == AREAS[1]
    assert areas["supervision"][0] == (20 + 1) * (12 + 1)
