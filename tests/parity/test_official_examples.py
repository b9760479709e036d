"""The calls of the official examples, with the official package and with ``anymask.compat``.

The predictor's, the mask generator's and the ONNX notebook, and the scripts beside them: each
example is one function of a package, run with both on the same weights and the same image.

Shape legend: P prompts, N points, M masks, h w low-resolution grid, H W pixels of the image.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from anymask import compat
from anymask.predict.predictor import Predictor
from tests.parity.twins import SIZES, official_twin, segment_anything

Array = npt.NDArray[Any]
Example = Callable[["Official"], list[Any]]
TOLERANCE = 1e-3  # of logits of magnitude 10; pixels of a mask may differ where a logit is as near


@dataclass(frozen=True)
class Official:
    """A package with the official names, a model of it, and an image."""

    package: ModuleType
    sam: Any
    image: npt.NDArray[np.uint8]

    def module(self, path: str) -> Any:
        """A module of the package, by its official path."""
        return importlib.import_module(f"{self.package.__name__}.{path}")


def one_object(official: Official) -> list[Any]:
    """Points, then the best mask fed back, then a box, then a box and a point."""
    sam = official.sam
    sam.to(device="cpu")
    predictor = official.package.SamPredictor(sam)
    predictor.set_image(official.image)
    point, label = np.array([[50, 37]]), np.array([1])
    masks, scores, logits = predictor.predict(
        point_coords=point, point_labels=label, multimask_output=True
    )
    best = logits[np.argmax(scores), :, :]
    several = predictor.predict(
        point_coords=np.array([[50, 37], [12, 62]]),
        point_labels=np.array([1, 0]),
        mask_input=best[None, :, :],
        multimask_output=False,
    )
    box = np.array([42, 6, 70, 87])
    boxed = predictor.predict(
        point_coords=None, point_labels=None, box=box[None, :], multimask_output=False
    )
    both = predictor.predict(
        point_coords=np.array([[57, 70]]),
        point_labels=np.array([0]),
        box=box,
        multimask_output=False,
    )
    return [masks, scores, logits, *several, *boxed, *both]


def several_boxes(official: Official) -> list[Any]:
    """Boxes as a tensor, mapped by the predictor's transform."""
    predictor = official.package.SamPredictor(official.sam.eval())
    predictor.set_image(official.image)
    boxes = torch.tensor(
        [[7, 65, 90, 85], [42, 6, 70, 88], [13, 55, 70, 78]], device=predictor.device
    )
    size = official.image.shape[:2]
    masks, scores, logits = predictor.predict_torch(
        point_coords=None,
        point_labels=None,
        boxes=predictor.transform.apply_boxes_torch(boxes, size),
        multimask_output=False,
    )
    for mask in masks:
        assert mask.cpu().numpy().shape == (1, *size)
    scores[scores < 0] = 0  # a user may change what was answered
    return [masks, scores, logits]


def several_images(official: Official) -> list[Any]:
    """Images and prompts of several kinds through the model in one call."""
    sam = official.sam
    transform = official.module("utils.transforms").ResizeLongestSide(sam.image_encoder.img_size)

    def prepare(image: Array) -> torch.Tensor:
        resized = torch.as_tensor(transform.apply_image(image), device=sam.device)
        return resized.permute(2, 0, 1).contiguous()

    first, second = official.image, official.image[::-1, ::2].copy()
    boxes = torch.tensor([[5, 6, 30, 40], [10, 3, 40, 88]], device=sam.device)
    points = torch.tensor([[[20, 30]], [[11, 62]], [[30, 5]]], device=sam.device)
    batched_input = [
        {
            "image": prepare(first),
            "boxes": transform.apply_boxes_torch(boxes, first.shape[:2]),
            "original_size": first.shape[:2],
        },
        {
            "image": prepare(second),
            "point_coords": transform.apply_coords_torch(points, second.shape[:2]),
            "point_labels": torch.tensor([[1], [0], [1]]),
            "mask_inputs": torch.linspace(-5, 5, 3 * 32 * 32).reshape(3, 1, 32, 32),
            "original_size": second.shape[:2],
        },
    ]
    outputs = sam(batched_input, multimask_output=True)
    names = ["masks", "iou_predictions", "low_res_logits"]
    assert [list(output) for output in outputs] == [names] * 2
    return [output[name] for output in outputs for name in names]


