"""Everything in an image: a grid of points, three masks each, the filters of the paper (§4, §B).

Works with any ``core.protocol.Segmenter``. One that has ``candidates`` is asked for those masks
only that its own scores let pass, which saves most of the work on the others.

Shape legend: N points, K candidates, h w low-resolution grid, H W pixels of the image or the crop.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from itertools import product
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from anymask.core import rle
from anymask.core.annotations import Annotation, Annotations
from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import Floats, mask_boxes, nms
from anymask.core.image import RGB, ImageSource, read_image
from anymask.core.mask_runs import MaskRuns, runs_and_stability
from anymask.core.prompts import Prompts
from anymask.core.protocol import Segmenter, at_first_sight
from anymask.core.regions.small_regions import remove_small_regions
from anymask.errors import Error, shown

LARGEST_SETTING = 1e9  # more pixels, points or logits than there are
CROP_EDGE_PX = 20.0  # a box this near to a crop's border was probably cut by it
UnitPoints = npt.NDArray[np.float64]
Box = tuple[float, float, float, float]


def _is_setting(value: Any, infinite: bool) -> bool:
    """Whether it is a number; an infinite threshold lets all masks pass, or none."""
    if not isinstance(value, (int, float, np.integer, np.floating)):
        return False
    return bool(
        -LARGEST_SETTING <= value <= LARGEST_SETTING
        or (infinite and value in (math.inf, -math.inf))
    )


@dataclass(frozen=True)
class AutomaticConfig:
    """What to ask and what to keep, under the names of the official ``SamAutomaticMaskGenerator``.

    points_per_side: of the grid over the whole image.
    points_per_batch: how many a segmenter without ``candidates`` is asked at once.
    pred_iou_thresh, stability_score_thresh: masks below are dropped (§B, filtering).
    stability_score_offset: how far the threshold moves to measure stability.
    box_nms_thresh, crop_nms_thresh: IoU of boxes above which the lesser of two masks of a crop, or
        of different crops, is a duplicate.
    crop_n_layers: layer i cuts the image into 2^i × 2^i overlapping crops.
    crop_overlap_ratio: of the first layer's crops, relative to the shorter side.
    crop_n_points_downscale_factor: how much fewer points a side each layer has.
    min_mask_region_area: islands and holes smaller than that many pixels are removed or filled.
    max_mask_fraction: masks over a larger share of the image are dropped.
    point_grids: for each layer (N, 2) points in the unit square, instead of regular grids.
    fast: a first look tells which points deserve an exact answer (``predict.first_look``): about a
        third of the time for all but a few of the masks.
    """

    points_per_side: int = 32
    points_per_batch: int = 64
    pred_iou_thresh: float = 0.88
    stability_score_thresh: float = 0.95
    stability_score_offset: float = 1.0
    box_nms_thresh: float = 0.7
    crop_n_layers: int = 0
    crop_nms_thresh: float = 0.7
    crop_overlap_ratio: float = 512 / 1500
    crop_n_points_downscale_factor: int = 1
    min_mask_region_area: int = 0
    max_mask_fraction: float = 1.0
    point_grids: tuple[UnitPoints, ...] | None = None
    fast: bool = False

    def __post_init__(self) -> None:
        self._check_numbers()
        if self.points_per_side < 1 or self.points_per_batch < 1:
            raise Error("points_per_side and points_per_batch must be 1 or more")
        if self.crop_n_layers < 0 or self.crop_n_points_downscale_factor < 1:
            raise Error("crop_n_layers must not be negative, its downscale factor 1 or more")
        if self.point_grids is not None and len(self.point_grids) != self.crop_n_layers + 1:
            raise Error(f"crop_n_layers {self.crop_n_layers} needs a point grid more than layers")
        if self.point_grids is not None:
            object.__setattr__(self, "point_grids", tuple(map(_unit_points, self.point_grids)))

    def __repr__(self) -> str:
        changed = {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name != "point_grids" and getattr(self, field.name) != field.default
        }
        said = [f"{name}={value!r}" for name, value in changed.items()]
        if self.point_grids is not None:
            said.append(f"point_grids of {', '.join(str(len(x)) for x in self.point_grids)} points")
        return f"AutomaticConfig({', '.join(said)})"

    def _check_numbers(self) -> None:
        for field in fields(self):
            value, kind = getattr(self, field.name), type(field.default)
            if kind is int and not isinstance(value, (int, np.integer)):
                raise Error(f"{field.name} must be a whole number, not {shown(value)}")
            if kind in (int, float) and not _is_setting(value, field.name.endswith("_thresh")):
                raise Error(f"{field.name} must be a number, not {shown(value)}")

    def points(self, layer: int, hw: tuple[int, int]) -> Floats:
        """(N, 2) XY points to ask about in a crop of (H, W) pixels of a layer."""
        if self.point_grids is not None:
            return np.asarray(self.point_grids[layer] * [hw[1], hw[0]], np.float32)
        per_side = self.points_per_side // self.crop_n_points_downscale_factor**layer
        return point_grid(max(1, per_side), hw)


OFFICIAL = AutomaticConfig()
PAPER = AutomaticConfig(
    crop_n_layers=2,
    crop_n_points_downscale_factor=2,
    min_mask_region_area=100,
    max_mask_fraction=0.95,
)


@dataclass(frozen=True)
class Candidate:
    """A mask that a point got, sure and stable enough: which point, and the mask at full size."""

    point: int
    predicted_iou: float
    stability_score: float
    runs: MaskRuns


@runtime_checkable
class CandidateSource(Protocol):
    """A segmenter that can leave out masks by their predicted IoU before it computes them."""

    def candidates(
        self, embedding: ImageEmbedding, points: Floats, config: AutomaticConfig
    ) -> Iterator[Candidate]:
        """The masks that (N, 2) points get, of enough predicted IoU and stability by ``config``.

        Point by point; with ``config.fast`` near duplicates may be missing.
        """
        ...


@dataclass(frozen=True)
class Crop:
    """A part of the image that is looked at by itself; layer 0 is the whole."""

    box: tuple[int, int, int, int]
    layer: int


@dataclass(frozen=True)
class KeptMask:
    """A mask that passed, as run lengths of the whole image.

    box: XYXY whose corners both lie inside, as the official code counts.
    """

    segmentation: rle.RLE
    box: Box
    predicted_iou: float
    stability_score: float
    point: tuple[float, float]
    crop: Crop


def suggested(sam: Segmenter, config: AutomaticConfig = OFFICIAL) -> AutomaticConfig:
    """Settings with the thresholds that the model's training found, if it found some."""
    return replace(config, **dict[str, Any](sam.everything))


