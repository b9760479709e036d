"""The adapter of the official package against ``SamPredictor``, call by call.

Shape legend: P prompts, M masks, h w low-resolution grid.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

import tests.parity.conftest  # noqa: F401  makes the official package importable
from anymask.core.prompts import Prompts
from anymask.core.protocol import Segmenter
from anymask.errors import EmbeddingError, LayoutError, UnknownWeightsError, UnsafeFileError
from anymask.evaluation.rivals.load import AdaptedSource
from anymask.evaluation.rivals.rival import Adapter
from tests.parity.twins import SIZES, official_sam, segment_anything

SIZE = SIZES["depth 2"]
XY = np.array([[20.5, 30], [70, 11], [45, 50]])
LABELS = np.array([1, 0, 1])
BOX = np.array([12, 9, 70.5, 48])


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Those of a tiny official model, which the package builds for ``vit_b``."""
    torch.save(official_sam(SIZE).state_dict(), tmp_path / "tiny.pth")
    monkeypatch.setitem(segment_anything.sam_model_registry, "vit_b", lambda: official_sam(SIZE))
    return f"vit_b:{tmp_path / 'tiny.pth'}"


@pytest.fixture
def sam(weights: str) -> Segmenter:
    """The adapter, loaded as a worker process would."""
    model = AdaptedSource(weights, "cpu", adapter=Adapter.segment_anything)
    loaded: Segmenter = pickle.loads(pickle.dumps(model)).load()
    return loaded


@pytest.fixture
def official(picture: npt.NDArray[np.uint8]) -> Any:
    """The official predictor, looking at the picture."""
    predictor = segment_anything.SamPredictor(official_sam(SIZE))
    predictor.set_image(picture)
    return predictor


def rough_mask(official: Any) -> npt.NDArray[np.float32]:
    """(1, h, w) logits to be fed back."""
    logits: npt.NDArray[np.float32] = official.predict(XY[:1], LABELS[:1])[2][:1]
    return logits


ASKED: dict[str, tuple[dict[str, Any], Prompts]] = {
    "a point": (
        {"point_coords": XY[:1], "point_labels": LABELS[:1]},
        Prompts.of_points(XY[:1]),
    ),
    "points": ({"point_coords": XY, "point_labels": LABELS}, Prompts.of_points(XY, LABELS)),
    "a box": ({"box": BOX}, Prompts.of_boxes(BOX[None])),
    "a box and points": (
        {"point_coords": XY, "point_labels": LABELS, "box": BOX},
        Prompts.of_boxes(BOX[None]).with_points(XY, LABELS),
    ),
}


@pytest.mark.parametrize("multimask_output", [True, False])
@pytest.mark.parametrize("with_mask", [False, True], ids=["", "and a mask"])
@pytest.mark.parametrize(("asked", "prompts"), ASKED.values(), ids=ASKED)
def test_answers_are_those_of_the_official_predictor(
    sam: Segmenter,
    official: Any,
    picture: npt.NDArray[np.uint8],
    asked: dict[str, Any],
    prompts: Prompts,
    with_mask: bool,
    multimask_output: bool,
) -> None:
    if with_mask:
        asked = asked | {"mask_input": rough_mask(official)}
        prompts = prompts.with_masks(rough_mask(official))
    _, iou, logits = official.predict(**asked, multimask_output=multimask_output)
    order = np.argsort(-iou, kind="stable")
    masks = sam.predict(sam.encode(picture), prompts, multimask_output)
    np.testing.assert_allclose(masks.logits[0], logits[order], atol=1e-5)
    np.testing.assert_allclose(masks.predicted_iou[0], iou[order], atol=1e-5)


def test_a_mask_alone_is_understood(
    sam: Segmenter, official: Any, picture: npt.NDArray[np.uint8]
) -> None:
    rough = rough_mask(official)
    expected = official.predict(mask_input=rough, multimask_output=False)[2]
    masks = sam.predict(sam.encode(picture), Prompts.of_masks(rough), False)
    np.testing.assert_allclose(masks.logits[0], expected, atol=1e-5)


def test_many_prompts_of_all_kinds_are_answered_as_each_alone(
    sam: Segmenter, official: Any, picture: npt.NDArray[np.uint8]
) -> None:
    batch = Prompts.join([prompts for _, prompts in ASKED.values()])
    masks = sam.predict(sam.encode(picture), batch, multimask_output=False)
    for logits, (asked, _) in zip(masks.logits, ASKED.values()):
        expected = official.predict(**asked, multimask_output=False)[2]
        np.testing.assert_allclose(logits, expected, atol=1e-5)


def test_points_end_to_end_give_the_official_masks(
    sam: Segmenter, official: Any, picture: npt.NDArray[np.uint8]
) -> None:
    embedding = sam.encode(picture)
    found = sam.predict(embedding, Prompts.of_points(XY[:, None])).best().to_bool()[:, 0]
    for mask, point in zip(found, XY):
        masks, iou, _ = official.predict(point[None], np.array([1]))
        assert (mask != masks[iou.argmax()]).mean() < 1e-3


def test_the_embedding_is_the_official_one_and_names_its_weights(
    sam: Segmenter, official: Any, picture: npt.NDArray[np.uint8]
) -> None:
    embedding = sam.encode(picture)
    expected = official.get_image_embedding()[0].numpy()
    np.testing.assert_allclose(embedding.arrays["image_embed"], expected, atol=1e-5)
    assert embedding.arrays["image_embed"].dtype == np.float32
    assert embedding.model.startswith("segment-anything:tiny@")
    assert embedding.image_hw == picture.shape[:2]
    assert not embedding.resize_map.stretch


def test_the_embedding_of_other_weights_is_refused(
    sam: Segmenter, tmp_path: Path, picture: npt.NDArray[np.uint8]
) -> None:
    state = official_sam(SIZE).state_dict()
    torch.save({name: tensor + 1 for name, tensor in state.items()}, tmp_path / "other.pth")
    other = AdaptedSource(
        f"vit_b:{tmp_path / 'other.pth'}", "cpu", adapter=Adapter.segment_anything
    )
    with pytest.raises(EmbeddingError, match="other@"):
        sam.predict(other.load().encode(picture), Prompts.point(1, 1))


@pytest.mark.parametrize(("width", "kind"), [(768, "vit_b"), (1024, "vit_l"), (1280, "vit_h")])
def test_the_type_is_found_by_the_encoders_width(width: int, kind: str) -> None:
    from anymask.evaluation.rivals.official import find_type

    state = {"image_encoder.pos_embed": torch.empty(1, 64, 64, width, device="meta")}
    assert find_type(state, Path("sam.pth")) == kind


def test_what_is_no_official_checkpoint_is_refused(weights: str, tmp_path: Path) -> None:
    def load(name: str) -> None:
        AdaptedSource(name, "cpu", adapter=Adapter.segment_anything).load()

    torch.save({"a": torch.zeros(1)}, tmp_path / "foreign.pth")
    torch.save({"a": print}, tmp_path / "unsafe.pth")
    with pytest.raises(LayoutError, match="none of segment_anything's models"):
        load(str(tmp_path / "foreign.pth"))
    with pytest.raises(LayoutError, match="does not fit"):
        load(f"vit_b:{tmp_path / 'foreign.pth'}")
    with pytest.raises(UnsafeFileError):
        load(f"vit_b:{tmp_path / 'unsafe.pth'}")
    with pytest.raises(UnknownWeightsError, match="sam-vit-b"):
        load("sam-vit-xl")
