"""The official package as a peer, without the torchvision that it imports.

It needs a few functions of torchvision: to resize an image, and for everything-mode's boxes.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from anymask.core.geometry import nms


def build(name: str) -> Any:
    """The official ``vit_b``, ``vit_l`` or ``vit_h`` with random weights."""
    _stand_in_for_torchvision()
    from segment_anything import sam_model_registry

    return sam_model_registry[name]().eval()


def build_predictor(head: Mapping[str, Tensor], features: Tensor, image_hw: tuple[int, int]) -> Any:
    """The official predictor over an image that is embedded already, with our head's weights."""
    sam = _with_head(head)
    from segment_anything import SamPredictor

    predictor = SamPredictor(sam)
    predictor.features, predictor.original_size = features, image_hw
    predictor.input_size = predictor.transform.get_preprocess_shape(*image_hw, 1024)
    predictor.is_image_set = True
    return predictor


def build_generator(sam: Any) -> Any:
    """The official generator, default settings, with the weights of one of our predictors.

    The official code knows no TinyViT: the image goes through our encoder, on both sides.
    """
    theirs = _with_head(sam.model.state_dict())
    theirs.image_encoder = _Encoder(sam.model.image_encoder, sam.input_px)
    from segment_anything import SamAutomaticMaskGenerator

    return SamAutomaticMaskGenerator(theirs.to(sam.device), output_mode="coco_rle")


def _with_head(head: Mapping[str, Tensor]) -> Any:
    """The official ViT-B with the weights of a prompt encoder and a mask decoder."""
    sam = build("vit_b")
    named = {k: v for k, v in head.items() if not k.startswith("image_encoder.")}
    sam.load_state_dict(named, strict=False)
    return sam


class _Encoder(nn.Module):
    def __init__(self, encoder: nn.Module, img_size: int) -> None:
        super().__init__()
        self.encoder, self.img_size = encoder, img_size

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.encoder(x)
        return out


def _batched_nms(boxes: Tensor, scores: Tensor, idxs: Tensor, iou_threshold: float) -> Tensor:
    assert not idxs.any(), "the official generator puts all boxes in one group"
    return torch.tensor(nms(boxes.numpy(), scores.numpy(), iou_threshold), dtype=torch.long)


def _box_area(boxes: Tensor) -> Tensor:
    return (boxes[:, 2:] - boxes[:, :2]).prod(dim=1)


def _stand_in_for_torchvision() -> None:
    if importlib.util.find_spec("torchvision") is not None:
        return
    names = ("", ".ops", ".ops.boxes", ".transforms", ".transforms.functional")
    modules = {name: ModuleType(f"torchvision{name}") for name in names}
    for name, module in modules.items():
        sys.modules[f"torchvision{name}"] = module
    boxes: Any = modules[".ops.boxes"]
    boxes.batched_nms, boxes.box_area = _batched_nms, _box_area
    functional: Any = modules[".transforms.functional"]
    functional.to_pil_image = Image.fromarray
    functional.resize = lambda image, hw: image.resize(hw[::-1], Image.Resampling.BILINEAR)
