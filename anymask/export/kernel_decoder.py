"""What the browser's kernels compute by a decoder's file, in their order: for an export's gate.

All of a click from the tensors of ``decoder_tensors`` alone: an image is prepared once, a mask
changes that, prompts are answered one at a time. ``few_rows`` has the same order natively.

Shape legend: N points, T tokens, L image positions, C channels, I = C/2, H heads, D head width,
K = H·T rows of a layer, K' of all layers so far, R hidden width of the second look.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from safetensors import safe_open
from torch import Tensor

from anymask.export.decoder_tensors import DEPTH, MASK_CHANNELS, MASKS, OWN, VALUES
from anymask.models.few_rows.image_parts import LAST, centred
from anymask.models.mask_decoder import logit_map
from anymask.models.mask_ranking import averaged, covers
from anymask.models.prompt_encoder import BOX_BOTTOM_RIGHT, BOX_TOP_LEFT

ROWS = MASK_CHANNELS + 1  # of a mask: its channels, and having one
PLACED = ("keys_1", "queries_1", "keys_2", "queries_2", f"keys_{LAST}")  # what has positions
PAIRS = ((1, 1), (1, 2), (2, 2))  # layers i and norms j of what is told in any case


@dataclass(frozen=True)
class KernelImage:
    """What clicks need of an image.

    own: (I, L) each, by the names of ``OWN`` and ``VALUES``; always: (3, L), of ``PAIRS``; masks:
    its products with a mask's rows, as each norm gets both, (2, 17, L); squares: (2, L); upscaled:
    (L, C); seen: (L, R).
    """

    own: Mapping[str, Tensor]
    always: Tensor
    masks: Tensor
    squares: Tensor
    upscaled: Tensor
    seen: Tensor


class Shape(NamedTuple):
    """What the file's metadata says; ``decoder_tensors`` has the names' meaning."""

    width: int
    heads: int
    mlp_hidden: int
    grid: int
    input_px: int
    ranking: int | None
    norm_eps: float
    upscale_eps: float
    mask_eps: float


class KernelDecoder:
    """A decoder's file, read. Answers are float32, whatever the file's numbers are."""

    def __init__(self, path: Path) -> None:
        with safe_open(path, "pt") as file:
            names = file.keys()
            self.tensors: dict[str, Tensor] = {
                name: file.get_tensor(name).float() for name in names
            }
            self.shape = Shape(**json.loads(file.metadata()["mask_decoder"]))
        self.inner = self.shape.width // 2
        self.where = dict(zip(PLACED, self._where().split(self.inner), strict=True))

    def prepare(self, embedding: Tensor) -> KernelImage:
        """Once an image, of its embedding (C, h, w)."""
        image = embedding.flatten(1)
        inner = self.inner
        of_own = self._columns("own.weight") @ _with_ones(image)
        always, *masks = of_own[len(OWN) * inner :].split([4, 20, 20])
        seen = image.mT @ self._columns("seen.weight").mT + self.tensors["seen.bias"]
        *values, rest = seen.mT.split([inner] * len(VALUES) + [self.shape.ranking or 0])
        parts = [*of_own[: len(OWN) * inner].split(inner), *values]
        centres = centred(image.mT + self.tensors["no_mask"])
        later = centred(self.tensors["gain_1"] * centres)
        return KernelImage(
            own=dict(zip((*OWN, *VALUES), parts, strict=True)),
            always=always[: len(PAIRS)],
            masks=torch.stack([each[:ROWS] for each in masks]),
            squares=torch.stack([(x * x).sum(dim=1) for x in (centres, later)]),
            upscaled=image.mT @ self._columns("upscaled.weight").mT + self.tensors["upscaled.bias"],
            seen=rest.mT,
        )

    def with_mask(self, image: KernelImage, mask: Tensor) -> KernelImage:
        """An image with a rough mask (4h, 4w) of logits, which is a part of it."""
        x = _quarters(mask[..., None]) @ self.tensors["mask.1.weight"]
        x = F.gelu(self._norm("mask.1", x + self.tensors["mask.1.bias"], self.shape.mask_eps))
        weight = self.tensors["mask.2.weight"].flatten(0, 1)
        x = _quarters(x) @ weight + self.tensors["mask.2.bias"]
        x = F.gelu(self._norm("mask.2", x, self.shape.mask_eps))
        steps = _with_ones(x.flatten(0, 1).mT)  # 17 L
        *parts, always = (self._columns("own.mask") @ steps).split(self.inner)
        parts += (self._columns("seen.mask") @ steps).split(self.inner)
        changes = dict(zip((*OWN, *VALUES), parts, strict=True))
        squares = [
            (steps * (2 * image.masks[i] + self._columns(f"mask.products.{i + 1}")[:ROWS] @ steps))
            for i in range(DEPTH)
        ]
        return replace(
            image,
            own={name: part + changes[name] for name, part in image.own.items()},
            always=image.always + always[: len(PAIRS)],
            squares=image.squares + torch.stack([each.sum(dim=0) for each in squares]),
            upscaled=image.upscaled + steps.mT @ self._columns("upscaled.mask").mT,
        )

    def answer(
        self, image: KernelImage, coords: Tensor, labels: Tensor, lone: bool
    ) -> tuple[Tensor, Tensor]:
        """Logits (4, 4h, 4w) and predicted IoUs (4,) of one prompt.

        coords: (N, 2) XY in pixels of the model's input; labels: (N,), negative ones are nothing;
        lone: whether it is one click and no mask, which is looked at twice.
        """
        prompt = torch.cat([self.tensors["outputs"], *self._points(coords, labels)])
        tokens, side = prompt, _Side(self, image)
        for layer in ("1", "2"):
            tokens = self._inform_each_other(layer, tokens, prompt)
            seen = side.see(layer, self._in_heads(f"{layer}.look", tokens + prompt))
            tokens = self._norm(f"{layer}.norm2", tokens + self._linear(f"{layer}.shown", seen))
            hidden = F.relu(self._linear(f"{layer}.mlp1", tokens))
            tokens = self._norm(f"{layer}.norm3", tokens + self._linear(f"{layer}.mlp2", hidden))
            keys = self._in_heads(f"{layer}.asked", tokens + prompt)
            side.tell(layer, keys, self._in_heads(f"{layer}.values", tokens))
        tokens, prompt = tokens[: 1 + MASKS], prompt[: 1 + MASKS]
        seen = side.see(LAST, self._in_heads("last.look", tokens + prompt))
        tokens = self._norm("last.norm", tokens + self._linear("last.shown", seen))
        of_heads = self._heads(tokens)
        iou, logits = of_heads[0, :MASKS], self._logits(side, of_heads[1:])
        if lone and self.shape.ranking is not None:
            iou = self._second_look(tokens, iou, logits, image.seen)
        return logits, iou

    def _where(self) -> Tensor:
        """What positions add to ``PLACED``: (5·I, L)."""
        centres = (torch.arange(self.shape.grid) + 0.5) / self.shape.grid
        y, x = torch.meshgrid(centres, centres, indexing="ij")
        positions = self._encoded(torch.stack([x, y], dim=-1).flatten(0, 1))
        return self._columns("where.weight") @ _with_ones(positions.mT)

    def _encoded(self, places: Tensor) -> Tensor:
        """Places (..., 2) in the unit square as sines and cosines: (..., C)."""
        phase = 2 * math.pi * ((2 * places - 1) @ self.tensors["gaussian"])
        return torch.cat([phase.sin(), phase.cos()], dim=-1)

    def _points(self, coords: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
        """A token of each point, and "not a point" where there are clicks and no box."""
        there = labels >= 0
        coords, labels = coords[there], labels[there]
        points = (
            self._encoded((coords + 0.5) / self.shape.input_px) + self.tensors["points"][labels]
        )
        corners = (labels == BOX_TOP_LEFT) | (labels == BOX_BOTTOM_RIGHT)
        if len(labels) and not corners.any():
            return points, self.tensors["not_a_point"][None]
        return (points,)

    def _inform_each_other(self, layer: str, tokens: Tensor, prompt: Tensor) -> Tensor:
        """Self-attention, residual and norm. In the first layer tokens are the prompt still."""
        first = layer == "1"
        places = tokens if first else tokens + prompt
        queries, keys = self._linear(f"{layer}.self_qk", places).chunk(2, dim=1)
        q, k, v = (self._split(x) for x in (queries, keys, self._linear(f"{layer}.self_v", tokens)))
        mixed = ((q @ k.mT).softmax(dim=-1) @ v).transpose(0, 1).flatten(1)
        given = self._linear(f"{layer}.self_out", mixed)
        return self._norm(f"{layer}.norm1", given if first else tokens + given)

    def _heads(self, tokens: Tensor) -> Tensor:
        """The IoU token and the mask tokens (5, C) by a head each: (5, C/8)."""
        x = tokens[:, None]
        for number in (1, 2, 3):
            name = f"heads.{number}"
            x = x @ self.tensors[f"{name}.weight"].mT.flatten(1, 2).mT
            x = x + self.tensors[f"{name}.bias"][:, None]
            x = F.relu(x) if number < 3 else x
        return x[:, 0]

    def _logits(self, side: _Side, hyper: Tensor) -> Tensor:
        """Logits (4, 4h, 4w) by ``hyper`` (4, C/8), without dividing by deviations first."""
        rows, always = side.rows[:, 2 * self.inner :], side.always[2 * self.inner :]
        x = side.image.upscaled + side.steps.mT @ rows + side.deviation[:, None] * always
        x = torch.unflatten(x, 1, (4, -1))  # L 4 C/4
        epsilon = self.shape.upscale_eps * side.deviation[:, None] ** 2
        rate = ((x * x).mean(dim=2) + epsilon).rsqrt()
        x = F.gelu(
            x * rate[..., None] * self.tensors["upscale.gain"] + self.tensors["upscale.shift"]
        )
        x = torch.unflatten(x @ self._columns("upscale.weight").mT, 2, (4, -1))  # L 4 4 C/8
        return logit_map(hyper @ F.gelu(x + self.tensors["upscale.bias"]).flatten(0, 2).mT)

    def _second_look(self, tokens: Tensor, iou: Tensor, logits: Tensor, seen: Tensor) -> Tensor:
        """``MaskRanking`` of a lone click: predicted IoUs (4,)."""
        covered = averaged(seen[None], covers(logits[None, 1:]))[0]
        each = iou[1:, None]
        ious = torch.cat([iou.expand(len(each), -1), each - each.mT, each], dim=1)
        of_mask = self._linear("rank.token", tokens[2:]) + covered
        of_mask = of_mask + ious @ self.tensors["rank.iou.weight"]
        x = of_mask + self._linear("rank.click", tokens[:1]) + self.tensors["rank.which"]
        x = F.gelu(x)
        others = (x.sum(dim=0) - x) / (len(x) - 1)
        more = F.gelu(self._linear("rank.among", torch.cat([x, others], dim=1)))
        correction = more @ self.tensors["rank.correction.weight"]
        return torch.cat([iou[:1], iou[1:] + correction + self.tensors["rank.correction.bias"]])

    def _linear(self, name: str, x: Tensor) -> Tensor:
        return x @ self._columns(f"{name}.weight").mT + self.tensors[f"{name}.bias"]

    def _columns(self, name: str) -> Tensor:
        """Panels or strips (n / p, k, p) as they were: (n, k)."""
        return self.tensors[name].mT.flatten(0, 1)

    def _norm(self, name: str, x: Tensor, eps: float | None = None) -> Tensor:
        gain, shift = self.tensors[f"{name}.gain"], self.tensors[f"{name}.shift"]
        return F.layer_norm(x, gain.shape, gain, shift, self.shape.norm_eps if eps is None else eps)

    def _in_heads(self, name: str, x: Tensor) -> Tensor:
        return self._split(self._linear(name, x))

    def _split(self, x: Tensor) -> Tensor:
        """(T, H·D) to (H, T, D)."""
        return torch.unflatten(x, 1, (self.shape.heads, -1)).transpose(0, 1)


class _Side:
    """The image of one prompt between layers: its own part and stepsᵀ @ rows, by ``deviation``.

    values: what each layer told, (H, T, D). totals: (L,), the sum of each head's steps. steps:
    (K', L); rows: (K', X), as what comes next reads them; always: (X,), the norm's shift likewise.
    """

    def __init__(self, decoder: KernelDecoder, image: KernelImage) -> None:
        self.decoder, self.image, self.tensors = decoder, image, decoder.tensors
        positions = image.squares.shape[1]
        self.values: list[Tensor] = []
        self.totals: list[Tensor] = []
        self.steps = image.squares.new_empty(0, positions)
        self.deviation = image.squares.new_ones(positions)
        self.rows = self.always = image.squares.new_empty(0)

    def see(self, layer: str, asked: Tensor) -> Tensor:
        """What is shown to those who ask (H, T, D): (T, H·D), without a bias."""
        own = self._by_head(self.image.own[f"values_{layer}"])
        weights = self._scores(0, asked, f"keys_{layer}").softmax(dim=-1) / self.deviation
        mixed = weights @ own.mT
        if self.values:
            mixed = mixed + (weights @ self.steps.mT) @ self._rows(1) + self._always(1)
        return mixed.transpose(0, 1).flatten(1)

    def tell(self, layer: str, keys: Tensor, values: Tensor) -> None:
        """Add what tokens tell, keys and values (H, T, D), and take the next norm's deviation."""
        scores = self._scores(2, keys, f"queries_{layer}")
        if self.values:
            scores = scores + keys @ self._always(2).mT
        steps = scores.softmax(dim=1).flatten(0, 1) * self.deviation
        self.steps = torch.cat([self.steps, steps])
        self.values.append(values)
        self.totals.append(self.deviation)
        self._measure()
        stage = len(self.values)
        self.rows = torch.cat([self._read(f"reads.{stage}.{i + 1}", i) for i in range(stage)])
        self.always = self.tensors[f"always.{stage}"]

    def _scores(self, part: int, asked: Tensor, name: str) -> Tensor:
        """What is asked of each position: (H, T, L)."""
        scores = asked @ self._by_head(self.image.own[name])
        if self.values:
            scores = scores + (asked @ self._rows(part).mT) @ self.steps
        return scores / self.deviation + asked @ self._by_head(self.decoder.where[name])

    def _measure(self) -> None:
        """Take the deviation of what there is, from its sum of squares."""
        norm, eps = len(self.values), self.decoder.shape.norm_eps
        steps = self.steps.chunk(norm)
        total = self.image.squares[norm - 1]
        for i in range(1, norm + 1):
            told = self._by_head(self.image.own[f"told_{i}_{norm}"])
            products = 2 * (self.values[i - 1] @ told).flatten(0, 1)
            for j in range(i, norm + 1):
                form = self.tensors[f"squares.{norm}.{i}.{j}"]
                among = self._ones_beside(i) @ form[:, : self.decoder.inner + 1]
                among = among @ self._ones_beside(j).mT
                products = products + (1 + (j > i)) * among @ steps[j - 1]
            always = self.image.always[PAIRS.index((i, norm))]
            total = total + 2 * self.totals[i - 1] * always + (steps[i - 1] * products).sum(dim=0)
        epsilon = eps * self.deviation**2
        self.deviation = (total / self.decoder.shape.width + epsilon).sqrt()

    def _ones_beside(self, layer: int) -> Tensor:
        """A layer's values, each in its head's columns, and a one for the bias: (K, I + 1)."""
        rows = torch.block_diag(*self.values[layer - 1])
        return F.pad(rows, (0, 1), value=1.0)

    def _read(self, name: str, layer: int) -> Tensor:
        """Rows (K, X) of a layer, the first being 0."""
        weight = torch.unflatten(self.tensors[f"{name}.weight"], 0, (self.decoder.shape.heads, -1))
        return (self.values[layer] @ weight).flatten(0, 1) + self.tensors[f"{name}.bias"]

    def _rows(self, part: int) -> Tensor:
        """All rows as keys (0), values (1) or queries (2) of what comes next: (H, K', D)."""
        inner = self.decoder.inner
        among = self.rows[:, part * inner : (part + 1) * inner]
        return torch.unflatten(among, 1, (self.decoder.shape.heads, -1)).transpose(0, 1)

    def _always(self, part: int) -> Tensor:
        """The norm's shift likewise: (H, 1, D)."""
        inner = self.decoder.inner
        among = self.always[part * inner : (part + 1) * inner]
        return torch.unflatten(among, 0, (self.decoder.shape.heads, 1, -1))

    def _by_head(self, own: Tensor) -> Tensor:
        """(H·D, L) to (H, D, L)."""
        return torch.unflatten(own, 0, (self.decoder.shape.heads, -1))


def _quarters(x: Tensor) -> Tensor:
    """(2h, 2w, k) to (h, w, 4·k): four neighbours one after the other, row by row."""
    height, width, _ = x.shape
    cells = x.reshape(height // 2, 2, width // 2, 2, -1)
    return cells.transpose(1, 2).flatten(2)


def _with_ones(x: Tensor) -> Tensor:
    """(k, L) to (k + 1, L)."""
    return torch.cat([x, torch.ones_like(x[:1])])