def segment_everything(
    sam: Segmenter, image: ImageSource, config: AutomaticConfig | None = None
) -> Annotations:
    """All masks in an image, as SA-1B annotations, most confident first within a crop.

    config: None for the official settings, with what the model's training ``suggested``.

    Memory does not grow with the number of masks times the size of the image: each becomes run
    lengths before the next is made full-size. Raises ``ImageError``.
    """
    if not callable(getattr(sam, "predict", None)):
        raise Error(
            f"segment_everything takes a model first, such as anymask.load(), not {shown(sam)}"
        )
    pixels = read_image(image)
    config = suggested(sam) if config is None else config
    if not isinstance(config, AutomaticConfig):
        raise Error(f"config is an AutomaticConfig, not {shown(config)}")
    hw = (pixels.shape[0], pixels.shape[1])
    kept: list[KeptMask] = []
    cuts = crops(hw, config.crop_n_layers, config.crop_overlap_ratio)
    for crop in cuts:
        in_crop = list(_in_crop(sam, pixels, crop, config))
        kept += _without_duplicates(in_crop, config.box_nms_thresh)
    if len(cuts) > 1:
        kept = _nearest_first(kept, config.crop_nms_thresh)
    if config.min_mask_region_area > 0:
        kept = _without_small_regions(kept, config)
    annotations = (_annotation(number, mask) for number, mask in enumerate(kept))
    return Annotations(annotations, hw)


