"""The official package as a peer, without the torchvision that it imports.

It needs five functions of torchvision; a click and an encode call two of them, to resize the image.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from PIL import Image
from torch import Tensor


def build_vit_b() -> Any:
    """The official ViT-B with random weights."""
    _stand_in_for_torchvision()
    from segment_anything import sam_model_registry

    return sam_model_registry["vit_b"]().eval()


def build_predictor(head: Mapping[str, Tensor], features: Tensor, image_hw: tuple[int, int]) -> Any:
    """The official predictor over an image that is embedded already, with our head's weights."""
    sam = build_vit_b()
    named = {k: v for k, v in head.items() if not k.startswith("image_encoder.")}
    sam.load_state_dict(named, strict=False)
    from segment_anything import SamPredictor

    predictor = SamPredictor(sam)
    predictor.features, predictor.original_size = features, image_hw
    predictor.input_size = predictor.transform.get_preprocess_shape(*image_hw, 1024)
    predictor.is_image_set = True
    return predictor


def _stand_in_for_torchvision() -> None:
    if importlib.util.find_spec("torchvision") is not None:
        return
    names = ("", ".ops", ".ops.boxes", ".transforms", ".transforms.functional")
    modules = {name: ModuleType(f"torchvision{name}") for name in names}
    for name, module in modules.items():
        sys.modules[f"torchvision{name}"] = module
    boxes: Any = modules[".ops.boxes"]
    boxes.batched_nms = boxes.box_area = None  # everything-mode's, not called here
    functional: Any = modules[".transforms.functional"]
    functional.to_pil_image = Image.fromarray
    functional.resize = lambda image, hw: image.resize(hw[::-1], Image.Resampling.BILINEAR)
