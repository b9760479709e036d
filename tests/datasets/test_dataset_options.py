"""What a person says of a dataset, kept as JSON and completed by what was said before."""

from __future__ import annotations

import json
from pathlib import Path

from anymask.core.read_options import ReadOptions
from anymask.datasets.dataset_options import AS_IT_SAYS, DatasetOptions
from tests.datasets.coco.written import annotation, image, picture, write

SAID = DatasetOptions("photos", "objects", ReadOptions(page=2, bands=(3, 2, 1)))


def test_what_is_set_is_kept_but_places() -> None:
    assert AS_IT_SAYS.to_json() == {}
    kept = json.loads(json.dumps(SAID.to_json()))
    assert kept == {"crowds": "objects", "page": 2, "bands": [3, 2, 1]}
    assert AS_IT_SAYS.completed("photos", kept) == SAID


def test_what_is_said_now_goes_before_what_was_said() -> None:
    now = DatasetOptions("elsewhere", "ignore", ReadOptions(page=1))
    assert now.completed("photos", SAID.to_json()) == now
    assert DatasetOptions(crowds="ignore").completed("", SAID.to_json()).pixels == SAID.pixels


def test_a_dataset_is_opened_with_them(tmp_path: Path) -> None:
    file = write(tmp_path / "x.json", [image(1)], [annotation(1, 1, iscrowd=1)])
    picture(tmp_path / "photos" / "1.png")
    options = DatasetOptions(str(tmp_path / "photos"), "objects", ReadOptions(page=1))
    dataset = options.open(file)
    assert [part.name for part in dataset.parts] == ["1.png"]
    assert (dataset.crowds_are_objects, dataset.options) == (True, options.pixels)
