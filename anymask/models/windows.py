"""Windows: a grid of tokens cut into squares for window attention, and joined again.

Shape legend: B images, C channels, h w grid, s window side, n windows of one image.
"""

from __future__ import annotations

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
