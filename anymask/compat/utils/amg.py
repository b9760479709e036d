"""``segment_anything.utils.amg``: what code imports from there.

Shape legend: N points, K masks, H W pixels.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from anymask.core import rle
from anymask.core.geometry import mask_boxes
from anymask.core.rle import RLE
from anymask.errors import Error, shown
from anymask.predict.automatic import crops, point_grid

Mask = npt.NDArray[np.bool_]
Runs = dict[str, Any]  # {"size": [H, W], "counts": lengths of runs, column by column}


def build_point_grid(n_per_side: int) -> npt.NDArray[np.float64]:
    """(N, 2) points in the middles of a grid over the unit square."""
    if not isinstance(n_per_side, int) or n_per_side < 1:
        raise Error(f"a grid has a whole number of points a side, not {shown(n_per_side)}")
    return point_grid(n_per_side, (1, 1)).astype(np.float64)


def build_all_layer_point_grids(
    n_per_side: int, n_layers: int, scale_per_layer: int
) -> list[npt.NDArray[np.float64]]:
    """A grid for the image and one for each layer of crops, each so many times coarser."""
    return [
        build_point_grid(int(n_per_side / scale_per_layer**layer)) for layer in range(n_layers + 1)
    ]


def generate_crop_boxes(
    im_size: tuple[int, ...], n_layers: int, overlap_ratio: float
) -> tuple[list[list[int]], list[int]]:
    """XYXY boxes of the image (H, W) and its overlapping crops, and the layer of each.

    Crops that a tiny image has no pixels for are left out.
    """
    height, width = im_size
    cuts = crops((height, width), n_layers, overlap_ratio)
    return [list(cut.box) for cut in cuts], [cut.layer for cut in cuts]


def batched_mask_to_box(masks: Tensor) -> Tensor:
    """The XYXY boxes (..., 4) of (..., H, W) masks, both corners inside; zeros if empty."""
    if not isinstance(masks, Tensor) or masks.ndim < 2:
        raise Error("batched_mask_to_box takes a tensor (..., H, W) of masks")
    if masks.numel() == 0:
        return torch.zeros(*masks.shape[:-2], 4, device=masks.device)
    boxes = torch.from_numpy(mask_boxes(masks.bool().cpu().numpy())).long()
    filled = masks.flatten(-2).any(dim=-1).cpu()
    boxes[..., 2:] -= filled[..., None].long()
    return boxes.to(masks.device)


def box_xyxy_to_xywh(box_xyxy: Tensor) -> Tensor:
    """A box (4,) of corners as corner, width and height; the first given stays as it is."""
    box_xywh = box_xyxy.clone() if isinstance(box_xyxy, Tensor) else np.copy(box_xyxy)
    if box_xywh.shape != (4,):
        raise Error(f"a box is (4,), not {tuple(box_xywh.shape)}")
    box_xywh[2:] -= box_xywh[:2]
    return box_xywh


def calculate_stability_score(
    masks: Tensor, mask_threshold: float, threshold_offset: float
) -> Tensor:
    """IoU of the masks (..., H, W) at the threshold plus and minus an offset: (...)."""
    inner = (masks > mask_threshold + threshold_offset).sum(dim=(-1, -2), dtype=torch.int32)
    outer = (masks > mask_threshold - threshold_offset).sum(dim=(-1, -2), dtype=torch.int32)
    return inner / outer


def mask_to_rle_pytorch(tensor: Tensor) -> list[Runs]:
    """Uncompressed run lengths of (K, H, W) masks."""
    if not isinstance(tensor, Tensor) or tensor.ndim != 3:
        raise Error("mask_to_rle_pytorch takes a tensor (K, H, W) of masks")
    encoded = [rle.encode(mask) for mask in tensor.bool().cpu().numpy()]
    return [{"size": one["size"], "counts": rle.runs(one)} for one in encoded]


def rle_to_mask(runs: Runs) -> Mask:
    """The (H, W) mask of uncompressed run lengths. Raises ``Error`` if they don't fill it."""
    return rle.decode(coco_encode_rle(runs))


def area_from_rle(runs: Runs) -> int:
    """Pixels of a mask, from its uncompressed run lengths."""
    return rle.area(coco_encode_rle(runs))


def coco_encode_rle(uncompressed_rle: Runs) -> RLE:
    """COCO's compressed run lengths of uncompressed ones."""
    try:
        (height, width), counts = uncompressed_rle["size"], list(uncompressed_rle["counts"])
        edges = np.cumsum(np.array(counts, np.int64))
        whole = len(edges) > 0 and min(counts) >= 0 and int(edges[-1]) == height * width
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise Error(f"not uncompressed run lengths: {error!r}") from None
    if not whole:
        raise Error(f"run lengths of a mask of {height}×{width} (H×W) do not fill it")
    starts, stops = edges[0:-1:2], edges[1::2]
    return rle.encode_runs(starts, stops, (height, width))


def remove_small_regions(mask: Mask, area_thresh: float, mode: str) -> tuple[Mask, bool]:
    """Fill ``holes`` or drop ``islands`` of fewer pixels; and whether any were.

    Of islands that all are small the largest stays, as officially.
    """
    if mode not in ("holes", "islands"):
        raise Error(f"mode must be holes or islands, not {mode!r}")
    holes = mode == "holes"
    regions = np.asarray(mask, bool) ^ holes
    _, labels, stats, _ = cv2.connectedComponentsWithStats(regions.astype(np.uint8), connectivity=8)
    sizes = stats[1:, cv2.CC_STAT_AREA]
    small = sizes < area_thresh
    if not small.any():
        return mask, False
    if holes:
        return np.asarray(mask | np.append(False, small)[labels]), True
    if small.all():
        small[int(np.argmax(sizes))] = False
    return np.append(False, ~small)[labels], True