def onnx_inputs(official: Official) -> list[Any]:
    """What the ONNX notebook feeds its session with."""
    sam = official.sam
    predictor = official.package.SamPredictor(sam)
    predictor.set_image(official.image)
    embedding = predictor.get_image_embedding().cpu().numpy()
    encoder = sam.prompt_encoder
    mask_size = [4 * side for side in encoder.image_embedding_size]
    dummy = torch.zeros(1, encoder.embed_dim, *encoder.image_embedding_size)
    coords = np.concatenate([np.array([[50, 37]]), np.array([[0.0, 0.0]])], axis=0)[None, :, :]
    corners = np.array([42, 6, 70, 87]).reshape(2, 2)
    with_box = np.concatenate([np.array([[57, 70]]), corners], axis=0)[None, :, :]
    size = official.image.shape[:2]
    mapped = [predictor.transform.apply_coords(x, size) for x in (coords, with_box)]
    assert all(x.dtype == np.float64 for x in mapped)
    logits = predictor.predict(np.array([[50, 37]]), np.array([1]), return_logits=True)[0]
    return [
        embedding,
        dummy,
        torch.zeros(1, 1, *mask_size),
        *(x.astype(np.float32) for x in mapped),
        logits > predictor.model.mask_threshold,
    ]


def parts_of_the_model(official: Official) -> list[Any]:
    """Encoder, prompt encoder and decoder one by one, as loops that fine-tune have it."""
    sam = official.sam
    with torch.no_grad():
        pixels = torch.from_numpy(official.image[:90].copy()).permute(2, 0, 1)[None].float()
        features = sam.image_encoder(sam.preprocess(pixels))
        points = torch.tensor([[[20.0, 30.0], [9.0, 9.0]]]), torch.tensor([[1, -1]])
        boxes = torch.tensor([[5.0, 6.0, 30.0, 40.0]])
        masks = torch.linspace(-5, 5, 32 * 32).reshape(1, 1, 32, 32)
        answers = []
        for given in (
            {"points": points, "boxes": None, "masks": None},
            {"points": None, "boxes": boxes, "masks": None},
            {"points": points, "boxes": boxes, "masks": masks},
        ):
            sparse, dense = sam.prompt_encoder(**given)
            low_res, iou = sam.mask_decoder(
                image_embeddings=features,
                image_pe=sam.prompt_encoder.get_dense_pe(),
                sparse_prompt_embeddings=sparse,
                dense_prompt_embeddings=dense,
                multimask_output=False,
            )
            upscaled = sam.postprocess_masks(low_res, pixels.shape[-2:], (180, 202))
            answers += [sparse, dense, low_res, iou, upscaled]
    return [features, sam.prompt_encoder.get_dense_pe(), sam.pixel_mean, sam.pixel_std, *answers]


def attributes(official: Official) -> list[Any]:
    """What is looked up on the way."""
    sam, package = official.sam, official.package
    predictor = package.SamPredictor(sam)
    assert sam.mask_threshold == 0.0
    assert sam.image_format == "RGB"
    assert sam.device == predictor.device == torch.device("cpu")
    assert predictor.model.image_encoder.img_size == predictor.transform.target_length == 128
    assert not predictor.is_image_set
    predictor.set_image(official.image[..., ::-1], image_format="BGR")
    assert predictor.is_image_set
    assert set(package.sam_model_registry) >= {"default", "vit_h", "vit_l", "vit_b"}
    assert package.sam_model_registry["default"] is package.build_sam is package.build_sam_vit_h
    assert callable(package.build_sam_vit_l)
    assert callable(package.build_sam_vit_b)
    assert {sam.to("cpu"), sam.to(torch.device("cpu")), sam.cpu(), sam.eval(), sam.float()} == {sam}
    state = sam.state_dict()
    return [
        np.array([*predictor.original_size, *predictor.input_size]),
        predictor.features,
        *(state[name] for name in sorted(state)),
        np.array([sum(parameter.numel() for parameter in sam.parameters())]),
    ]