def crops(image_hw: tuple[int, int], layers: int, overlap_ratio: float) -> list[Crop]:
    """The whole image, and overlapping crops of 2^i a side for each further layer i (§B).

    In a tiny image some would begin beyond its border: they are left out.
    """
    height, width = image_hw
    cuts = [Crop((0, 0, width, height), 0)]
    for layer in range(1, layers + 1):
        per_side = 2**layer
        overlap = int(overlap_ratio * min(image_hw) * (2 / per_side))
        w, h = (math.ceil((overlap * (per_side - 1) + side) / per_side) for side in (width, height))
        lefts, tops = ([(side - overlap) * i for i in range(per_side)] for side in (w, h))
        cuts += [
            Crop((x, y, min(x + w, width), min(y + h, height)), layer)
            for x, y in product(lefts, tops)
            if x < width and y < height
        ]
    return cuts


def point_grid(per_side: int, hw: tuple[int, int]) -> Floats:
    """(per_side², 2) XY points in the middles of a grid over an image of (H, W)."""
    middles = (np.arange(per_side) + 0.5) / per_side
    x, y = np.meshgrid(middles, middles)
    return (np.stack([x, y], axis=-1).reshape(-1, 2) * [hw[1], hw[0]]).astype(np.float32)


def _unit_points(grid: npt.ArrayLike) -> UnitPoints:
    """(N, 2) points in the unit square as an array. Raises ``Error`` for anything else."""
    try:
        points = np.asarray(grid, np.float64)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        raise Error("each of point_grids must be (N, 2) numbers") from None
    if points.ndim != 2 or points.shape[1] != 2 or len(points) == 0:
        raise Error(f"each of point_grids must be (N, 2) points, not {points.shape}")
    if not ((points >= 0) & (points <= 1)).all():
        raise Error("point_grids are points in the unit square: X and Y from 0 to 1")
    return points


def _in_crop(
    sam: Segmenter, pixels: RGB, crop: Crop, config: AutomaticConfig
) -> Iterator[KeptMask]:
    """The masks of one crop that pass every filter but the search for duplicates."""
    x0, y0, x1, y1 = crop.box
    embedding = sam.encode(pixels[y0:y1, x0:x1])
    points = config.points(crop.layer, embedding.image_hw)
    image_hw = (pixels.shape[0], pixels.shape[1])
    for candidate in _candidates(sam, embedding, points, config):
        x, y = points[candidate.point].tolist()
        point = (x + x0, y + y0)
        mask = _examined(candidate, point, crop, image_hw, config)
        if mask is not None:
            yield mask


def _candidates(
    sam: Segmenter, embedding: ImageEmbedding, points: Floats, config: AutomaticConfig
) -> Iterator[Candidate]:
    if isinstance(sam, CandidateSource):
        yield from sam.candidates(embedding, points, config)
        return
    if config.fast:
        raise Error("the fast mode needs a segmenter that gives candidates, such as anymask.load's")
    asked = at_first_sight(sam)  # which is what the thresholds are about
    for first in range(0, len(points), config.points_per_batch):
        batch = points[first : first + config.points_per_batch]
        masks = asked.predict(embedding, Prompts.of_points(batch[:, None]), multimask_output=True)
        for row, column in np.argwhere(masks.predicted_iou > config.pred_iou_thresh):
            runs, stability = runs_and_stability(
                masks.logits[row, column], embedding.resize_map, config.stability_score_offset
            )
            if stability >= config.stability_score_thresh:
                predicted_iou = float(masks.predicted_iou[row, column])
                yield Candidate(first + int(row), predicted_iou, stability, runs)


