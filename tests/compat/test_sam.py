"""The model and the predictor under the official names: where they go and what they refuse."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

from anymask import compat
from anymask.compat import (
    Sam,
    SamAutomaticMaskGenerator,
    SamPredictor,
    build_sam,
    build_sam_vit_t,
    sam_model_registry,
)
from anymask.compat.utils.onnx import SamOnnxModel
from anymask.core.prompts import Prompts
from anymask.errors import (
    Error,
    ExportError,
    ImageError,
    LayoutError,
    UnknownWeightsError,
    WeightsError,
)
from anymask.models.sam import MOBILE_SAM
from anymask.models.sam import Sam as Network
from anymask.predict.automatic import AutomaticConfig, segment_everything
from anymask.predict.predictor import Predictor
from anymask.weights.checkpoint import Checkpoint

RGB = npt.NDArray[np.uint8]
# The function of this name hides the module, as in the official package.
BUILD_SAM = importlib.import_module("anymask.compat.build_sam")


@pytest.fixture
def sam(tiny_predictor: Predictor) -> Sam:
    return Sam(tiny_predictor)


@pytest.fixture
def predictor(sam: Sam, picture: RGB) -> SamPredictor:
    """With an image of 60 rows and 90 columns set."""
    user = SamPredictor(sam)
    user.set_image(picture)
    return user


def test_a_model_moves_in_place_and_back_with_the_same_answers(sam: Sam, picture: RGB) -> None:
    before = SamPredictor(sam)
    before.set_image(picture)
    expected = before.predict(np.array([[30, 20]]), np.array([1]))
    assert sam.to(torch.bfloat16) is sam
    assert sam.predictor.dtype_name == "bfloat16"
    coarse = SamPredictor(sam)
    coarse.set_image(picture)
    assert coarse.predict(np.array([[30, 20]]), np.array([1]))[0].shape == (3, 60, 90)
    assert sam.half().to(device="cpu", dtype=torch.float32).cpu().float().eval() is sam
    after = SamPredictor(sam)
    after.set_image(picture)
    answer = after.predict(np.array([[30, 20]]), np.array([1]))
    np.testing.assert_allclose(answer[1], expected[1], atol=0.1)  # half precision was on the way
    frequencies = sam.predictor.model.prompt_encoder.pe_layer.positional_encoding_gaussian_matrix
    assert frequencies.dtype == torch.float32


def test_frequencies_survive_half_precision(tiny_checkpoint: Checkpoint) -> None:
    name = "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"
    half = Predictor(tiny_checkpoint, dtype=torch.float16)
    assert torch.equal(half.model.state_dict()[name], tiny_checkpoint.state[name])


def test_a_folded_encoder_moves_too(picture: RGB) -> None:
    torch.manual_seed(0)
    network = Network(MOBILE_SAM).eval()
    sam = Sam(Predictor(Checkpoint("tiny-vit", MOBILE_SAM, network.state_dict(), "0" * 64)))
    pixels = sam.preprocess(torch.zeros(1, 3, 700, 1024))
    expected = sam.image_encoder(pixels)
    again = sam.to(torch.bfloat16).to(torch.float32).image_encoder(pixels)
    assert again.shape == expected.shape
    assert (again - expected).abs().max() < 0.2


def tiny_vit_sam() -> Sam:
    """MobileSAM with random weights, its batch norms too."""
    network = Network(MOBILE_SAM).eval()
    for name, tensor in network.state_dict().items():
        if ".bn." in name and tensor.is_floating_point():
            tensor.uniform_(0.5, 1.5)
    return Sam(Predictor(Checkpoint("tiny-vit", MOBILE_SAM, network.state_dict(), "0" * 64)))


def test_the_state_of_a_folded_encoder_is_a_checkpoint(tmp_path: Path) -> None:
    torch.manual_seed(0)
    sam = tiny_vit_sam()
    assert sam.state_dict().keys() == Network(MOBILE_SAM).state_dict().keys()
    folded = sam.predictor.model.state_dict()
    for state in (sam.state_dict(), folded):
        torch.save(state, tmp_path / "own.pt")
        again = build_sam_vit_t(tmp_path / "own.pt")
        for name, tensor in again.predictor.model.state_dict().items():
            assert torch.equal(tensor, folded[name]), name


def test_a_state_is_taken_in_place(picture: RGB) -> None:
    torch.manual_seed(0)
    sam, other = tiny_vit_sam(), tiny_vit_sam()
    before = sam.model_id
    assert sam.load_state_dict(other.state_dict()) == ([], [])
    assert sam.model_id != before
    for name, tensor in sam.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name
    part = {"mask_decoder.iou_token.weight": torch.ones(1, 256), "mine": torch.ones(1)}
    part |= {"image_encoder.neck.1.bias": torch.ones(256), "mask_decoder.more": torch.ones(1)}
    answer = sam.load_state_dict(part, strict=False)
    assert len(answer.missing_keys) == len(other.state_dict()) - 2
    assert answer.unexpected_keys == ["mine", "mask_decoder.more"]
    with pytest.raises(LayoutError, match=r"none of the model's \(mine\); strict=False"):
        sam.load_state_dict(sam.state_dict() | {"mine": torch.ones(1)})
    assert sam.state_dict()["mask_decoder.iou_token.weight"].unique().tolist() == [1]
    user = SamPredictor(sam)
    user.set_image(picture)
    assert user.predict(np.array([[30, 20]]), np.array([1]))[0].shape[0] == 3


@pytest.mark.parametrize("state", [None, 5, {}, {"a": 1}, {"mask_decoder.more": torch.ones(1)}])
def test_what_is_no_state_is_refused(sam: Sam, state: Any) -> None:
    before = sam.model_id
    with pytest.raises(WeightsError):
        sam.load_state_dict(state)
    assert sam.model_id == before


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card")
@pytest.mark.parametrize("move", [Sam.cuda, lambda sam: sam.to("cuda"), lambda sam: sam.to(0)])
def test_a_card_that_is_not_there_is_named(sam: Sam, move: Callable[[Sam], object]) -> None:
    with pytest.raises(Error, match=r"cuda.* not available here"):
        move(sam)
    assert sam.device == torch.device("cpu")


def test_a_model_answers_and_does_not_learn(sam: Sam) -> None:
    assert sam.eval().train(False).requires_grad_(False) is sam
    with pytest.raises(Error, match="anymask train"):
        sam.train()
    with pytest.raises(Error, match="float32"):
        sam.to(torch.float64)
    assert not any(parameter.requires_grad for parameter in sam.parameters())


def test_a_model_is_a_segmenter_too(sam: Sam, picture: RGB) -> None:
    embedding = sam.encode(picture)
    assert len(sam.predict(embedding, Prompts.point(5, 3))) == 1
    config = AutomaticConfig(points_per_side=2, pred_iou_thresh=-9, stability_score_thresh=0)
    everything = segment_everything(sam, picture, config)
    assert everything == segment_everything(sam.predictor, picture, config)
    assert repr(sam) == "Sam(Predictor(tiny@0000000000000000, float32 on cpu))"
    assert len(repr(sam.image_encoder)) < 40


def test_answers_are_tensors_like_others(predictor: SamPredictor) -> None:
    for tensors in (
        predictor.predict_torch(torch.ones(1, 1, 2), torch.ones(1, 1)),
        (predictor.get_image_embedding(),),
    ):
        for tensor in tensors:
            assert not tensor.is_inference()


def test_an_image_that_was_stretched_gets_masks_of_its_size(sam: Sam) -> None:
    """Some resize to the model's square instead of its longest side."""
    user = SamPredictor(sam)
    user.set_torch_image(torch.rand(1, 3, 128, 128) * 255, (40, 90))
    masks, _, logits = user.predict_torch(torch.ones(1, 1, 2), torch.ones(1, 1), return_logits=True)
    expected = torch.nn.functional.interpolate(logits, (128, 128), mode="bilinear")
    expected = torch.nn.functional.interpolate(expected, (40, 90), mode="bilinear")
    torch.testing.assert_close(masks, expected, atol=1e-3, rtol=1e-4)


