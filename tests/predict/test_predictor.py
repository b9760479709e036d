"""Prediction as values: what is asked, what is answered, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

from anymask.core.embedding import ImageEmbedding
from anymask.core.image import read_image
from anymask.core.prompts import Prompts
from anymask.errors import EmbeddingError, Error, ImageError, PromptError
from anymask.models.half_products import processor_multiplies_half
from anymask.predict import predictor as predictor_module
from anymask.predict.automatic import AutomaticConfig
from anymask.predict.predictor import Predictor, find_device, find_dtype, find_numbers, load
from anymask.predict.promptable import rank
from anymask.weights.checkpoint import Checkpoint

RGB = npt.NDArray[np.uint8]
SIDE = 32  # of the tiny model's mask logits


def test_an_answer_has_a_row_for_each_prompt(tiny_predictor: Predictor, picture: RGB) -> None:
    embedding = tiny_predictor.encode(picture)
    assert embedding.arrays["image_embed"].shape == (64, 8, 8)
    assert embedding.image_hw == (60, 90)
    masks = tiny_predictor.predict(embedding, Prompts.of_boxes([[0, 0, 40, 50], [10, 10, 90, 60]]))
    assert masks.logits.shape == (2, 1, SIDE, SIDE)
    assert masks.to_bool().shape == (2, 1, 60, 90)
    assert masks.logits.dtype == masks.predicted_iou.dtype == np.float32


def test_a_single_click_gets_three_masks_by_falling_iou(
    tiny_predictor: Predictor, picture: RGB
) -> None:
    masks = tiny_predictor.predict(tiny_predictor.encode(picture), Prompts.point(45, 30))
    assert masks.predicted_iou.shape == (1, 3)
    assert (np.diff(masks.predicted_iou[0]) <= 0).all()
    assert masks.best().predicted_iou[0, 0] == masks.predicted_iou.max()


@pytest.mark.parametrize(("multimask", "columns"), [(None, 1), (False, 1), (True, 3)])
def test_a_clear_prompt_gets_one_mask_unless_three_are_asked_for(
    tiny_predictor: Predictor, picture: RGB, multimask: bool | None, columns: int
) -> None:
    embedding = tiny_predictor.encode(picture)
    masks = tiny_predictor.predict(embedding, Prompts.box(5, 5, 50, 50), multimask)
    assert masks.predicted_iou.shape == (1, columns)


def test_beside_an_ambiguous_prompt_a_clear_one_keeps_its_own_mask_first(
    tiny_predictor: Predictor, picture: RGB
) -> None:
    embedding = tiny_predictor.encode(picture)
    click, box = Prompts.point(45, 30), Prompts.box(5, 5, 50, 50)
    both = tiny_predictor.predict(embedding, Prompts.join([click, box]))
    for row, alone in enumerate((click, box)):
        expected = tiny_predictor.predict(embedding, alone).best()
        np.testing.assert_allclose(both.best()[row].logits, expected.logits, atol=1e-4)


def test_several_images_in_one_pass_give_what_each_gives_alone(
    tiny_predictor: Predictor, picture: RGB
) -> None:
    embeddings = tiny_predictor.encode([picture, picture[:50, :40]])
    prompts = [
        Prompts.of_points([[1, 2], [30, 40]], [1, 0]),
        Prompts.point(20, 20).with_masks(np.random.default_rng(0).normal(size=(1, SIDE, SIDE))),
    ]
    together = tiny_predictor.predict(embeddings, prompts, False)
    for masks, embedding, about_one in zip(together, embeddings, prompts):
        alone = tiny_predictor.predict(embedding, about_one, False)
        np.testing.assert_allclose(masks.logits, alone.logits, atol=1e-4)
        assert masks.image_hw == embedding.image_hw
    assert tiny_predictor.predict([], []) == []


def test_logits_can_be_fed_back_and_matter(tiny_predictor: Predictor, picture: RGB) -> None:
    embedding = tiny_predictor.encode(picture)
    click = Prompts.point(45, 30)
    first = tiny_predictor.predict(embedding, click, False)
    again = tiny_predictor.predict(embedding, click.with_masks(first.logits), False)
    assert not np.allclose(first.logits, again.logits, atol=1e-3)


def test_an_embedding_survives_a_journey(tiny_predictor: Predictor, picture: RGB) -> None:
    embedding = tiny_predictor.encode(picture)
    travelled = ImageEmbedding.from_bytes(embedding.to_bytes())
    a, b = (tiny_predictor.predict(e, Prompts.point(45, 30)) for e in (embedding, travelled))
    np.testing.assert_allclose(a.logits, b.logits, atol=0.1)


def test_an_embedding_of_other_weights_is_refused(
    tiny_predictor: Predictor, tiny_checkpoint: Checkpoint, picture: RGB
) -> None:
    other = Predictor(Checkpoint("other", tiny_checkpoint.config, tiny_checkpoint.state, "1" * 64))
    with pytest.raises(EmbeddingError, match=r"tiny@0000.*other@1111"):
        other.predict(tiny_predictor.encode(picture), Prompts.point(1, 1))


@pytest.mark.parametrize(
    ("prompts", "message"),
    [
        (Prompts.point(91, 10), "90×60"),
        (Prompts.point(-1, 10), "outside the image"),
        (Prompts.box(95, 0, 120, 10), "box 95,0,120,10 lies outside"),
        (Prompts.box(-20, -20, -1, -1), "box -20,-20,-1,-1 lies outside"),
        (Prompts.point(1, 1).with_masks(np.zeros((1, 8, 8))), "32, 32"),
        (Prompts(np.zeros((1, 0, 2)), np.zeros((1, 0)), texts=("a dog",)), "no words"),  # type: ignore[arg-type]
    ],
)
def test_prompts_that_dont_fit_are_refused(
    tiny_predictor: Predictor, picture: RGB, prompts: Prompts, message: str
) -> None:
    with pytest.raises(PromptError, match=message):
        tiny_predictor.predict(tiny_predictor.encode(picture), prompts)


def test_a_box_may_reach_a_pixel_over_the_border_and_is_answered_as_it_stands(
    tiny_predictor: Predictor, picture: RGB
) -> None:
    embedding = tiny_predictor.encode(picture)
    over, up_to = (
        tiny_predictor.predict(embedding, prompts)
        for prompts in (Prompts.box(-1, -1, 91, 61), Prompts.box(0, 0, 90, 60))
    )
    assert over.predicted_iou.shape == (1, 1)
    assert np.isfinite(over.logits).all()
    assert not np.allclose(over.logits, up_to.logits, atol=1e-3)  # nothing cuts it at the border


def test_images_and_prompts_must_be_paired(tiny_predictor: Predictor, picture: RGB) -> None:
    embedding, click = tiny_predictor.encode(picture), Prompts.point(1, 1)
    with pytest.raises(PromptError, match="join"):
        tiny_predictor.predict(embedding, [click])  # type: ignore[call-overload]
    for prompts in (click, [click]):
        with pytest.raises(PromptError, match="2 images"):
            tiny_predictor.predict([embedding, embedding], prompts)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (2000, 3)])
def test_the_smallest_and_the_thinnest_images_work(
    tiny_predictor: Predictor, shape: tuple[int, int]
) -> None:
    embedding = tiny_predictor.encode(np.zeros((*shape, 3), np.uint8))
    assert tiny_predictor.predict(embedding, Prompts.point(0, 0)).to_bool().shape[2:] == shape


def test_an_image_may_be_a_file_a_pil_image_or_an_array(
    tiny_predictor: Predictor, picture: RGB, tmp_path: pytest.TempPathFactory
) -> None:
    path = f"{tmp_path}/picture.png"
    Image.fromarray(picture).save(path)
    arrays = [
        tiny_predictor.encode(source).arrays["image_embed"]
        for source in (picture, Image.fromarray(picture), path)
    ]
    np.testing.assert_array_equal(arrays[0], arrays[1])
    np.testing.assert_array_equal(arrays[0], arrays[2])


def test_lower_precision_stays_close(tiny_checkpoint: Checkpoint, picture: RGB) -> None:
    exact, rounded = Predictor(tiny_checkpoint), Predictor(tiny_checkpoint, dtype=torch.bfloat16)
    click = Prompts.point(45, 30)
    a, b = (p.predict(p.encode(picture), click, False) for p in (exact, rounded))
    assert b.logits.dtype == np.float32
    spread = np.abs(a.logits).max()
    assert np.abs(a.logits - b.logits).max() < 0.1 * spread


def test_ranking_by_hand() -> None:
    iou = np.array([[0.9, 0.1, 0.3, 0.2], [0.0, 0.5, 0.5, 0.7]], np.float32)
    kinds = np.array([True, False])
    assert rank(iou, kinds, True).tolist() == [[2, 3, 1], [3, 1, 2]]
    assert rank(iou, kinds, False).tolist() == [[0], [0]]
    assert rank(iou, kinds, None).tolist() == [[2, 3, 1], [0, 3, 1]]
    assert rank(iou, ~kinds | True, None).tolist() == [[2, 3, 1], [3, 1, 2]]
    assert rank(iou, kinds & False, None).tolist() == [[0], [0]]


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "cuda:x", "cpu:1", "mps:0", ""])
def test_devices_that_are_not_there_are_refused(name: str) -> None:
    with pytest.raises(Error, match="device"):
        find_device(name)


def test_the_device_and_the_dtype_are_found() -> None:
    assert find_device("cpu").type == "cpu"
    assert find_device("auto").type in ("cpu", "cuda", "mps")
    assert find_dtype("bfloat16") is torch.bfloat16
    with pytest.raises(Error, match="float32"):
        load(dtype="float8")


@pytest.mark.parametrize("can", [False, True])
def test_auto_chooses_by_the_processor(monkeypatch: pytest.MonkeyPatch, can: bool) -> None:
    monkeypatch.setattr(predictor_module, "processor_multiplies_half", lambda: can)
    cpu, card = torch.device("cpu"), torch.device("cuda")
    assert find_numbers("auto", cpu) == (torch.float32, can)
    assert find_numbers("auto", card) == (torch.float32, False)
    assert find_numbers("mixed", cpu) == (torch.float32, True)
    assert find_numbers("float32", cpu) == (torch.float32, False)
    with pytest.raises(Error, match="bfloat16"):
        find_numbers("mixed", card)


def test_mixed_numbers_are_named_kept_apart_and_undone(
    tiny_checkpoint: Checkpoint, picture: RGB
) -> None:
    sam = Predictor(tiny_checkpoint)
    click, embedding = Prompts.point(45, 30), sam.encode(picture)
    plain = sam.predict(embedding, click)
    assert sam.kept_as == sam.model_id
    mixed = sam.to(sam.device, torch.float32, half_products=True).predict(embedding, click)
    assert (sam.dtype_name, sam.kept_as) == ("mixed", f"{sam.model_id} in mixed")
    assert not np.array_equal(mixed.logits, plain.logits)
    np.testing.assert_allclose(mixed.predicted_iou, plain.predicted_iou, atol=1e-5)
    again = sam.to(sam.device, torch.float32).predict(embedding, click)
    np.testing.assert_array_equal(again.logits, plain.logits)


@pytest.mark.slow
@pytest.mark.weights
@pytest.mark.data
@pytest.mark.skipif(not processor_multiplies_half(), reason="no bfloat16 in this processor")
def test_mixed_numbers_give_the_same_masks_of_a_photograph(
    mobile_sam: Predictor, data_folder: Path
) -> None:
    image = read_image(data_folder / "photos" / "dog.jpg")
    mixed = load("mobile-sam", device="cpu", dtype="mixed", offline=True)
    points = AutomaticConfig(points_per_side=6).points(0, image.shape[:2])
    prompts = Prompts.of_points(points[:, None])
    exact, rounded = (sam.predict(sam.encode(image), prompts) for sam in (mobile_sam, mixed))
    a, b = exact.logits[:, 0] > 0, rounded.logits[:, 0] > 0
    iou = (a & b).sum(axis=(1, 2)) / (a | b).sum(axis=(1, 2))
    assert (iou >= 0.98).mean() >= 0.94  # of 36: one of a hundred may move, or be another
    assert np.abs(exact.predicted_iou - rounded.predicted_iou).mean() <= 0.003


@pytest.mark.weights
@pytest.mark.parametrize("shape", [(1200, 1800), (9000, 12000)])
def test_full_size_masks_cost_memory_only_when_asked_for(
    mobile_sam: Predictor, shape: tuple[int, int]
) -> None:
    image = np.zeros((*shape, 3), np.uint8)
    height, width = shape
    image[height // 4 : height // 2, width // 4 : width // 2] = (220, 40, 40)
    masks = mobile_sam.predict(
        mobile_sam.encode(image), Prompts.point(width * 0.375, height * 0.375)
    )
    assert masks.logits.nbytes < 1e6
    expected = height * width / 16
    assert abs(int(masks.best().areas()[0, 0]) - expected) < 0.02 * expected


def test_what_a_predictor_gives_is_shown_in_a_line(
    tiny_predictor: Predictor, tiny_checkpoint: Checkpoint, picture: RGB
) -> None:
    embedding = tiny_predictor.encode(picture)
    shown = "ImageEmbedding(image_embed 64×8×8, of 60×90 (H×W), by tiny@0000000000000000)"
    assert repr(embedding) == repr(ImageEmbedding.from_bytes(embedding.to_bytes())) == shown
    assert repr(tiny_predictor) == "Predictor(tiny@0000000000000000, float32 on cpu)"
    assert repr(tiny_checkpoint).startswith("Checkpoint(tiny@0000000000000000, sam, ")
    assert len(repr(tiny_checkpoint)) < 100


@pytest.mark.parametrize(
    ("error", "message", "ask"),
    [
        (EmbeddingError, "not 'truck.jpg': encode the image first", lambda sam, _:
            sam.predict("truck.jpg", Prompts.point(5, 3))),
        (EmbeddingError, "not a ndarray: encode", lambda sam, _:
            sam.predict(np.zeros((4, 4, 3), np.uint8), Prompts.point(5, 3))),
        (EmbeddingError, "not 'a.jpg': encode", lambda sam, _:
            sam.predict(["a.jpg"], [Prompts.point(5, 3)])),
        (EmbeddingError, "not a NoneType: encode", lambda sam, _: sam.predict(None, None)),
        (PromptError, "predict needs prompts, too", lambda sam, seen: sam.predict(seen)),
        (PromptError, "not a list: take anymask.Prompts.point", lambda sam, seen:
            sam.predict(seen, [[50, 37]])),
        (PromptError, "join several", lambda sam, seen: sam.predict(seen, [Prompts.point(5, 3)])),
        (PromptError, "multimask_output", lambda sam, seen:
            sam.predict(seen, Prompts.point(5, 3), "three")),
        (ImageError, "not NoneType", lambda sam, _: sam.encode(None)),
        (ImageError, "not int", lambda sam, _: sam.encode([5, 6])),
    ],
)  # fmt: skip
def test_wrong_arguments_are_answered_with_what_to_do(
    tiny_predictor: Predictor,
    picture: RGB,
    error: type[Error],
    message: str,
    ask: Callable[[Any, ImageEmbedding], object],
) -> None:
    with pytest.raises(error, match=message):
        ask(tiny_predictor, tiny_predictor.encode(picture))
