"""Windows and bands: a grid cut into squares for attention, or into rows, and joined again.

Shape legend: B images, C channels, h w grid, s window side, n windows of one image.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


def split_windows(x: Tensor, side: int, fill: Tensor) -> Tensor:
    """Cut (B, h, w, C) into square windows (B·n, s·s, C).

    Where the grid is no multiple of ``side`` it grows at the bottom and the right by tokens that
    all equal ``fill`` (C,). Callers cut *after* the projection to queries, keys and values, so the
    padding costs no matrix product: every padded token has the same projection.
    """
    b, h, w, c = x.shape
    rows, columns = -(-h // side), -(-w // side)
    # Joined, not written into an empty tensor: exported graphs have no cheap way to do the latter.
    if columns * side != w:
        x = torch.cat([x, fill.expand(b, h, columns * side - w, c)], dim=2)
    if rows * side != h:
        x = torch.cat([x, fill.expand(b, rows * side - h, columns * side, c)], dim=1)
    x = x.view(b, rows, side, columns, side, c).transpose(2, 3)
    return x.reshape(b * rows * columns, side * side, c)


def join_windows(x: Tensor, side: int, hw: tuple[int, int]) -> Tensor:
    """Put windows (B·n, s·s, C) back into a grid (B, h, w, C), dropping what was padding."""
    h, w = hw
    rows, columns = -(-h // side), -(-w // side)
    x = x.view(-1, rows, columns, side, side, x.shape[-1]).transpose(2, 3)
    return x.reshape(-1, rows * side, columns * side, x.shape[-1])[:, :h, :w]


class AlikeRows(NamedTuple):
    """Rows ``first`` to before ``end`` of a map: each is as the one ``period`` rows below it, if
    that is one of them, too.

    So are rows of padding, and what layers make of them, but for a border above and below.
    """

    first: int
    end: int
    period: int = 1

    @classmethod
    def at_the_bottom(cls, image: Tensor) -> AlikeRows:
        """The rows of (B, C, H, W) that equal the last one, up from there."""
        others = (image != image[:, :, -1:]).any(dim=3).any(dim=1).any(dim=0).nonzero()
        return cls(int(others[-1]) + 1 if len(others) else 0, image.shape[2])

    def near(self, stride: int = 1) -> AlikeRows:
        """After a 3×3 convolution with a row of zeros on each side."""
        first, end = -(-(self.first + 1) // stride), (self.end - 2) // stride + 1
        return AlikeRows(first, end, self.period)

    def in_windows(self, side: int) -> AlikeRows:
        """After attention in windows: rows repeat with them."""
        first, end = -(-self.first // side) * side, self.end // side * side
        return AlikeRows(first, end, math.lcm(self.period, side))

    def copied(self, height: int) -> tuple[int, int]:
        """The first row that can be copied, and the first after those, of a map of a height."""
        first = self.first + self.period
        return (first, self.end) if first < self.end else (height, height)


NONE_ALIKE = AlikeRows(0, 0)


def in_bands(
    layer: Callable[[Tensor], Tensor],
    x: Tensor,
    rows: int,
    stride: int = 1,
    halo: int = 0,
    alike: AlikeRows = NONE_ALIKE,
) -> Tensor:
    """Apply a local layer to ``rows`` output rows at a time, so that all between stays in cache.

    ``stride`` input rows make one output row, and an output row depends on nothing further away
    than ``halo`` output rows: those are computed along and dropped. Gives what ``layer(x)`` gives,
    the image's own border staying the border; ``rows`` 0 is ``layer(x)``. alike: output rows of
    which those that others repeat are copied.
    """
    height = x.shape[2] // stride
    if rows == 0 or rows >= height:
        return layer(x)

    def bands(start: int, end: int) -> list[Tensor]:
        parts = []
        for top in range(start, end, rows):
            bottom = min(top + rows, end)
            first, last = max(top - halo, 0), min(bottom + halo, height)
            band = layer(x[:, :, first * stride : last * stride])
            parts.append(band[:, :, top - first : bottom - first])
        return parts

    copied, end = alike.copied(height)
    above = bands(0, copied)
    if copied == end:
        return torch.cat(above, dim=2)
    last = torch.cat(above[-1 - alike.period // rows - 1 :], dim=2)[:, :, -alike.period :]
    times = -(-(end - copied) // alike.period)
    copies = last.permute(0, 2, 3, 1).repeat(1, times, 1, 1)[:, : end - copied].permute(0, 3, 1, 2)
    return torch.cat([*above, copies, *bands(end, height)], dim=2)