def test_official_names_build_what_they_say(
    monkeypatch: pytest.MonkeyPatch, tiny_predictor: Predictor
) -> None:
    asked: list[tuple[object, str]] = []

    def load(weights: object, device: str, dtype: str) -> Predictor:
        assert dtype == "float32"
        asked.append((weights, device))
        return tiny_predictor

    monkeypatch.setattr(BUILD_SAM, "load", load)
    for name in ("default", "vit_h", "vit_l", "vit_b", "vit_t"):
        assert isinstance(sam_model_registry[name](checkpoint=None), Sam)
    rows = ["sam-vit-h", "sam-vit-h", "sam-vit-l", "sam-vit-b", "mobile-sam"]
    assert asked == [(row, "cpu") for row in rows]
    build_sam("mine.pth")
    assert asked[-1] == ("mine.pth", "cpu")
    with pytest.raises(UnknownWeightsError, match="no 'vit_x': take one of default, vit_h"):
        sam_model_registry["vit_x"]


def test_a_file_of_another_model_than_its_name_is_refused(
    monkeypatch: pytest.MonkeyPatch, tiny_predictor: Predictor
) -> None:
    class Config:
        encoder = MOBILE_SAM.encoder

    monkeypatch.setattr(tiny_predictor.model, "config", Config)
    monkeypatch.setattr(BUILD_SAM, "load", lambda *_, **__: tiny_predictor)
    with pytest.raises(LayoutError, match=re.escape("holds a vit_t, not a vit_b")):
        compat.build_sam_vit_b("mobile_sam.pt")


