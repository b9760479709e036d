"""What few rows compute at every position of an image: all that grows with the image.

``OfPositions`` says what that is, ``ByTorch`` computes it. A ``Compiled`` twin may take its place
and the upscaling's (docs/adr/0027): the same numbers up to rounding, without arrays of all
positions in between.

Shape legend: P prompts, T tokens, L image positions, H heads, D head width, K = H·T rows that a
layer tells, N rows told so far, M masks, C channels of the upscaling's norm, F features of a pixel.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

INTERFACE = 1  # of ``Compiled``: what is compiled says which it has
BLOCK = 6000  # positions of all prompts that are computed at once: what the caches hold


class Told(NamedTuple):
    """The rows that an image is told, as those get them who ask it.

    pull: (P, K, N), what is asked of rows. steps: (P, N, L), how much of a row a position takes, by
    ``deviation`` (P, L), which the sum is divided by. where: (H, D, L), asked besides, undivided.
    """

    pull: Tensor
    steps: Tensor
    deviation: Tensor
    where: Tensor


class OfPositions(Protocol):
    """The image's side of the two attentions and of the norm between them."""

    def see(
        self,
        asked: Tensor,
        keys: Tensor,
        values: Tensor,
        told: Told | None,
        log_weight: Tensor | None,
    ) -> tuple[Tensor, Tensor | None]:
        """Tokens ask the image: softmax over its positions.

        asked: (P, H, T, D); keys, values: (H, D, L); told: None before anything is;
        log_weight: (L,) or None, added to scores.
        Gives what is seen of values (P, H, T, D) and of steps (P, K, N).
        """

    def tell(
        self,
        asked: Tensor,
        queries: Tensor,
        told: Told | None,
        always: Tensor | None,
        bias: Tensor | None,
        steps: Tensor,
    ) -> None:
        """Positions ask the tokens: softmax over these, by ``told.deviation``, into ``steps``.

        asked: (P, H, T, D), keys; queries: (H, D, L); always: (P, H, T) or None, and bias: (P, T)
        or None, added to scores; steps: (P, K, L).
        """

    def measure(
        self, asked: Tensor, own: Tensor, among: Tensor, steps: Tensor, total: Tensor
    ) -> None:
        """Add to squares ``total`` (P, L) what the first K steps come to with the rest.

        asked: (P, H, T, D), of own (H, D, L); among: (P, K, N), of steps (P, N, L).
        """


class Sums(NamedTuple):
    """The image of P prompts that is upscaled: at a position its own share and steps of rows.

    own: (L, A·C); steps: (P, N, L); rows: (P, N, A·C); variance: (P, L), what the sum should be
    divided by the root of. A: the four pixels that a position becomes first, or one of them.
    """

    own: Tensor
    steps: Tensor
    rows: Tensor
    variance: Tensor

    def some(self, channels: slice) -> Sums:
        """Of one of the first pixels."""
        return self._replace(own=self.own[:, channels], rows=self.rows[..., channels])


class Pixels(NamedTuple):
    """What is learned of the upscaling after its first convolution.

    gain, shift: (C,) and epsilon, of the norm; weight: (C, B·F) and bias: (B·F,), of the second. B:
    the four pixels that each of the first becomes, or one of them.
    """

    gain: Tensor
    shift: Tensor
    epsilon: float
    weight: Tensor
    bias: Tensor

    def some(self, features: slice) -> Pixels:
        """Of one of the second pixels."""
        return self._replace(weight=self.weight[:, features], bias=self.bias[features])


class Compiled(OfPositions, Protocol):
    """``OfPositions``, and the end of the mask decoder."""

    def upscale(self, hyper: Tensor, image: Sums, pixels: Pixels, half: bool) -> Tensor:
        """Logits (P, M, L·A·B) of masks by hyper (P, M, F). half: some products in bfloat16."""


