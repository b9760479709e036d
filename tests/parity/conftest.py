"""The peers: the official package, importable without torchvision, and tiny random twins."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from torch import Tensor

if TYPE_CHECKING:
    from tests.parity.twins import Twin


def to_pil_image(pixels: npt.NDArray[np.uint8]) -> Image.Image:
    """As ``torchvision.transforms.functional.to_pil_image`` does for (H, W, 3) uint8."""
    return Image.fromarray(pixels)


def resize(image: Image.Image, size_hw: tuple[int, int]) -> Image.Image:
    """As ``torchvision.transforms.functional.resize`` does for a PIL image by default."""
    height, width = size_hw
    return image.resize((width, height), Image.Resampling.BILINEAR)


def box_area(boxes: Tensor) -> Tensor:
    """As ``torchvision.ops.boxes.box_area``: (N, 4) XYXY to (N,)."""
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def batched_nms(boxes: Tensor, scores: Tensor, idxs: Tensor, iou_threshold: float) -> Tensor:
    """As ``torchvision.ops.boxes.batched_nms``: the boxes kept, best first."""
    kept: list[int] = []
    for i in scores.argsort(descending=True, stable=True).tolist():
        rivals = [k for k in kept if idxs[k] == idxs[i]]
        if not (_iou(boxes[i], boxes[rivals]) > iou_threshold).any():
            kept.append(i)
    return torch.tensor(kept, dtype=torch.long)


def _iou(box: Tensor, others: Tensor) -> Tensor:
    low, high = torch.maximum(box[:2], others[:, :2]), torch.minimum(box[2:], others[:, 2:])
    shared = (high - low).clamp(min=0).prod(dim=1)
    return shared / (box_area(box[None]) + box_area(others) - shared)


def _stand_ins() -> dict[str, ModuleType]:
    """The part of torchvision that the official package imports, by module."""
    parts: dict[str, dict[str, Any]] = {
        "torchvision": {},
        "torchvision.ops": {},
        "torchvision.ops.boxes": {"batched_nms": batched_nms, "box_area": box_area},
        "torchvision.transforms": {},
        "torchvision.transforms.functional": {"resize": resize, "to_pil_image": to_pil_image},
    }
    modules = {}
    for name, functions in parts.items():
        modules[name] = ModuleType(name)
        vars(modules[name]).update(functions)
    return modules


@contextmanager
def _some_torchvision() -> Iterator[None]:
    """Stand-ins while the official package is imported, unless torchvision itself is here.

    They leave again: other libraries look for torchvision to learn what they can do.
    """
    if importlib.util.find_spec("torchvision") is not None:
        yield
        return
    stand_ins = _stand_ins()
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        for name in stand_ins:
            del sys.modules[name]


# Once imported it stays so: test modules find it, or skip by ``pytest.importorskip``.
with _some_torchvision(), suppress(ImportError):
    importlib.import_module("segment_anything")


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Threads that wait for one another cost a busy machine ten times what they gain."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session", params=["depth 2", "depth 3", "large window"])
def twin(request: pytest.FixtureRequest) -> Twin:
    """An official model and ours with its weights, in several sizes."""
    from tests.parity.twins import SIZES, official_twin

    return official_twin(SIZES[request.param])


@pytest.fixture(scope="session")
def small_twin() -> Twin:
    """The same in one size, where another would show nothing new."""
    from tests.parity.twins import SIZES, official_twin

    return official_twin(SIZES["depth 2"])