def test_grey_has_no_order_and_alpha_stays_last(sam: Sam, picture: RGB) -> None:
    def features(image: RGB, image_format: str) -> torch.Tensor:
        user = SamPredictor(sam)
        user.set_image(image, image_format)
        return user.get_image_embedding()

    grey, alpha = picture[..., 0], np.full((60, 90, 1), 255, np.uint8)
    alpha[:30] = 40
    wide = np.concatenate([picture, alpha], axis=2)
    blue_first = np.concatenate([picture[..., ::-1], alpha], axis=2)
    for image, same in (
        (grey, grey),
        (grey[..., None], grey),
        (blue_first, wide),
        (picture[..., ::-1], picture),
    ):
        torch.testing.assert_close(features(image, "BGR"), features(same, "RGB"))


IMAGES: list[tuple[str, Any, str]] = [
    ("a PIL image is RGB", Image.new("RGB", (5, 4)), "BGR"),
    ("a file is read as RGB", "photograph.jpg", "BGR"),
    ("image.permute(1, 2, 0)", torch.zeros(3, 60, 90, dtype=torch.uint8), "RGB"),
    ("not a list", [np.zeros((4, 5, 3), np.uint8)], "RGB"),
    ("not a NoneType", None, "RGB"),
    ("convert them to uint8", np.zeros((4, 5, 3)), "RGB"),
    ("channels go last", np.zeros((3, 40, 50), np.uint8), "BGR"),
    ("no pixels", np.zeros((0, 5, 3), np.uint8), "RGB"),
    ("must be RGB or BGR, not 'rgb'", np.zeros((4, 5, 3), np.uint8), "rgb"),
]


@pytest.mark.parametrize(("message", "image", "image_format"), IMAGES)
def test_images_that_would_be_misread_are_refused(
    predictor: SamPredictor, message: str, image: Any, image_format: str
) -> None:
    with pytest.raises(ImageError, match=re.escape(message)):
        predictor.set_image(image, image_format)


