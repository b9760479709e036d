"""EfficientNet-Lite0: a small classifier of images in ImageNet's 1,000 classes (arXiv 1905.11946).

The lite kind has no squeeze and excitation, and ReLU6 in the place of swish. Its convolutions pad
as TensorFlow's do: on the right and below where a side is odd.

Shape legend: B images, C channels.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EPS = 1e-3  # of the batch norms
INPUT_PX = 224
FEATURES, CLASSES = 1280, 1000
STEM = 32
# Kernel, stride, expansion, channels of each block.
BLOCKS = (
    (3, 1, 1, 16),
    (3, 2, 6, 24),
    (3, 1, 6, 24),
    (5, 2, 6, 40),
    (5, 1, 6, 40),
    *(((3, 2, 6, 80),) + ((3, 1, 6, 80),) * 2),
    *((5, 1, 6, 112),) * 3,
    *(((5, 2, 6, 192),) + ((5, 1, 6, 192),) * 3),
    (3, 1, 6, 320),
)


class SamePadded(nn.Conv2d):
    """A convolution whose answer has the side of its input, divided by the stride, rounded up."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H', W')."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        pads = []
        for side in (x.shape[3], x.shape[2]):
            missing = max((-(-side // stride) - 1) * stride + kernel - side, 0)
            pads += [missing // 2, missing - missing // 2]
        return super().forward(F.pad(x, pads))


def _normed(conv: nn.Conv2d) -> list[nn.Module]:
    return [conv, nn.BatchNorm2d(conv.out_channels, eps=EPS)]


class Block(nn.Module):
    """An inverted residual: wider, over the neighbours, narrower."""

    def __init__(self, inputs: int, kernel: int, stride: int, expansion: int, outputs: int) -> None:
        super().__init__()
        wide = inputs * expansion
        layers: list[nn.Module] = []
        if expansion > 1:
            layers += [*_normed(nn.Conv2d(inputs, wide, 1, bias=False)), nn.ReLU6()]
        depthwise = SamePadded(wide, wide, kernel, stride, groups=wide, bias=False)
        layers += [*_normed(depthwise), nn.ReLU6()]
        layers += _normed(nn.Conv2d(wide, outputs, 1, bias=False))
        self.layers = nn.Sequential(*layers)
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H', W')."""
        out: Tensor = self.layers(x)
        return x + out if self.adds else out


class EfficientNetLite0(nn.Module):
    """(B, 3, 224, 224) RGB as (pixels - 127) / 128, to (B, 1280) features; ``head`` names them."""

    def __init__(self) -> None:
        super().__init__()
        inputs = [STEM, *(block[3] for block in BLOCKS)]
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        stem = _normed(SamePadded(3, STEM, 3, 2, bias=False))
        layers["stem"] = nn.Sequential(*stem, nn.ReLU6())
        for number, (width, block) in enumerate(zip(inputs, BLOCKS)):
            layers[f"block{number}"] = Block(width, *block)
        top = _normed(nn.Conv2d(inputs[-1], FEATURES, 1, bias=False))
        layers["top"] = nn.Sequential(*top, nn.ReLU6())
        self.layers = nn.Sequential(layers)
        self.head = nn.Linear(FEATURES, CLASSES)

    def forward(self, image: Tensor) -> Tensor:
        features: Tensor = self.layers(image).mean(dim=(2, 3))
        return features

    def logits(self, features: Tensor) -> Tensor:
        """(B, 1280) features to (B, 1000) logits of the classes."""
        named: Tensor = self.head(features)
        return named

    def probabilities(self, features: Tensor) -> Tensor:
        """(B, 1280) features to (B, 1000) shares that sum to 1."""
        return torch.softmax(self.logits(features), dim=1)