class ByTorch:
    """``OfPositions`` by PyTorch: as many prompts at once as is quick. For one thread at a time."""

    def __init__(self) -> None:
        self.scratch = torch.empty(0)

    def see(
        self,
        asked: Tensor,
        keys: Tensor,
        values: Tensor,
        told: Told | None,
        log_weight: Tensor | None,
    ) -> tuple[Tensor, Tensor | None]:
        """As ``OfPositions.see``."""
        if told is None:
            return _see_first(asked, keys, values, log_weight), None
        seen, of_steps = torch.empty_like(asked), torch.empty_like(told.pull)
        for some, room in self._blocks(asked, keys):
            rate = told.deviation[some].reciprocal()
            scores = _scores(asked[some], keys, told, rate, some, room)
            if log_weight is not None:
                scores += log_weight
            weights = torch.softmax(scores, dim=-1).mul_(rate[:, None, None])
            torch.bmm(weights.flatten(1, 2), told.steps[some].mT, out=of_steps[some])
            mixed = torch.bmm(weights.transpose(0, 1).flatten(1, 2), values.mT)  # H P·T D
            seen[some] = torch.unflatten(mixed, 1, (len(weights), -1)).transpose(0, 1)
        return seen, of_steps

    def tell(
        self,
        asked: Tensor,
        queries: Tensor,
        told: Told | None,
        always: Tensor | None,
        bias: Tensor | None,
        steps: Tensor,
    ) -> None:
        """As ``OfPositions.tell``."""
        by_head = torch.unflatten(steps, 1, asked.shape[1:3])
        for some, room in self._blocks(asked, queries):
            if told is None:
                scores = room
                _by_own(asked[some], queries, scores)
            else:
                rate = told.deviation[some].reciprocal()
                scores = _scores(asked[some], queries, told, rate, some, room)
            if always is not None:
                scores += always[some, ..., None]
            if bias is not None:
                scores += bias[some, None, :, None]
            torch.softmax(scores, dim=2, out=by_head[some])
        if told is not None:
            steps.mul_(told.deviation[:, None])

    def measure(
        self, asked: Tensor, own: Tensor, among: Tensor, steps: Tensor, total: Tensor
    ) -> None:
        """As ``OfPositions.measure``."""
        for some, room in self._blocks(asked, own):
            _by_own(asked[some], own, room)
            sums = room.flatten(1, 2)
            sums.baddbmm_(among[some], steps[some])
            total[some] += sums.mul_(steps[some, : sums.shape[1]]).sum(dim=1)

    def _blocks(self, asked: Tensor, own: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """Some of the prompts at a time, and room (P, H, T, L) that the next ones overwrite."""
        prompts, positions = len(asked), own.shape[-1]
        at_once = min(prompts, max(1, BLOCK // positions))
        each = math.prod(asked.shape[1:3]) * positions
        if self.scratch.numel() < at_once * each:
            self.scratch = asked.new_empty(at_once * each)
        for first in range(0, prompts, at_once):
            some = slice(first, min(first + at_once, prompts))
            count = some.stop - first
            yield some, self.scratch[: count * each].view(count, *asked.shape[1:3], positions)


def _see_first(asked: Tensor, keys: Tensor, values: Tensor, log_weight: Tensor | None) -> Tensor:
    """``see`` of an image that no layer has changed yet: for all prompts at once."""
    scores = asked.transpose(0, 1).flatten(1, 2) @ keys  # H P·T L
    if log_weight is not None:
        scores += log_weight
    seen = scores.softmax(dim=-1) @ values.mT
    return torch.unflatten(seen, 1, (len(asked), -1)).transpose(0, 1)


def _scores(
    asked: Tensor, own: Tensor, told: Told, rate: Tensor, some: slice, out: Tensor
) -> Tensor:
    """What some prompts ask (P, H, T, D) of each position, into ``out`` (P, H, T, L)."""
    rows = out.flatten(1, 2)
    _by_own(asked, own, out)
    rows.baddbmm_(told.pull[some], told.steps[some])
    rows.mul_(rate[:, None])
    _by_own(asked, told.where, out, add=True)
    return out


def _by_own(asked: Tensor, own: Tensor, out: Tensor, *, add: bool = False) -> None:
    """Put what prompts (P, H, T, D) get of (H, D, L), or add it, into (P, H, T, L)."""
    if len(asked) == 1:
        out[0].baddbmm_(asked[0], own, beta=int(add))
        return
    prompts, _, tokens, _ = asked.shape
    by_head = torch.bmm(asked.transpose(0, 1).flatten(1, 2), own)  # H P·T L
    found = torch.unflatten(by_head, 1, (prompts, tokens)).transpose(0, 1)
    out.add_(found) if add else out.copy_(found)
