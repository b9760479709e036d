"""The gate of an export: its graphs answer as PyTorch does, or they get no name.

Shape legend: P prompts, N points, T mask tokens, h w low-resolution grid, H W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import Floats
from anymask.core.image import RGB
from anymask.core.masks import Masks
from anymask.core.prompts import Prompts
from anymask.errors import ExportError
from anymask.predict.onnx_runtime import OnnxSegmenter
from anymask.predict.promptable import Promptable

Answers = tuple[Floats, Floats]  # logits (P, T, h, w) and predicted IoUs (P, T)

MANY = 64  # prompts of the case of many
SCENE_HW = (768, 1024)


@dataclass(frozen=True)
class Tolerance:
    """How far an export may be from PyTorch in the worst of all cases.

    logit: difference of mask logits, in units of their standard deviation. mask_iou: of masks with
    PyTorch's, the median of a case; least_mask_iou: of any mask, a few pixels large or not.
    score: difference of predicted IoUs.
    """

    logit: float
    mask_iou: float
    least_mask_iou: float
    score: float


# Of the worst case by kind of numbers; an export's own figures are in its export.json.
TOLERANCES = {
    "float32": Tolerance(logit=1e-3, mask_iou=0.9999, least_mask_iou=0.99, score=1e-3),
    "float16": Tolerance(logit=0.05, mask_iou=0.99, least_mask_iou=0.9, score=0.02),
    "int8": Tolerance(logit=1.0, mask_iou=0.9, least_mask_iou=0.5, score=0.1),
}


@dataclass(frozen=True)
class Parity:
    """How far an export was from PyTorch in one case.

    graphs: ``click`` (after ``prepare``), ``kernels``, by what browsers have, and
    ``decoder`` on PyTorch's own embedding; ``all``: encoder and click; ``upsampled``: the
    decoder's masks at the size of the image. max_logit: absolute difference; logit: in standard
    deviations; mask_iou: the median, least_mask_iou: the least of P · T masks; score: the largest
    difference.
    """

    graphs: str
    prompts: str
    max_logit: float
    logit: float
    mask_iou: float
    least_mask_iou: float
    score: float

    def to_json(self) -> dict[str, Any]:
        """Plain values, three digits."""
        return {
            key: value if isinstance(value, str) else float(f"{value:.3g}")
            for key, value in asdict(self).items()
        }


def measure(
    reference: Promptable,
    exported: OnnxSegmenter,
    decoder: OnnxSegmenter | None = None,
    photo: RGB | None = None,
    kernels: Promptable | None = None,
) -> list[Parity]:
    """Compare on real and random prompts: about the photograph, or a drawn scene.

    exported: encoder, prepare and click; decoder: the low-resolution one of the official layout,
    if there is one; kernels: what browsers run instead of prepare and click, if they can.
    """
    image = scene() if photo is None else photo
    seen, own = reference.encode(image), exported.encode(image)
    rows = []
    for name, prompts in _cases(reference, seen):
        tokens = _answers(reference, seen, prompts)
        rows += [
            _parity("click", name, tokens, _answers(exported, seen, prompts)),
            _parity("all", name, tokens, _answers(exported, own, prompts)),
        ]
        if kernels is not None:
            rows.append(_parity("kernels", name, tokens, _answers(kernels, seen, prompts)))
        if decoder is not None:
            single = decoder.pair.single_mask
            chosen = _answers(reference, seen, prompts, single) if single else tokens
            rows.append(_parity("decoder", name, chosen, _answers(decoder, seen, prompts, single)))
    return rows


def measure_upsampled(
    reference: Promptable, exported: OnnxSegmenter, photo: RGB | None = None
) -> list[Parity]:
    """Compare the masks (P, T, H, W) of a decoder that upsamples, at the size of the image."""
    image = scene() if photo is None else photo
    rows = []
    for size, part in (("wide", image[: len(image) // 2]), ("tall", image[:, : len(image) // 2])):
        embedding = reference.encode(part)
        height, width = embedding.image_hw
        prompts = Prompts.point(width / 3, height / 2)
        low_res, iou = _answers(reference, embedding, prompts, exported.pair.single_mask)
        masks = Masks(low_res, iou, embedding.resize_map)
        expected = np.stack(list(masks.full_logits())).reshape(*iou.shape, height, width)
        arrays = exported.collate([embedding], [prompts])
        outputs = ["masks", "iou_predictions"]
        full, scores = exported.decode(embedding, arrays, np.arange(len(arrays)), outputs)
        answers = full, scores
        rows.append(_parity("upsampled", f"{size}, 1 point", (expected, iou), answers))
    return rows


def check(rows: Sequence[Parity], tolerance: Tolerance, what: str) -> None:
    """Raise ``ExportError`` if a case is outside the tolerance, and say how far."""
    bad = [row for row in rows if not _within(row, tolerance)]
    if bad:
        worst = min(bad, key=lambda row: row.mask_iou)
        raise ExportError(
            f"{what} does not answer as PyTorch does in {len(bad)} of {len(rows)} cases and was "
            f"not written; {worst.prompts} ({worst.graphs}): logits differ by {worst.logit:.2g} "
            f"standard deviations (at most {tolerance.logit:g}), masks agree by a median IoU of "
            f"{worst.mask_iou:.4f} (at least {tolerance.mask_iou:g}) and a least of "
            f"{worst.least_mask_iou:.4f} (at least {tolerance.least_mask_iou:g}), predicted IoUs "
            f"differ by {worst.score:.2g} (at most {tolerance.score:g})"
        )


def _within(row: Parity, tolerance: Tolerance) -> bool:
    """Whether a case is near enough; not-a-number never is."""
    return (
        row.logit <= tolerance.logit
        and row.mask_iou >= tolerance.mask_iou
        and row.least_mask_iou >= tolerance.least_mask_iou
        and row.score <= tolerance.score
    )


def scene() -> RGB:
    """A drawing with things to point at: (H, W, 3), the same every time."""
    rng = np.random.default_rng(0)
    height, width = SCENE_HW
    rough = rng.integers(90, 150, (height // 32, width // 32, 3)).astype(np.uint8)
    drawing = cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC)
    cv2.ellipse(drawing, (300, 300), (160, 110), 20, 0, 360, (200, 60, 50), -1)
    cv2.rectangle(drawing, (600, 150), (850, 500), (40, 90, 190), -1)
    cv2.circle(drawing, (725, 320), 60, (235, 220, 90), -1)
    cv2.fillPoly(drawing, [np.array([[200, 700], [420, 480], [560, 720]])], (60, 160, 80))
    noise = rng.integers(-8, 9, drawing.shape)
    noisy: RGB = np.clip(drawing.astype(np.int64) + noise, 0, 255).astype(np.uint8)
    return noisy


def _cases(reference: Promptable, embedding: ImageEmbedding) -> Iterator[tuple[str, Prompts]]:
    """Each kind of prompt at chosen places, which are things in the scene, and at random ones."""
    height, width = embedding.image_hw
    unit = np.array([width, height])
    things = np.array([[0.29, 0.39], [0.71, 0.42], [0.37, 0.85], [0.6, 0.3], [0.1, 0.1]]) * unit
    box = np.concatenate([unit * [0.58, 0.19], unit * [0.84, 0.66]])
    yield from _kinds("chosen", reference, embedding, things, box)
    rng = np.random.default_rng(1)
    corners = np.sort(rng.uniform(0, 1, (2, 2)), axis=0) * unit
    points = rng.uniform(0, 1, (5, 2)) * unit
    yield from _kinds("random", reference, embedding, points, corners.reshape(-1))
    yield f"random, {MANY} prompts", Prompts.of_points(rng.uniform(0, 1, (MANY, 1, 2)) * unit)
    if reference.text_width:
        text = Prompts.of_text_embeddings(rng.standard_normal((3, reference.text_width)))
        yield "random, text", text
        yield "random, text + point", text.with_points(points[:1])


def _kinds(
    places: str,
    reference: Promptable,
    embedding: ImageEmbedding,
    points: npt.NDArray[np.floating[Any]],
    box: npt.NDArray[np.floating[Any]],
) -> Iterator[tuple[str, Prompts]]:
    click = Prompts.of_points(points[:1])
    yield f"{places}, 1 point", click
    yield f"{places}, 5 points", Prompts.of_points(points, [1, 1, 0, 1, 0])
    yield f"{places}, box", Prompts.of_boxes([box])
    yield f"{places}, box + point", Prompts.of_points(points[1:2]).with_boxes([box])
    answer = reference.predict(embedding, click, False).logits[:, 0]
    yield f"{places}, mask", Prompts.of_masks(answer)
    yield f"{places}, mask + point", Prompts.of_points(points[1:2], [0]).with_masks(answer)


def _answers(
    sam: Promptable, embedding: ImageEmbedding, prompts: Prompts, single_mask: bool = False
) -> Answers:
    """Logits (P, T, h, w) and predicted IoUs (P, T) of all mask tokens, or of the one chosen."""
    if single_mask:
        masks = sam.predict(embedding, prompts).best()
        return masks.logits, masks.predicted_iou
    return sam.answer([embedding], sam.collate([embedding], [prompts]))


def _parity(graphs: str, prompts: str, expected: Answers, answers: Answers) -> Parity:
    """How far an export's answers are from PyTorch's; two empty masks are alike."""
    difference = np.abs(expected[0] - answers[0]).max()
    masks, others = expected[0] > 0, answers[0] > 0
    union = (masks | others).sum(axis=(2, 3))
    iou = np.where(union, (masks & others).sum(axis=(2, 3)) / np.maximum(union, 1), 1.0)
    return Parity(
        graphs,
        prompts,
        max_logit=float(difference),
        logit=float(difference / expected[0].std()),
        mask_iou=float(np.median(iou)),
        least_mask_iou=float(iou.min()),
        score=float(np.abs(expected[1] - answers[1]).max()),
    )