Ask = Callable[[SamPredictor], object]
POINT, LABEL = np.array([[35, 30]]), np.array([1])
BOXES = np.array([[1, 2, 30, 40], [5, 6, 50, 50]])
PROMPTS: list[tuple[str, Ask]] = [
    ("predict answers one prompt, with box (4,), not (2, 4); predict_torch takes several",
        lambda user: user.predict(box=BOXES)),
    ("point_coords (N, 2), not (2, 1, 2); predict_torch",
        lambda user: user.predict(np.zeros((2, 1, 2)), np.ones((2, 1)))),
    ("mask_input (1, h, w), not (3, 32, 32); predict_torch",
        lambda user: user.predict(mask_input=np.zeros((3, 32, 32)))),
    ("box must be (4,), not (3,)", lambda user: user.predict(box=[1, 2, 3])),
    ("point_coords must be (N, 2), not (2,)", lambda user: user.predict([35, 30], [1])),
    ("go together", lambda user: user.predict(POINT)),
    ("go together", lambda user: user.predict(point_labels=LABEL)),
    ("(1, 1, 2) and (1, 2)", lambda user: user.predict(POINT, [1, 0])),
    ("must be 1 (object), 0 (background) or -1", lambda user: user.predict(POINT, [5])),
    ("a box is given as box", lambda user: user.predict(np.array([[1, 2], [30, 40]]), [2, 3])),
    ("point_labels must be", lambda user: user.predict(POINT, [-2])),
    ("point_labels must be", lambda user: user.predict(POINT, [0.5])),
    ("not finite", lambda user: user.predict([[float("nan"), 3]], LABEL)),
    ("'a' is no number", lambda user: user.predict([["a", "3"]], LABEL)),
    ("point_labels must be an array or a tensor of numbers",
        lambda user: user.predict(POINT, np.zeros(1, "M8[s]"))),
    ("is empty", lambda user: user.predict(np.zeros((0, 2)), np.zeros(0))),
    ("the point 91,3 lies outside the image, which is 90×60",
        lambda user: user.predict([[91, 3]], LABEL)),
    ("leaves the image", lambda user: user.predict(box=[1, 2, 99, 40])),
    ("1,2,30,40", lambda user: user.predict(box=[30, 2, 1, 40])),
    ("has no area", lambda user: user.predict(box=[5, 2, 5, 40])),
    ("(P, 1, 32, 32), as an earlier answer has them, not (1, 1, 60, 90)",
        lambda user: user.predict(POINT, LABEL, mask_input=np.zeros((1, 60, 90)))),
    ("not true and false",
        lambda user: user.predict(POINT, LABEL, mask_input=np.zeros((1, 32, 32), bool))),
    ("points of 2 prompts and 1 boxes", lambda user: user.predict_torch(
        torch.ones(2, 1, 2), torch.ones(2, 1), torch.tensor([[1, 2, 3, 4]]))),
    ("boxes must be (P, 4)", lambda user: user.predict_torch(None, None, torch.ones(4))),
    ("the model's frame, which is 128×128", lambda user: user.predict_torch(
        torch.tensor([[[500, 3]]]), torch.ones(1, 1))),
    ("2 prompts need as many masks", lambda user: user.predict_torch(
        torch.ones(2, 1, 2), torch.ones(2, 1), None, torch.zeros(3, 1, 32, 32))),
    ("longest side of 128, not 60×90",
        lambda user: user.set_torch_image(torch.zeros(1, 3, 60, 90), (60, 90))),
    ("(1, 3, H, W), not (3, 85, 128)",
        lambda user: user.set_torch_image(torch.zeros(3, 85, 128), (60, 90))),
    ("a size is (H, W)",
        lambda user: user.set_torch_image(torch.zeros(1, 3, 85, 128), (60, 90, 3))),
    ("set an image", lambda user: SamPredictor(user.model).predict(POINT, LABEL)),
    ("set an image", lambda user: SamPredictor(user.model).get_image_embedding()),
    ("needs image and original_size: no original_size",
        lambda user: user.model([{"image": torch.zeros(3, 85, 128)}], True)),
    ("the official names need a model in PyTorch", lambda _: SamPredictor("sam.pth")),  # type: ignore[arg-type]
    ("a mask generator needs a model", lambda _: SamAutomaticMaskGenerator(None)),  # type: ignore[arg-type]
]  # fmt: skip


@pytest.mark.parametrize(("message", "ask"), PROMPTS)
def test_prompts_that_would_be_misread_are_refused(
    predictor: SamPredictor, message: str, ask: Ask
) -> None:
    with pytest.raises(Error, match=re.escape(message)):
        ask(predictor)


def test_what_is_certain_is_read_however_it_is_spelt(predictor: SamPredictor) -> None:
    logits = predictor.predict(POINT, LABEL)[2][0]
    expected = predictor.predict(POINT, LABEL, np.array([1, 2, 30, 40]), logits[None])
    for point, label, box, mask in (
        ([[35, 30]], [1], [1, 2, 30, 40], logits),
        (torch.tensor([[35, 30]]), torch.tensor([True]), torch.tensor([[1, 2, 30, 40]]), logits),
        (POINT.astype("f2"), [1.0], ((1, 2, 30, 40),), torch.from_numpy(logits[None])),
    ):
        for ours, theirs in zip(predictor.predict(point, label, box, mask), expected):
            np.testing.assert_array_equal(ours, theirs)
    masks = predictor.predict_torch(
        torch.ones(2, 1, 2), torch.ones(2, 1), mask_input=torch.zeros(1, 1, 32, 32)
    )[0]
    assert masks.shape == (2, 3, 60, 90)  # one mask for all


def test_an_argument_that_is_none_is_named_with_the_one_that_is_meant(sam: Sam) -> None:
    arguments: dict[str, Any] = {"point_per_side": 8}
    with pytest.raises(Error, match="takes no point_per_side; do you mean points_per_side"):
        SamAutomaticMaskGenerator(sam, **arguments)


def test_what_exports_a_model_is_said() -> None:
    with pytest.raises(ExportError, match="anymask export onnx"):
        SamOnnxModel(None, return_single_mask=True)