def _examined(
    candidate: Candidate,
    point: tuple[float, float],
    crop: Crop,
    image_hw: tuple[int, int],
    config: AutomaticConfig,
) -> KeptMask | None:
    """The candidate in the whole image, if it is no cut-off part and not nearly everything."""
    height, width = image_hw
    runs = candidate.runs.within(*crop.box[:2], image_hw)
    if runs.area() > config.max_mask_fraction * height * width:
        return None
    box = _inclusive(runs.box_xyxy(), crop)
    if _cut_off(np.array(box), crop, image_hw):
        return None
    return KeptMask(
        runs.to_rle(), box, candidate.predicted_iou, candidate.stability_score, point, crop
    )


def _inclusive(box_xyxy: Floats, crop: Crop) -> Box:
    """Of an empty mask the official code has a box at the crop's corner."""
    box = box_xyxy - [0, 0, 1, 1] if box_xyxy.any() else np.tile(crop.box[:2], 2)
    x0, y0, x1, y1 = box.tolist()
    return x0, y0, x1, y1


def _cut_off(box: npt.NDArray[np.floating], crop: Crop, image_hw: tuple[int, int]) -> bool:
    """Whether a box ends at a border of the crop that is no border of the image."""
    at_crop = np.abs(box - np.array(crop.box)) <= CROP_EDGE_PX
    at_image = np.abs(box - np.array([0, 0, image_hw[1], image_hw[0]])) <= CROP_EDGE_PX
    return bool((at_crop & ~at_image).any())


def _without_duplicates(masks: list[KeptMask], threshold: float) -> list[KeptMask]:
    """Of masks whose boxes overlap by more than ``threshold``, the one with the best IoU."""
    scores = np.array([mask.predicted_iou for mask in masks])
    return [masks[i] for i in nms(_boxes(masks), scores, threshold)]


def _nearest_first(masks: list[KeptMask], threshold: float) -> list[KeptMask]:
    """Of masks of different crops, the one whose crop zoomed in further."""
    corners = np.array([mask.crop.box for mask in masks], np.float64).reshape(-1, 4)
    areas = (corners[:, 2:] - corners[:, :2]).prod(axis=1)
    return [masks[i] for i in nms(_boxes(masks), 1 / areas, threshold)]


def _without_small_regions(masks: list[KeptMask], config: AutomaticConfig) -> list[KeptMask]:
    """Clean every mask, drop those of which nothing remains, prefer unchanged among duplicates."""
    cleaned, unchanged = [], []
    for mask in masks:
        pixels = rle.decode(mask.segmentation)
        clean = remove_small_regions(pixels, config.min_mask_region_area)
        if not clean.any():
            continue
        same = bool((clean == pixels).all())
        if not same:
            x0, y0, x1, y1 = (mask_boxes(clean) - [0, 0, 1, 1]).tolist()
            mask = replace(mask, segmentation=rle.encode(clean), box=(x0, y0, x1, y1))
        cleaned.append(mask)
        unchanged.append(same)
    threshold = max(config.box_nms_thresh, config.crop_nms_thresh)
    kept = nms(_boxes(cleaned), np.array(unchanged, np.float64), threshold)
    return [cleaned[i] for i in kept]


def _boxes(masks: list[KeptMask]) -> Floats:
    return np.array([mask.box for mask in masks], np.float32).reshape(-1, 4)


def _annotation(number: int, mask: KeptMask) -> Annotation:
    left, top, right, bottom = mask.crop.box
    return Annotation(
        id=number,
        segmentation=mask.segmentation,
        bbox=rle.bbox_xywh(mask.segmentation),
        area=rle.area(mask.segmentation),
        predicted_iou=mask.predicted_iou,
        stability_score=mask.stability_score,
        crop_box=[float(left), float(top), float(right - left), float(bottom - top)],
        point_coords=[list(mask.point)],
    )
