"""Files that anymask wrote, read by other tools: as many pixels in each mask as there were."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from anymask.core import rle
from tests.interchange.conftest import HW, Run, known_masks

pytestmark = [pytest.mark.network, pytest.mark.slow, pytest.mark.timeout(1800)]

AREAS = [int(mask.sum()) for mask in known_masks().values()]


def known_annotations() -> list[dict[str, object]]:
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


def test_coco_in_supervision_and_pycocotools(scene: Path, run: Run) -> None:
    values = pytest.importorskip("anymask.core.annotations")
    values.Annotations(known_annotations(), HW).save(scene / "a.coco.json")
    file = json.loads((scene / "a.coco.json").read_text())
    file["images"][0]["file_name"] = "a.png"
    (scene / "a.coco.json").write_text(json.dumps(file))
    areas = json.loads(run("detection", "read_coco", scene, scene / "a.coco.json"))
    assert areas["pycocotools"] == AREAS
    assert areas["supervision"] == AREAS
