"""SegGPT: segmentation in context by the Painter transformer (arXiv 2304.03284, §3; 2212.02499).

An example and a query lie one above the other in one picture, their targets likewise in another;
of the targets, patches are masked, and the model paints them. At inference the query's whole half
is masked.

Shape legend: B pairs of example and query, E examples of one query (they follow each other in B),
C channels, H W pixels of the stacked picture, h w its token grid. Tokens travel as (B, h, w, C).

Parameter names are those of the official ``models_seggpt.py``, but for an MLP's two layers, which
are SAM's ``lin1`` and ``lin2``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anymask.models.layers import CAN_FUSE_LINEAR, LayerNorm2d, checkpointed, fused_linear
from anymask.models.vit import Block, PatchEmbed, ViTConfig, stagger_drop_path

INITIAL_STD = 0.02
LOSS_BETA = 0.01  # where smooth L1 goes over from a parabola to a line


@dataclass(frozen=True)
class SegGPTConfig:
    """Size of a SegGPT. The defaults are the paper's ViT-L.

    vit: of the stacked picture, twice as high as one image. All blocks of the paper's see all
    tokens; of another model those that are not among ``global_blocks`` see windows, which may be as
    large as one image, and then example and query go through them apart. merged_after: block, from
    0, after which image and target go on as their mean. features_of: blocks whose tokens the
    decoder reads. position_grid: side of the grid of absolute positions, which are stretched to the
    picture's.

    Raises ``ValueError`` for a picture of two halves that are not whole patches, for windows that
    images are not cut into evenly, and for features of blocks before the merging.
    """

    vit: ViTConfig = field(
        default_factory=lambda: ViTConfig(
            width=1024,
            depth=24,
            heads=16,
            global_blocks=tuple(range(24)),
            image_px=896,
            image_hw=(896, 448),
        )
    )
    merged_after: int = 2
    features_of: tuple[int, ...] = (5, 11, 17, 23)
    decoder_channels: int = 64
    position_grid: int = 14

    def __post_init__(self) -> None:
        if self.vit.grid_hw[0] % 2:
            raise ValueError(f"{self.vit.grid_hw[0]} rows of patches are no two images of one size")
        height, width = self.vit.grid_hw
        has_windows = len(self.vit.global_blocks) < self.vit.depth
        if has_windows and (height // 2 % self.vit.window or width % self.vit.window):
            raise ValueError(
                f"images of {height // 2}×{width} patches are no whole windows of {self.vit.window}"
            )
        if not all(self.merged_after <= block < self.vit.depth for block in self.features_of):
            raise ValueError(
                f"features of {self.features_of} are not behind block {self.merged_after} and "
                f"among {self.vit.depth}"
            )

    @property
    def image_hw(self) -> tuple[int, int]:
        """Height and width of one image, example or query, in pixels."""
        height, width = self.vit.image_hw or (self.vit.image_px, self.vit.image_px)
        return height // 2, width


class SegGPT(nn.Module):
    """Paints the masked patches of targets from images, examples and what is not masked.

    ``checkpointing`` is the one switch of training's memory, as ``ViT``'s.
    """

    def __init__(self, config: SegGPTConfig | None = None) -> None:
        super().__init__()
        self.config = config or SegGPTConfig()
        vit = self.config.vit
        self.checkpointing = self.fused = False
        self.patch_embed = PatchEmbed(vit.patch_px, vit.width)
        self.pos_embed = nn.Parameter(torch.zeros(1, self.config.position_grid**2 + 1, vit.width))
        self.mask_token = _token(vit.width)
        self.segment_token_x, self.segment_token_y = _token(vit.width), _token(vit.width)
        self.type_token_cls, self.type_token_ins = _token(vit.width), _token(vit.width)
        self.blocks = nn.ModuleList(
            Block(vit, 0 if number in vit.global_blocks else vit.window)
            for number in range(vit.depth)
        )
        self.norm = nn.LayerNorm(vit.width, eps=1e-6)
        channels = self.config.decoder_channels
        self.decoder_embed = nn.Linear(
            vit.width * len(self.config.features_of), vit.patch_px**2 * channels
        )
        self.decoder_pred = nn.Sequential(
            nn.Conv2d(channels, channels, kernel_size=3, padding=1),
            LayerNorm2d(channels),
            nn.GELU(),
            nn.Conv2d(channels, 3, kernel_size=1),
        )

    def forward(
        self,
        image: Tensor,
        target: Tensor,
        is_masked: Tensor | None = None,
        is_instance: Tensor | bool = True,
        examples: int = 1,
        query_only: bool = False,
    ) -> Tensor:
        """What the targets are, (B, 3, H, W): in the numbers of ``target``, where it is masked.

        image, target: (B, 3, H, W), example above query, normalised. is_masked: (B or 1, h, w),
        which patches of the target are not seen; the query's half by default. is_instance: (B,) or
        one for all: whether colours tell objects apart, or classes. examples: how many there are of
        each query; all it sees of them is averaged after every attention (§3.3, feature ensemble),
        of image and target apart until they are merged, as in the official code.

        query_only: decode the query's half alone: (B, 3, H/2, W), the same numbers for less.
        """
        tokens = self._embed(image, target, is_masked, is_instance)
        first = self._blocks_apart if is_masked is None else 0
        if first:
            tokens = self._apart(tokens, is_instance, first)
        features = self._features(tokens, examples, first)
        if not query_only:
            return self._decode(features)
        # The convolution sees one pixel further up: a row of patches more, and off again.
        half = features.shape[1] // 2
        painted = self._decode(features[:, half - 1 :])
        return painted[:, :, self.config.vit.patch_px :]

    def set_drop_path(self, rate: float) -> None:
        """Let training drop blocks, as ``ViT.set_drop_path``. Raises ``ValueError``."""
        stagger_drop_path(self.blocks, rate)

    def suit_processor(self) -> None:
        """Compute the same as fast as a processor can: inference in float32 on a CPU alone.

        Linear layers by oneDNN, where this torch can, and attention a head at a time.
        """
        self.fused = CAN_FUSE_LINEAR
        for block in self.blocks:
            assert isinstance(block, Block)
            block.mlp.fused = CAN_FUSE_LINEAR
            block.attn.by_head = True

    def skip_empty_positions(self) -> None:
        """Don't compute relative positions where all are zero and none learns: nothing changes."""
        for block in self.blocks:
            assert isinstance(block, Block)
            tables = block.attn.rel_pos_h, block.attn.rel_pos_w
            block.attn.is_plain = not any(t.requires_grad or bool(t.any()) for t in tables)

    def initialise(self) -> None:
        """Give every weight the random number that training from scratch begins with."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=INITIAL_STD)
                nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Conv2d):
                # Of what goes in, as much comes out. From numbers as small as the others', the last
                # layer would take a thousand steps to grow to where it paints white.
                nn.init.kaiming_normal_(module.weight, nonlinearity="linear")
                assert module.bias is not None
                nn.init.zeros_(module.bias)
        for name, parameter in self.named_parameters():
            if name == "pos_embed" or "rel_pos" in name:
                nn.init.trunc_normal_(parameter, std=INITIAL_STD)
            elif "_token" in name:
                nn.init.normal_(parameter, std=INITIAL_STD)

    def _embed(
        self,
        image: Tensor,
        target: Tensor,
        is_masked: Tensor | None,
        is_instance: Tensor | bool,
    ) -> Tensor:
        """Tokens of the images, and behind them those of the targets: (2B, h, w, C)."""
        seen, painted = self.patch_embed(image), self.patch_embed(target)
        if is_masked is None:
            is_masked = query_half(self.config.vit.grid_hw).to(image.device)[None]
        painted = torch.where(is_masked[..., None], self.mask_token, painted)
        is_instance = torch.as_tensor(is_instance, device=image.device).view(-1, 1, 1, 1)
        common = torch.where(is_instance, self.type_token_ins, self.type_token_cls)
        common = common + self._positions()
        return torch.cat(
            [seen + self.segment_token_x + common, painted + self.segment_token_y + common]
        )

    def _positions(self) -> Tensor:
        """Absolute positions stretched to the grid, without the class token's: (1, h, w, C)."""
        side = self.config.position_grid
        grid = self.pos_embed[:, 1:].unflatten(1, (side, side)).permute(0, 3, 1, 2)
        if (side, side) != self.config.vit.grid_hw:
            grid = F.interpolate(grid, size=self.config.vit.grid_hw, mode="bicubic")
        positions: Tensor = grid.permute(0, 2, 3, 1)
        return positions

    @property
    def _blocks_apart(self) -> int:
        """How many of the first blocks see one image alone, as far as the merging."""
        before = self.config.merged_after + 1
        return min((before, *self.config.vit.global_blocks))

    def _apart(self, tokens: Tensor, is_instance: Tensor | bool, count: int) -> Tensor:
        """Tokens (2B, h, w, C) behind the first ``count`` blocks, where no half sees the other.

        All targets' lower halves are hidden, so that they are computed once for each type token.
        """
        b = len(tokens) // 2
        upper, lower = tokens.chunk(2, dim=1)
        if isinstance(is_instance, Tensor):
            kinds = is_instance.expand(b).tolist()
        else:
            kinds = [is_instance] * b
        firsts = {kind: kinds.index(kind) for kind in kinds}
        hidden = lower[[b + first for first in firsts.values()]]
        halves = torch.cat([upper, lower[:b], hidden])
        for block in self.blocks[:count]:
            halves = self._step(block, 1, halves)
        which = [list(firsts).index(kind) for kind in kinds]
        lower = torch.cat([halves[2 * b : 3 * b], halves[3 * b :][which]])
        return torch.cat([halves[: 2 * b], lower], dim=1)

    def _step(self, block: nn.Module, examples: int, tokens: Tensor) -> Tensor:
        """Tokens behind a block; kept or, for their gradients, computed again."""
        step = _Step(block, examples)
        again = self.checkpointing and self.training and torch.is_grad_enabled()
        out: Tensor = checkpointed(step, tokens) if again else step(tokens)
        return out

    def _features(self, tokens: Tensor, examples: int, first: int) -> Tensor:
        """What the decoder reads, (B, h, w, C · number of features), from (2B, h, w, C).

        first: block, from 0, that the tokens are in front of; at most the one behind the merging.
        """
        features = []
        for number, block in enumerate(self.blocks):
            if number >= first:
                tokens = self._step(block, examples, tokens)
            if number == self.config.merged_after:
                images, targets = tokens.chunk(2)
                tokens = (images + targets) * 0.5
            if number in self.config.features_of:
                features.append(self.norm(tokens))
        return torch.cat(features, dim=-1)

    def _decode(self, features: Tensor) -> Tensor:
        """Pixels of each token's patch: (B, h, w, ·) to (B, 3, H, W)."""
        b, h, w, _ = features.shape
        patch, channels = self.config.vit.patch_px, self.config.decoder_channels
        linear = (
            fused_linear(features, self.decoder_embed)
            if self.fused
            else (self.decoder_embed(features))
        )
        grown = linear.view(b, h, w, patch, patch, channels).transpose(2, 3)
        # Channels stay last in memory: no copy but this one, and norms over them need none.
        pixels = grown.reshape(b, h * patch, w * patch, channels).permute(0, 3, 1, 2)
        out: Tensor = self.decoder_pred(pixels)
        return out


