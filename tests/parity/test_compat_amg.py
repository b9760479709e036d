"""``compat.utils.amg`` against the official functions, on small random masks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from anymask.compat.utils import amg
from anymask.errors import Error

official: Any = pytest.importorskip("segment_anything.utils.amg")


@pytest.mark.parametrize("seed", range(60))
def test_masks_become_what_they_become_officially(seed: int) -> None:
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, 9, 2)
    masks = torch.from_numpy(rng.random((3, height, width)) > rng.choice([0.2, 0.5, 0.8, 1.1, -1]))
    assert torch.equal(amg.batched_mask_to_box(masks), official.batched_mask_to_box(masks))
    encoded = amg.mask_to_rle_pytorch(masks)
    assert encoded == official.mask_to_rle_pytorch(masks)
    for runs, mask in zip(encoded, masks.numpy()):
        np.testing.assert_array_equal(amg.rle_to_mask(runs), mask)
        assert amg.coco_encode_rle(runs) == official.coco_encode_rle(runs)
        assert amg.area_from_rle(runs) == official.area_from_rle(runs)
        for mode in ("holes", "islands"):
            ours, changed = amg.remove_small_regions(mask, 3, mode)
            theirs, expected = official.remove_small_regions(mask, 3, mode)
            np.testing.assert_array_equal(ours, theirs)
            assert changed == expected


def test_grids_crops_boxes_and_stability_are_the_official_ones() -> None:
    for ours, theirs in zip(
        amg.build_all_layer_point_grids(8, 2, 2), official.build_all_layer_point_grids(8, 2, 2)
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-7)
    crops = (100, 80), 2, 512 / 1500
    assert amg.generate_crop_boxes(*crops) == official.generate_crop_boxes(*crops)
    box = torch.tensor([3, 4, 10, 20])
    assert torch.equal(amg.box_xyxy_to_xywh(box), official.box_xyxy_to_xywh(box))
    logits = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        amg.calculate_stability_score(logits, 0.0, 0.5),
        official.calculate_stability_score(logits, 0.0, 0.5),
    )


def test_a_tiny_image_has_the_official_crops_less_the_empty_ones() -> None:
    """The official code ends in an error at the first of those."""
    boxes, layers = official.generate_crop_boxes((3, 5), 2, 512 / 1500)
    filled = [i for i, (x0, y0, x1, y1) in enumerate(boxes) if x0 < x1 and y0 < y1]
    assert len(filled) < len(boxes)
    expected = [boxes[i] for i in filled], [layers[i] for i in filled]
    assert amg.generate_crop_boxes((3, 5), 2, 512 / 1500) == expected


@pytest.mark.parametrize(
    "runs", [{"size": [2, 2], "counts": [1, 2]}, {"size": [2, 2], "counts": [5, -1]}, {}]
)
def test_run_lengths_that_fill_no_mask_are_refused(runs: dict[str, Any]) -> None:
    with pytest.raises(Error, match="run lengths"):
        amg.rle_to_mask(runs)
