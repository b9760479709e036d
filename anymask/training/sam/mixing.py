"""Mixing: weights between those before and those after a training.

On images of other kinds than were learned from, a model between the two often holds better than
either (Wortsman et al., arXiv 2109.01903).
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor


def mixed(old: Mapping[str, Tensor], new: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """old + share · (new - old) of every tensor that both have; others, and counts, are the new's.

    share: 0 gives the old tensors, 1 the new ones, exactly.
    """
    if share == 1:
        return dict(new)
    return {
        name: old[name].to(tensor).lerp(tensor, share)
        if name in old and tensor.is_floating_point()
        else tensor
        for name, tensor in new.items()
    }
