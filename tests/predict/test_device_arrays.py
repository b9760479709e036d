"""An embedding stays where it was computed until somebody asks for its numbers."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import Floats, ResizeMap
from anymask.core.prompts import Prompts
from anymask.predict import predictor as predictor_module
from anymask.predict.automatic import AutomaticConfig, segment_everything
from anymask.predict.device_arrays import DeviceArrays, shapes
from anymask.predict.predictor import IMAGE_EMBED, IMAGES_AT_ONCE, Predictor
from anymask.weights.checkpoint import Checkpoint

RGB = npt.NDArray[np.uint8]


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """The features that were copied from the device, so far."""
    seen: list[Tensor] = []

    def counted(tensor: Tensor) -> Floats:
        seen.append(tensor)
        return np.asarray(tensor.numpy())

    monkeypatch.setattr(predictor_module, "_to_numpy", counted)
    return seen


@pytest.fixture
def device_predictor(tiny_checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> Predictor:
    """A model that batches images as on a device, but computes on the processor."""
    sam = Predictor(tiny_checkpoint)
    monkeypatch.setattr(sam, "embed_each", sam.embed_batches)
    return sam


def test_answers_need_no_numbers_on_the_host(
    tiny_predictor: Predictor, picture: RGB, copies: list[Tensor]
) -> None:
    one, other = tiny_predictor.encode([picture, picture[:50]])
    tiny_predictor.predict(one, Prompts.point(10, 20))
    tiny_predictor.predict([one, other], [Prompts.point(10, 20), Prompts.box(1, 2, 30, 40)])
    config = AutomaticConfig(points_per_side=2, pred_iou_thresh=-9, stability_score_thresh=0)
    assert segment_everything(tiny_predictor, picture, config)
    assert one.image_hw == (60, 90)
    assert copies == []


def test_numbers_are_copied_once_when_somebody_asks(
    tiny_predictor: Predictor, picture: RGB, copies: list[Tensor]
) -> None:
    embedding = tiny_predictor.encode(picture)
    data = embedding.to_bytes()
    array = embedding.arrays[IMAGE_EMBED]
    assert len(copies) == 1
    assert array is embedding.arrays[IMAGE_EMBED]
    assert isinstance(array, np.ndarray)
    assert array.shape == (64, 8, 8)
    assert array.dtype == np.float32
    assert ImageEmbedding(dict(embedding.arrays), embedding.resize_map, embedding.model).to_bytes()
    assert data == embedding.to_bytes()
    assert len(copies) == 1


def test_an_embedding_elsewhere_answers_as_it_does_here(
    tiny_predictor: Predictor, picture: RGB
) -> None:
    here = tiny_predictor.encode(picture)
    elsewhere = pickle.loads(pickle.dumps(here))
    assert type(elsewhere.arrays) is dict
    assert (elsewhere.resize_map, elsewhere.model) == (here.resize_map, here.model)
    assert elsewhere.to_bytes() == here.to_bytes()
    masks, expected = (
        tiny_predictor.predict(embedding, Prompts.point(10, 20)) for embedding in (elsewhere, here)
    )
    np.testing.assert_array_equal(masks.logits, expected.logits)


def test_it_is_a_mapping_of_numpy_arrays() -> None:
    tensors = {"a": torch.ones(2, 3), "b": torch.zeros(1)}
    arrays = DeviceArrays(tensors, lambda tensor: np.asarray(tensor.numpy()))
    assert list(arrays) == ["a", "b"]
    assert len(arrays) == 2
    assert "a" in arrays
    assert "c" not in arrays
    assert arrays.get("c") is None
    with pytest.raises(KeyError):
        arrays["c"]
    assert shapes(arrays) == shapes(dict(arrays)) == {"a": (2, 3), "b": (1,)}
    embedding = ImageEmbedding(arrays, ResizeMap((3, 4), 16), "m")
    assert ImageEmbedding.from_bytes(embedding.to_bytes()).arrays["a"].tolist() == [[1] * 3] * 2


def test_features_of_an_embedding_may_have_gradients_flow_through_them(
    tiny_predictor: Predictor, picture: RGB
) -> None:
    features = tiny_predictor.features(tiny_predictor.encode(picture))
    weight = torch.ones(1, requires_grad=True)
    (features * weight).sum().backward()
    assert weight.grad is not None


@pytest.mark.parametrize("count", [1, 3, IMAGES_AT_ONCE + 2])
def test_images_of_any_shapes_go_through_a_device_together(
    device_predictor: Predictor, tiny_checkpoint: Checkpoint, picture: RGB, count: int
) -> None:
    batches: list[int] = []
    encoder = device_predictor.model.image_encoder
    encoder.register_forward_pre_hook(lambda _, inputs: batches.append(len(inputs[0])))
    images = [picture[: 60 - number, : 90 - 7 * number] for number in range(count)]
    together = device_predictor.encode(images)
    assert sum(batches) == count
    assert max(batches) <= IMAGES_AT_ONCE
    assert len(batches) == -(-count // IMAGES_AT_ONCE)
    alone = Predictor(tiny_checkpoint)
    for embedding, image in zip(together, images):
        expected = alone.encode(image)
        assert embedding.resize_map == expected.resize_map
        np.testing.assert_allclose(
            embedding.arrays[IMAGE_EMBED], expected.arrays[IMAGE_EMBED], atol=1e-4
        )


def test_a_device_without_room_for_a_batch_takes_as_many_as_fit(
    device_predictor: Predictor, picture: RGB
) -> None:
    batches: list[int] = []

    def attempt(_: Any, inputs: tuple[Tensor, ...]) -> None:
        if len(inputs[0]) > 2:
            raise torch.OutOfMemoryError("no room")
        batches.append(len(inputs[0]))

    device_predictor.model.image_encoder.register_forward_pre_hook(attempt)
    embeddings = device_predictor.encode([picture[: 60 - number] for number in range(7)])
    assert [embedding.image_hw[0] for embedding in embeddings] == list(range(60, 53, -1))
    assert batches == [1, 2, 2, 2]


def test_a_device_without_room_for_one_image_says_so(
    device_predictor: Predictor, picture: RGB
) -> None:
    def refuse(*_: Any) -> None:
        raise torch.OutOfMemoryError("no room")

    device_predictor.model.image_encoder.register_forward_pre_hook(refuse)
    with pytest.raises(torch.OutOfMemoryError):
        device_predictor.encode([picture] * 2)


def test_an_image_of_a_batch_keeps_no_other_in_memory(
    device_predictor: Predictor, picture: RGB
) -> None:
    for embedding in device_predictor.encode([picture] * 3):
        features = device_predictor.features(embedding)
        assert features.untyped_storage().nbytes() == 4 * features.numel()


def test_no_images_are_no_embeddings(tiny_predictor: Predictor) -> None:
    assert tiny_predictor.encode([]) == []
