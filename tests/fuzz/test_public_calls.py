"""Every public call with what is none of its business: an error of ours, on one line.

Shape legend: P prompts, N points, H W pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import anymask
from anymask.compat import ResizeLongestSide, Sam, SamAutomaticMaskGenerator, SamPredictor
from anymask.compat.utils import amg
from anymask.core.annotations import Annotations
from anymask.core.embedding import ImageEmbedding
from anymask.core.prompts import Prompts
from anymask.predict.predictor import Predictor
from anymask.weights.checkpoint import Checkpoint
from tests.conftest import TINY, random_model

pytestmark = pytest.mark.filterwarnings("ignore")
FUZZ = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
IMAGE = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)
NOWHERE = "/no/such/folder/x.json"
RESIZED = torch.zeros(3, 85, 128)
SHAPES = st.lists(st.sampled_from((0, 1, 2, 3, 4, 32)), max_size=4)
DTYPES = st.sampled_from(("f4", "f8", "i8", "u1", "?", "c8", "U2", "O", "M8[s]"))
TENSORS = st.sampled_from((torch.float32, torch.bfloat16, torch.int64, torch.bool, torch.complex64))
NUMBERS = st.floats() | st.integers(-300, 300) | st.sampled_from((10**400, True))
JUNK: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    NUMBERS,
    st.text(max_size=5),
    st.binary(max_size=3),
    st.recursive(NUMBERS | st.text(max_size=2), partial(st.lists, max_size=4), max_leaves=6),
    st.dictionaries(st.text(max_size=3), NUMBERS, max_size=2),
    st.builds(lambda shape, dtype: np.zeros(shape, dtype), SHAPES, DTYPES),
    st.builds(lambda shape: np.full(shape, np.nan), SHAPES),
    st.builds(lambda shape, dtype: torch.ones(shape, dtype=dtype), SHAPES, TENSORS),
    st.sampled_from(
        (object(), len, ..., slice(1), Image.new("RGB", (4, 4)), torch.device("meta"), IMAGE,
         torch.zeros(1, 2, requires_grad=True), "cuda:9", torch.float64)
    ),
)  # fmt: skip


@cache
def sam() -> Sam:
    """A tiny model."""
    state = random_model(TINY).state_dict()
    return Sam(Predictor(Checkpoint("tiny", TINY, state, "0" * 64, {"source": "a test"})))


@cache
def embedding() -> ImageEmbedding:
    return sam().encode(IMAGE)


def predictor() -> SamPredictor:
    """With an image set, whatever was tried before."""
    user = SamPredictor(sam())
    user.set_embedding(embedding())
    return user


def generated(**settings: Any) -> object:
    lenient = {"points_per_side": 1, "pred_iou_thresh": 9.0} | settings
    return SamAutomaticMaskGenerator(sam(), **lenient).generate(IMAGE)


def one_image(**record: Any) -> object:
    return sam()([{"image": RESIZED, "original_size": (60, 90)} | record], True)


def click() -> Prompts:
    return Prompts.point(5, 3)


Call = Callable[[Any], object]
CALLS: dict[str, Call] = {
    "encode": lambda x: sam().predictor.encode(x),
    "predict's embedding": lambda x: sam().predictor.predict(x, click()),
    "predict's prompts": lambda x: sam().predictor.predict(embedding(), x),
    "predict's multimask_output": lambda x: sam().predict(embedding(), click(), x),
    "Prompts.point": lambda x: Prompts.point(x, 3),
    "Prompts.point's label": lambda x: Prompts.point(1, 3, x),
    "Prompts.of_points": lambda x: Prompts.of_points(x),
    "Prompts.of_points' labels": lambda x: Prompts.of_points([[1, 2]], x),
    "Prompts.of_boxes": lambda x: Prompts.of_boxes(x),
    "Prompts.box": lambda x: Prompts.box(1, 2, x, 9),
    "Prompts.of_masks": lambda x: Prompts.of_masks(x),
    "Prompts": lambda x: Prompts(x, x),
    "Prompts' texts": lambda x: Prompts(np.zeros((1, 1, 2)), np.ones((1, 1)), None, x),  # type: ignore[arg-type]
    "with_points": lambda x: click().with_points(x),
    "with_boxes": lambda x: click().with_boxes(x),
    "with_masks": lambda x: click().with_masks(x),
    "join": lambda x: Prompts.join(x),
    "join a list": lambda x: Prompts.join([x]),
    "read_image": lambda x: anymask.read_image(x),
    "from_bytes": lambda x: ImageEmbedding.from_bytes(x),
    "load's dtype": lambda x: anymask.load("no such row", dtype=x),
    "Predictor": lambda x: Predictor(x),
    "segment_everything": lambda x: anymask.segment_everything(x, IMAGE),
    "segment_everything's image": lambda x: anymask.segment_everything(
        sam(), x, anymask.AutomaticConfig(points_per_side=1, pred_iou_thresh=9)
    ),
    "Masks": lambda x: anymask.Masks(x, x, embedding().resize_map),
    "Masks' resize_map": lambda x: anymask.Masks(np.zeros((1, 1, 4, 4)), np.zeros((1, 1)), x),  # type: ignore[arg-type]
    "save": lambda x: sam().predict(embedding(), click()).save([x] if isinstance(x, str) else x),  # type: ignore[arg-type]
    "save's image": lambda x: sam().predict(embedding(), click()).save("/no/such/x.png", x),
    "save's prompts": lambda x: sam().predict(embedding(), click()).save(NOWHERE, None, x),
    "save's file_name": lambda x: sam().predict(embedding(), click()).save(NOWHERE, file_name=x),
    "draw": lambda x: sam().predict(embedding(), click()).draw(x),
    "draw's prompts": lambda x: sam().predict(embedding(), click()).draw(IMAGE, x),
    "Annotations": lambda x: Annotations(x, (60, 90)),
    "Annotations of one": lambda x: Annotations([x], (60, 90)),
    "Annotations' size": lambda x: Annotations([], x),
    "stability": lambda x: sam().predict(embedding(), click()).stability(x),
    "Sam": lambda x: Sam(x),
    "to": lambda x: sam().to(x),
    "to a device": lambda x: sam().to(device=x),
    "cuda": lambda x: sam().cuda(x),
    "train": lambda x: sam().train(x),
    "SamPredictor": lambda x: SamPredictor(x),
    "set_image": lambda x: predictor().set_image(x),
    "set_image of BGR": lambda x: predictor().set_image(x, "BGR"),
    "image_format": lambda x: predictor().set_image(IMAGE, x),
    "set_torch_image": lambda x: predictor().set_torch_image(x, (60, 90)),
    "set_torch_image's size": lambda x: predictor().set_torch_image(RESIZED[None], x),
    "set_embedding": lambda x: predictor().set_embedding(x),
    "point_coords": lambda x: predictor().predict(x, [1]),
    "point_labels": lambda x: predictor().predict([[5, 5]], x),
    "both": lambda x: predictor().predict(x, x),
    "box": lambda x: predictor().predict(box=x),
    "mask_input": lambda x: predictor().predict(mask_input=x),
    "multimask_output": lambda x: predictor().predict([[5, 5]], [1], multimask_output=x),
    "predict_torch": lambda x: predictor().predict_torch(x, x),
    "predict_torch's labels": lambda x: predictor().predict_torch(torch.ones(1, 1, 2), x),
    "predict_torch's boxes": lambda x: predictor().predict_torch(None, None, x),
    "predict_torch's masks": lambda x: predictor().predict_torch(None, None, None, x),
    "forward": lambda x: sam()(x, True),
    "forward's dict": lambda x: sam()([x], True),
    "forward's image": lambda x: one_image(image=x),
    "forward's size": lambda x: one_image(original_size=x) if not isinstance(x, list) else None,
    "forward's points": lambda x: one_image(point_coords=x, point_labels=x),
    "preprocess": lambda x: sam().preprocess(x),
    "postprocess_masks": lambda x: sam().postprocess_masks(x, (85, 128), (60, 90)),
    "image_encoder": lambda x: sam().image_encoder(x),
    "prompt_encoder": lambda x: sam().prompt_encoder(points=x),
    "generator": lambda x: SamAutomaticMaskGenerator(x),
    "point_grids": lambda x: generated(points_per_side=None, point_grids=x),
    "point_grids of one": lambda x: generated(points_per_side=None, point_grids=[x]),
    "target_length": lambda x: ResizeLongestSide(x),
    "apply_coords": lambda x: predictor().transform.apply_coords(x, (60, 90)),
    "apply_coords' size": lambda x: predictor().transform.apply_coords([[1, 2]], x),
    "apply_boxes": lambda x: predictor().transform.apply_boxes(x, (60, 90)),
    "apply_coords_torch": lambda x: predictor().transform.apply_coords_torch(x, (60, 90)),
    "apply_boxes_torch": lambda x: predictor().transform.apply_boxes_torch(x, (60, 90)),
    "apply_image_torch": lambda x: predictor().transform.apply_image_torch(x),
    "batched_mask_to_box": lambda x: amg.batched_mask_to_box(x),
    "mask_to_rle_pytorch": lambda x: amg.mask_to_rle_pytorch(x),
    "rle_to_mask": lambda x: amg.rle_to_mask(x),
    "area_from_rle": lambda x: amg.area_from_rle(x),
    **{
        name: partial(lambda name, x: generated(**{name: x}), name)
        for name in ("pred_iou_thresh", "stability_score_thresh", "stability_score_offset",
                     "box_nms_thresh", "crop_nms_thresh", "output_mode")
    },
}  # fmt: skip


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_junk_is_answered_or_refused_in_a_line(call: Call) -> None:
    @FUZZ
    @given(JUNK)
    def ask(junk: Any) -> None:
        message = "answered, no error"
        try:
            call(junk)
        except anymask.Error as error:
            message = str(error)
        finally:
            sam().to("cpu", torch.float32)
        assert "\n" not in message
        assert len(message) > 12

    ask()