def _token(width: int) -> nn.Parameter:
    return nn.Parameter(torch.zeros(1, 1, 1, width))


class _Step(nn.Module):
    """A block whose attention is averaged over the examples of each query."""

    def __init__(self, block: nn.Module, examples: int) -> None:
        super().__init__()
        assert isinstance(block, Block)
        self.block, self.examples = block, examples

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + averaged(self.block.attend(tokens), self.examples)
        out: Tensor = tokens + self.block.feed(tokens)
        return out


def averaged(added: Tensor, examples: int) -> Tensor:
    """(B, h, w, C) with the query's half averaged over its examples (feature ensemble, §3.3).

    Images and targets, one batch behind the other until they are merged, are averaged apart.
    """
    if examples == 1:
        return added
    of_example, of_query = added.chunk(2, dim=1)
    grouped = of_query.unflatten(0, (-1, examples))
    mean = grouped.mean(dim=1, keepdim=True).expand_as(grouped).flatten(0, 1)
    return torch.cat([of_example, mean], dim=1)


def query_half(grid_hw: tuple[int, int]) -> Tensor:
    """Which patches of a target are masked at inference: (h, w), the lower half."""
    height, width = grid_hw
    return (torch.arange(height) >= height // 2)[:, None].expand(height, width)


def painting_loss(
    painted: Tensor, target: Tensor, is_masked: Tensor, weights: Tensor | None = None
) -> Tensor:
    """Smooth L1 of what is painted in masked patches, averaged over their pixels (§3.1).

    painted, target: (B, 3, H, W), normalised. is_masked: (B, h, w). weights: (B, 1, H, W), how much
    pixels count, 0 for not at all; all alike by default.

    Raises ``ValueError`` where no pixel counts: its mean would be no number.
    """
    patch_px = target.shape[-2] // is_masked.shape[-2]
    counts = is_masked[:, None].repeat_interleave(patch_px, -2).repeat_interleave(patch_px, -1)
    counts = counts.to(painted.dtype) if weights is None else counts * weights
    if not counts.any():
        raise ValueError("no pixel of a masked patch counts")
    loss = F.smooth_l1_loss(painted, target, reduction="none", beta=LOSS_BETA)
    counts = counts.expand_as(loss)
    return (loss * counts).sum() / counts.sum()
