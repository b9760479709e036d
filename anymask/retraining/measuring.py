"""Measuring: what models are worth on images that none of them learned from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import numpy.typing as npt
from torch import Tensor

from anymask.core import rle
from anymask.core.calibration import OFFICIAL_THRESHOLDS, found_share
from anymask.core.detecting.figures import JudgedImage, box_figures
from anymask.core.detecting.matching import right_ones
from anymask.core.detecting.wanted_precision import PreciseThreshold, threshold_for
from anymask.core.detecting.worth import Fits, fits_of
from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import xywh_to_xyxy
from anymask.datasets.sample import Dataset, Sample
from anymask.errors import Error, ImageError
from anymask.evaluation.measures.bootstrap import Bootstrap
from anymask.predict.detector import Detector
from anymask.predict.promptable import Promptable
from anymask.predict.sure_masks import sure_masks
from anymask.training.frozen.embeddings import Embeddings
from anymask.training.sam.recipes import finetune_decoder
from anymask.training.sam.scenes import Scene, framing_of
from anymask.training.sam.validation import first_click_ious, validate
from anymask.weights.checkpoint import Checkpoint

MOST_IMAGES, MOST_MASKS = 200, 16  # that are measured with; of an image
AT_ONCE = 16  # prompts
FIRST_CLICKS = 8  # on each object: there are few, and chance decides much of what one is worth
GOOD_IOU = 0.75  # with a truth, for a wanted precision
LOWER_PRECISIONS = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)


@dataclass(frozen=True, eq=False)
class Measured:
    """What a model is worth on images that it has not learned from.

    figures: ``miou_1`` to ``miou_3``, the first of ``FIRST_CLICKS`` different first clicks on each
    object, and ``miou_clicks``, their mean; ``found``, the share of objects that a mask for a click
    anywhere on them finds and everything-mode's thresholds keep; ``calibration_error`` of predicted
    IoUs; ``objects``.
    thresholds: that suit everything-mode with it. clicked: (P,), each object's mean IoU over its
    first clicks; images: (P,), which image it is in.
    """

    figures: dict[str, float]
    thresholds: dict[str, float]
    clicked: Sequence[float] = ()
    images: Sequence[int] = ()

    def gain(self, old: Measured) -> dict[str, float]:
        """How much more one click is worth than with an old model, and where that may lie.

        ``mean``, ``low`` and ``high``, with 95 % confidence, over images; empty where there are too
        few to tell.
        """
        more = np.subtract(self.clicked, old.clicked)
        try:
            return asdict(Bootstrap().mean(more, self.images))
        except Error:
            return {}


def sam_measured(
    checkpoint: Checkpoint, held_out: Dataset, embeddings: Embeddings, at_least: float | None = None
) -> Measured:
    """What a model is worth; all models are asked the same of the same objects.

    at_least: the share of objects that the thresholds have to leave; None: they are those that the
    checkpoint has. Raises ``Error`` where nothing can be measured with.
    """
    model, scenes = checkpoint.build_sam(), _scenes(checkpoint, held_out)
    features = _features(embeddings)
    validation = validate(model, scenes, features, prompts_per_pass=AT_ONCE)
    ious = [first_click_ious(model, features([one]), one.objects, FIRST_CLICKS) for one in scenes]
    thresholds = {**OFFICIAL_THRESHOLDS, **checkpoint.everything}
    if at_least is not None:
        thresholds = {**OFFICIAL_THRESHOLDS, **validation.everything(at_least)}
    masks = validation.predicted_iou, validation.stability, validation.actual_iou
    clicked = np.concatenate(ious).mean(axis=1)
    figures = {
        **{f"miou_{clicks}": iou for clicks, iou in enumerate(validation.miou, start=1)},
        "miou_1": float(clicked.mean()),
        "miou_clicks": float(np.mean([clicked.mean(), *validation.miou[1:]])),
        "found": found_share(*masks, thresholds),
        "calibration_error": validation.calibration_error,
        "objects": float(len(validation.predicted_iou)),
    }
    images = [number for number, one in enumerate(scenes) for _ in range(len(one.objects))]
    return Measured(figures, thresholds, clicked.tolist(), images)


EmbeddingOf = Callable[[Sample], ImageEmbedding]


def detector_figures(
    detector: Detector, held_out: Dataset, embedding_of: EmbeddingOf
) -> dict[str, float]:
    """Box AP and AR of a detector on held-out images (``box_figures``)."""
    return box_figures([_judged(detector, sample, embedding_of) for sample in _samples(held_out)])


@dataclass(frozen=True, eq=False)
class JudgedSuggestions:
    """What would be suggested in held-out images: scores (N,), and how each fits (``fits_of``).

    is_good: (N,) bool, by an IoU of ``GOOD_IOU`` with a mask of its own.
    """

    scores: npt.NDArray[np.float64]
    fits: Fits
    is_good: npt.NDArray[np.bool_]


def judged_suggestions(
    sam: Promptable, detector: Detector, held_out: Dataset, embedding_of: EmbeddingOf
) -> JudgedSuggestions:
    """Judge what ``sure_masks`` finds by the masks that are there."""
    scores: list[float] = []
    fits: list[int] = []
    good: list[bool] = []
    for sample in _samples(held_out):
        sure = sure_masks(sam, embedding_of(sample), detector)
        truths = [mask for mask, is_object in zip(sample.masks, sample.is_object) if is_object]
        iou = rle.iou([one["segmentation"] for one in sure.annotations], truths)
        scores += sure.scores.tolist()
        fits += fits_of(iou).tolist()
        good += right_ones(iou, GOOD_IOU).tolist()
    return JudgedSuggestions(np.array(scores), np.array(fits, np.int64), np.array(good, bool))


def precise_threshold(judged: JudgedSuggestions, precision: float) -> PreciseThreshold:
    """The threshold for a wanted precision of suggested masks, or for the next lower one.

    Raises ``Error`` where none is precise at all.
    """
    lower = [wanted for wanted in LOWER_PRECISIONS if wanted < precision]
    for wanted in (precision, *lower):
        try:
            return threshold_for(judged.scores, judged.is_good, wanted)
        except Error as error:
            reason = error
    raise reason


def same_encoder(one: Checkpoint, other: Checkpoint) -> bool:
    """Whether two models make the same embeddings of every image."""
    mine, theirs = (_encoder(checkpoint) for checkpoint in (one, other))
    is_alike = mine.keys() == theirs.keys() and one.sam_config.encoder == other.sam_config.encoder
    return is_alike and all(
        tensor.shape == theirs[name].shape and bool((tensor == theirs[name]).all())
        for name, tensor in mine.items()
    )


def _encoder(checkpoint: Checkpoint) -> Mapping[str, Tensor]:
    return {k: v for k, v in checkpoint.state.items() if k.startswith("image_encoder.")}


def _scenes(checkpoint: Checkpoint, held_out: Dataset) -> list[Scene]:
    """The objects to ask about, the same for each model of this size of input."""
    recipe = replace(
        finetune_decoder(), images_per_pass=1, masks_per_pass=MOST_MASKS, oversample_manual=1.0
    )
    framing = framing_of(checkpoint.sam_config, recipe)
    scenes = []
    for number, sample in enumerate(_samples(held_out)):
        try:
            scenes.append(framing.scene(sample, np.random.default_rng([0, number])))
        except ImageError:  # its masks are too small to be seen by any model
            continue
    if not scenes:
        raise Error("the images that are held out have no mask that is large enough to be seen")
    return scenes


def _judged(detector: Detector, sample: Sample, embedding_of: EmbeddingOf) -> JudgedImage:
    boxes, scores = detector.detect(embedding_of(sample))
    truths = np.array([rle.bbox_xywh(mask) for mask in sample.masks]).reshape(-1, 4)
    areas = np.array([rle.area(mask) for mask in sample.masks])
    return JudgedImage(boxes, scores, xywh_to_xyxy(truths), areas, ~np.array(sample.is_object))


def _samples(held_out: Dataset) -> Iterator[Sample]:
    for part in held_out.drawn(MOST_IMAGES, 0).parts:
        yield from (sample for sample in part.samples() if isinstance(sample, Sample))


def _features(embeddings: Embeddings) -> Callable[[Sequence[Scene]], Tensor]:
    def features(scenes: Sequence[Scene]) -> Tensor:
        (scene,) = scenes
        return embeddings.of(scene.sample)

    return features
