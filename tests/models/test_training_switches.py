"""Drop path and checkpointing: what they do in training, and that inference knows nothing of them.

Shape legend: B images, C channels, h w token grid.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from anymask.models.layers import drop_path
from anymask.models.tiny_vit import TinyViT, TinyViTConfig
from anymask.models.vit import Block, ViT, ViTConfig

VIT = ViTConfig(
    width=32, depth=3, heads=2, global_blocks=(2,), image_px=128, window=3, out_channels=16
)
TINY_VIT = TinyViTConfig(
    widths=(8, 16, 24, 32), depths=(1, 1, 2, 1), heads=(1, 2, 3, 4), image_px=128, out_channels=16
)
Encoder = ViT | TinyViT


def vit() -> ViT:
    """A random ViT; what starts as zeros is random, too."""
    torch.manual_seed(0)
    encoder = ViT(VIT)
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape))
    return encoder


def tiny_vit() -> TinyViT:
    """A random TinyViT."""
    torch.manual_seed(0)
    return TinyViT(TINY_VIT)


def image(count: int = 2) -> Tensor:
    """Pictures of noise."""
    return torch.randn(count, 3, 128, 128, generator=torch.Generator().manual_seed(1))


BOTH = pytest.mark.parametrize("make", [vit, tiny_vit])


def test_a_dropped_branch_is_dropped_for_a_whole_sample() -> None:
    torch.manual_seed(0)
    x = torch.rand(4000, 2, 2, 3) + 0.5
    out = drop_path(x, 0.3, training=True)
    kept = out[:, 0, 0, 0] != 0
    torch.testing.assert_close(out[kept], x[kept] / 0.7)
    assert not out[~kept].any()
    assert kept.float().mean() == pytest.approx(0.7, abs=0.03)  # four deviations of 0.0072
    assert (out.mean() / x.mean()).item() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(("rate", "training"), [(0.0, True), (0.5, False), (0.0, False)])
def test_without_a_rate_or_training_nothing_is_computed(rate: float, training: bool) -> None:
    x = torch.randn(3, 4)
    assert drop_path(x, rate, training) is x


def test_both_branches_of_a_block_are_dropped_for_themselves() -> None:
    """With each sample the block adds what ``attend`` finds, or ``feed``, both or nothing."""
    block = vit().blocks[0]
    assert isinstance(block, Block)
    x = torch.randn(1, 8, 8, 32).expand(64, -1, -1, -1)
    with torch.no_grad():
        attended = block.eval().attend(x[:1])
        fed = block.feed(x[:1])
        block.train().drop_path = 0.5
        for branch, whole in ((block.attend, attended), (block.feed, fed)):
            added = branch(x)
            zero = added.flatten(1).abs().amax(1) == 0
            assert 10 < zero.sum() < 54
            doubled = (2 * whole).expand_as(added[~zero])
            torch.testing.assert_close(added[~zero], doubled, atol=1e-4, rtol=1e-4)


def test_rates_rise_from_zero_at_the_first_block_to_the_last() -> None:
    encoder = vit()
    encoder.set_drop_path(0.4)
    rates = [block.drop_path for block in encoder.blocks if isinstance(block, Block)]
    assert rates == pytest.approx([0.0, 0.2, 0.4])
    encoder.set_drop_path(0.0)
    assert not any(block.drop_path for block in encoder.blocks if isinstance(block, Block))


@pytest.mark.parametrize("rate", [-0.1, 1.0, 1.5])
def test_rates_that_keep_nothing_or_more_than_all_are_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="below 1"):
        vit().set_drop_path(rate)


def gradients(encoder: Encoder) -> dict[str, Tensor]:
    """Of one step on fixed pictures and random numbers."""
    torch.manual_seed(3)
    out = encoder(image())
    (out * torch.randn(out.shape)).sum().backward()
    return {name: p.grad for name, p in encoder.named_parameters() if p.grad is not None}


@BOTH
def test_checkpointing_gives_the_same_gradients_and_statistics(make: Callable[[], Encoder]) -> None:
    """Also with drop path, whose coins must fall the same way twice."""
    plain, checkpointed = make().train(), make().train()
    for encoder in (plain, checkpointed):
        if isinstance(encoder, ViT):
            encoder.set_drop_path(0.3)
    checkpointed.checkpointing = True
    expected = gradients(plain)
    assert len(expected) == len(list(plain.parameters()))
    # A batch norm forgets the bias before it, so not quite all gradients say something.
    assert sum(bool(g.abs().max() > 0.1) for g in expected.values()) > 0.95 * len(expected)
    torch.testing.assert_close(gradients(checkpointed), expected, atol=1e-5, rtol=1e-4)
    for name, value in plain.named_buffers():  # of batch norms
        torch.testing.assert_close(checkpointed.get_buffer(name), value)


def kept_bytes(encoder: Encoder) -> int:
    """What a forward pass keeps for its gradients."""
    sizes = []

    def note(x: Tensor) -> Tensor:
        sizes.append(x.nbytes)
        return x

    with saved_tensors_hooks(note, lambda x: x):
        encoder(image())
    return sum(sizes)


@BOTH
def test_checkpointing_keeps_less(make: Callable[[], Encoder]) -> None:
    encoder = make().train()
    plain = kept_bytes(encoder)
    encoder.checkpointing = True
    assert kept_bytes(encoder) < plain / 2


def runs_of_a_block(encoder: Encoder, step: Callable[[], object]) -> int:
    """How often the first block is computed in a step."""
    runs: list[nn.Module] = []
    blocks = encoder.blocks if isinstance(encoder, ViT) else encoder.layers[1].blocks
    assert isinstance(blocks, nn.ModuleList)
    handle = blocks[0].register_forward_pre_hook(lambda block, _: runs.append(block))
    step()
    handle.remove()
    return len(runs)


@BOTH
def test_a_block_is_computed_twice_only_for_gradients_of_training(
    make: Callable[[], Encoder],
) -> None:
    encoder = make().train()

    def step() -> None:
        encoder(image()).sum().backward()

    assert runs_of_a_block(encoder, step) == 1
    encoder.checkpointing = True
    assert runs_of_a_block(encoder, step) == 2
    with torch.no_grad():
        assert runs_of_a_block(encoder, lambda: encoder(image())) == 1
    encoder.eval()
    assert runs_of_a_block(encoder, step) == 1


@BOTH
def test_inference_is_what_it_was(make: Callable[[], Encoder]) -> None:
    encoder = make().eval()
    with torch.no_grad():
        before = encoder(image())
        encoder.checkpointing = True
        if isinstance(encoder, ViT):
            encoder.set_drop_path(0.9)
        assert torch.equal(encoder(image()), before)