EXAMPLES: list[Example] = [
    one_object, several_boxes, several_images, onnx_inputs, parts_of_the_model, attributes,
]  # fmt: skip


@pytest.fixture(scope="module")
def both() -> tuple[Official, Official]:
    """The official package and ours, with one model and a random image."""
    twin = official_twin(SIZES["depth 2"])
    image = np.random.default_rng(0).integers(0, 256, (90, 101, 3), dtype=np.uint8)
    return (
        Official(segment_anything, twin.official, image),
        Official(compat, compat.Sam(Predictor(twin.checkpoint)), image),
    )


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.__name__)
def test_an_example_answers_as_officially(
    both: tuple[Official, Official], example: Example
) -> None:
    expected, answers = (example(official) for official in both)
    assert len(answers) == len(expected)
    for ours, theirs in zip(answers, expected):
        same(ours, theirs)


def same(ours: Any, theirs: Any) -> None:
    """The same type, dtype, shape and values; of masks all but pixels that rounding decides."""
    assert isinstance(ours, type(theirs)) or isinstance(theirs, torch.nn.Parameter)
    ours, theirs = torch.as_tensor(ours), torch.as_tensor(theirs)
    assert (ours.dtype, ours.shape, ours.device) == (theirs.dtype, theirs.shape, theirs.device)
    if ours.dtype == torch.bool:
        assert (ours != theirs).float().mean() < 1e-3
        assert theirs.any()
        assert not theirs.all()
    else:
        torch.testing.assert_close(ours, theirs, atol=TOLERANCE, rtol=1e-4)


GENERATORS: dict[str, dict[str, Any]] = {
    "defaults but for the thresholds": {"points_per_side": 4},
    "all arguments": {
        "points_per_side": 4,
        "points_per_batch": 5,
        "stability_score_thresh": 0.2,
        "stability_score_offset": 0.3,
        "box_nms_thresh": 0.6,
        "crop_n_layers": 1,
        "crop_nms_thresh": 0.8,
        "crop_overlap_ratio": 0.4,
        "crop_n_points_downscale_factor": 2,
    },
    "grids of points": {
        "points_per_side": None,
        "point_grids": [np.array([[0.3, 0.4], [0.7, 0.2]]), np.array([[0.5, 0.5]])],
        "crop_n_layers": 1,
        "output_mode": "uncompressed_rle",
    },
    "coco": {"points_per_side": 3, "output_mode": "coco_rle"},
}


@pytest.mark.parametrize("arguments", GENERATORS.values(), ids=GENERATORS)
def test_a_mask_generator_finds_what_it_finds_officially(
    both: tuple[Official, Official], arguments: dict[str, Any]
) -> None:
    lenient = {"pred_iou_thresh": -9.0, "stability_score_thresh": 0.0} | arguments
    expected, answers = (
        official.package.SamAutomaticMaskGenerator(model=official.sam, **lenient).generate(
            official.image
        )
        for official in both
    )
    assert len(answers) == len(expected) > 0
    for ours, theirs in zip(answers, expected):
        assert list(ours) == list(theirs)
        np.testing.assert_allclose(ours["bbox"], theirs["bbox"], atol=1)
        assert ours["crop_box"] == theirs["crop_box"]
        np.testing.assert_allclose(ours["point_coords"], theirs["point_coords"], atol=1e-3)
        assert ours["predicted_iou"] == pytest.approx(theirs["predicted_iou"], abs=1e-3)
        assert ours["area"] == pytest.approx(theirs["area"], abs=10)
        assert type(ours["segmentation"]) is type(theirs["segmentation"])
        if isinstance(theirs["segmentation"], np.ndarray):
            assert (ours["segmentation"] != theirs["segmentation"]).mean() < 1e-3
        else:
            assert ours["segmentation"]["size"] == theirs["segmentation"]["size"]
            counts = {type(one["segmentation"]["counts"]) for one in (ours, theirs)}
            assert len(counts) == 1
