"""An audit from end to end: a model's masks, corrected over HTTP, and what is said of them."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from anymask.cli.main import app
from anymask.core import rle
from anymask.engine.pictures.folder import ImageFolder
from anymask.engine.stages.automatic import Pass, fill, images_to_fill
from anymask.engine.store.documents import document
from anymask.engine.store.images import list_images
from anymask.engine.store.store import Store
from anymask.engine.store.values import Change, Mask, Version
from anymask.jobs.many_images import Settings, segment_results
from anymask.jobs.results import Format
from anymask.predict.automatic import AutomaticConfig
from anymask.predict.load import ModelSource
from tests.engine.api.page import Page
from tests.engine.store.steps import act, become, new_id

LOOSE = AutomaticConfig(
    points_per_side=4, pred_iou_thresh=-1.0, stability_score_thresh=0.0, box_nms_thresh=1.0
)


@pytest.fixture
def masks(photos: Path, weights: Path, store: Store, client: TestClient) -> list[Mask]:
    """The masks of the first image, after the model went over all."""
    sam = ModelSource(str(weights), "cpu", offline=True).load()
    settings = Settings(sam.model_id, sam.dtype_name, LOOSE, Format.json)
    images = images_to_fill(store, Pass.of(settings), ("new",))
    segment = partial(segment_results, sam)
    filled = list(
        fill(store, ImageFolder(photos), images, photos.parent / "job", settings, segment)
    )
    assert [one.reason for one in filled] == ["", "", ""]
    first = list(store.read(document, 1).masks)
    assert len(first) >= 3
    return first


def audit(store: Store, *words: object) -> str:
    done = CliRunner().invoke(app, ["engine", "audit", words[0], str(store.path), *words[1:]])  # type: ignore[list-item]
    assert done.exit_code == 0, done.output
    return done.output


def less(mask: Mask) -> tuple[Change, float]:
    """A change that takes the left half of a mask's pixels away, and the IoU of that."""
    pixels = rle.decode(mask.version.segmentation)
    columns = np.flatnonzero(pixels.any(axis=0))
    kept = pixels.copy()
    kept[:, : columns[len(columns) // 2]] = False
    after = Version(new_id(), rle.encode(kept), source="eraser")
    return Change(mask.id, mask.version.id, after), kept.sum() / pixels.sum()


def test_automatic_masks_are_corrected_and_judged(
    client: TestClient, store: Store, masks: list[Mask]
) -> None:
    total = sum(one.masks for one in store.read(list_images).images)
    assert f"{total} masks in 3 of 3 images to correct" in audit(store, "start", "--images", "9")
    assert "an audit runs" in _refused(store)
    following = client.get("/api/next").json()
    assert (following["id"], following["state"]) == (1, "returned")
    page = Page(client, 1)
    assert page.document()["is_audited"]
    change, iou = less(masks[0])
    gone = Change(masks[1].id, masks[1].version.id, None)
    deleted = act("delete", gone)
    answer = page.send(act("edit", change), deleted)
    assert answer.status_code == 200, answer.text
    back = act("undo", Change(gone.mask_id, None, masks[1].version), target=deleted.id)
    assert page.send(back).status_code == 200, "what is sent back is what it was"
    again = act("redo", gone, target=deleted.id)
    answer = page.send(again, become("done"))
    assert answer.status_code == 200, answer.text
    assert not page.document()["is_audited"]
    other = Page(client, 2)
    other.send(become("done"))
    figures = json.loads(audit(store, "report", "--json"))
    count = len(masks) + len(store.read(document, 2).masks)
    assert (figures["images"], figures["waiting"], figures["masks"]) == (2, 1, count)
    assert figures["deleted"]["share"] == pytest.approx(1 / count)
    assert figures["mean_iou"] == pytest.approx((count - 2 + iou) / (count - 1))
    above = figures["share_above"]["0.9"]
    assert above["share"] == pytest.approx((count - 2 + (iou > 0.9)) / (count - 1))
    assert 0 <= above["low"] <= above["share"] <= above["high"]
    assert figures["unchanged"]["share"] == pytest.approx((count - 2) / (count - 1))
    told = audit(store, "report", "--wanted", "0.5")
    assert "Segment Anything §5: 94% above 0.9, 97% above 0.75" in told
    assert "IoU > 0.75" in told
    assert "1 images are done as before" in audit(store, "end")
    assert [one.state for one in store.read(list_images).images] == ["done"] * 3


def _refused(store: Store) -> str:
    done = CliRunner().invoke(app, ["engine", "audit", "start", str(store.path)])
    assert done.exit_code == 1
    return str(done.exception or done.output)
