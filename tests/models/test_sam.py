"""The model as a whole: gradients, batches of several images, the fast paths."""

from __future__ import annotations

import random

import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anymask.models.mask_decoder import MaskDecoderConfig
from anymask.models.prompt_encoder import PromptBatch
from anymask.models.sam import MOBILE_SAM, SAM_VIT_B, SAM_VIT_H, SAM_VIT_L, Sam, SamConfig
from anymask.models.tiny_vit import ConvNorm, TinyViT, TinyViTConfig
from anymask.models.windows import in_bands

SMALL_TINY_VIT = TinyViTConfig(
    widths=(8, 16, 24, 32), depths=(1, 1, 2, 1), heads=(1, 2, 3, 4), image_px=256, out_channels=64
)
DECODER = MaskDecoderConfig(width=64, mlp_hidden=64, iou_head_hidden=64)


def batch(rows: list[list[tuple[float, float, int]]], images: list[int]) -> PromptBatch:
    """Prompts of (x, y, label), padded to the longest."""
    longest = max(len(row) for row in rows)
    padded = [row + [(0.0, 0.0, -1)] * (longest - len(row)) for row in rows]
    points = torch.tensor(padded, dtype=torch.float32).reshape(len(rows), longest, 3)
    return PromptBatch(points[..., :2], points[..., 2].long(), torch.tensor(images))


def test_several_images_with_different_prompts_give_what_each_gives_alone(tiny_model: Sam) -> None:
    images = torch.randn(2, 3, 128, 128, generator=torch.Generator().manual_seed(1))
    rows = [[(10.0, 20.0, 1)], [(5.0, 5.0, 2), (90.0, 70.0, 3), (30.0, 30.0, 0)], [(64.0, 8.0, 1)]]
    with torch.no_grad():
        logits, iou = tiny_model(images, batch(rows, [0, 1, 1]))
        for row, image, mask, score in zip(rows, (0, 1, 1), logits, iou):
            alone, alone_iou = tiny_model(images[image : image + 1], batch([row], [0]))
            torch.testing.assert_close(mask, alone[0], atol=1e-4, rtol=0)
            torch.testing.assert_close(score, alone_iou[0], atol=1e-5, rtol=0)


PROPERTY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
POINT = st.tuples(st.floats(0, 128), st.floats(0, 128), st.sampled_from([0, 1]))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    points=st.lists(POINT, min_size=0, max_size=4),
    boxed=st.booleans(),
    padding=st.lists(st.tuples(st.floats(-9, 999), st.floats(-9, 999)), min_size=1, max_size=4),
    seed=st.integers(0, 2**16),
)
def test_padding_a_prompt_anywhere_changes_nothing(
    tiny_model: Sam,
    points: list[tuple[float, float, int]],
    boxed: bool,
    padding: list[tuple[float, float]],
    seed: int,
) -> None:
    row = points + ([(5.0, 5.0, 2), (90.0, 70.0, 3)] if boxed else [])
    padded = row + [(x, y, -1) for x, y in padding]
    random.Random(seed).shuffle(padded)
    features = torch.randn(1, 64, 8, 8, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        plain = tiny_model.decode(features, batch([row], [0]))
        with_padding = tiny_model.decode(features, batch([padded], [0]))
    torch.testing.assert_close(plain, with_padding, atol=1e-5, rtol=1e-5)


def test_prompts_with_and_without_a_mask_share_a_batch(tiny_model: Sam) -> None:
    features = torch.randn(1, 64, 8, 8, generator=torch.Generator().manual_seed(3))
    rough = torch.randn(1, 1, 32, 32, generator=torch.Generator().manual_seed(4))
    click = [[(10.0, 20.0, 1)]]
    both = batch(click * 2, [0, 0])
    mixed = PromptBatch(
        both.point_coords,
        both.point_labels,
        both.image_index,
        torch.cat([rough, torch.zeros_like(rough)]),
        torch.tensor([True, False]),
    )
    one = batch(click, [0])
    masked = PromptBatch(one.point_coords, one.point_labels, one.image_index, rough)
    with torch.no_grad():
        together = tiny_model.decode(features, mixed)[0]
        apart = [tiny_model.decode(features, prompts)[0] for prompts in (masked, one)]
    torch.testing.assert_close(together, torch.cat(apart), atol=1e-4, rtol=0)
    assert not torch.allclose(together[0], together[1], atol=1e-2)


def test_gradients_reach_every_parameter(tiny_model: Sam) -> None:
    rows = [[(10.0, 20.0, 1)], [(5.0, 5.0, 2), (90.0, 70.0, 3)], [(30.0, 30.0, 0)]]
    prompts = batch(rows, [0, 0, 0])
    mixed = PromptBatch(
        prompts.point_coords,
        prompts.point_labels,
        prompts.image_index,
        torch.randn(3, 1, 32, 32),
        torch.tensor([True, False, False]),
    )
    logits, iou = tiny_model(torch.randn(1, 3, 128, 128), mixed)
    (logits.square().mean() + iou.square().mean()).backward()
    for name, parameter in tiny_model.named_parameters():
        assert parameter.grad is not None, name
        # A bias on all keys adds the same to all scores of a query, and softmax forgets it.
        if not name.endswith("k_proj.bias"):
            assert parameter.grad.abs().max() > 0, name


def test_a_third_decoder_layer_is_one_number() -> None:
    model = Sam(SamConfig(SMALL_TINY_VIT, MaskDecoderConfig(depth=3, width=64)))
    assert len(model.mask_decoder.transformer.layers) == 3


def test_bands_give_what_the_plain_encoder_gives_without_batch_norms_too() -> None:
    torch.manual_seed(0)
    encoder = Sam(SamConfig(SMALL_TINY_VIT, DECODER)).image_encoder
    assert isinstance(encoder, TinyViT)
    image = torch.randn(2, 3, 256, 256)
    encoder.train()(image)  # batch norms that are not the identity
    encoder.eval()
    with torch.no_grad():
        plain = encoder(image)
        encoder.fold_batch_norms()
        torch.testing.assert_close(encoder(image), plain, atol=1e-4, rtol=1e-4)
        for encoder.band_rows in (1, 3, 16):
            torch.testing.assert_close(encoder(image), plain, atol=1e-4, rtol=1e-4)
        encoder.fuse_activations()
        for encoder.band_rows in (0, 16):
            torch.testing.assert_close(encoder(image), plain, atol=1e-4, rtol=1e-4)
    assert not any(isinstance(m.bn, torch.nn.BatchNorm2d) for m in _conv_norms(encoder))


def test_vit_bands_give_what_the_plain_encoder_gives(tiny_model: Sam) -> None:
    image = torch.randn(1, 3, 128, 128)
    encoder = tiny_model.image_encoder
    with torch.no_grad():
        plain = encoder(image)
        for encoder.band_rows in (1, 3, 8):
            torch.testing.assert_close(encoder(image), plain, atol=1e-5, rtol=1e-4)


def test_a_band_without_the_halo_it_needs_is_wrong() -> None:
    torch.manual_seed(0)
    layer = torch.nn.Conv2d(2, 2, 3, padding=1)
    x = torch.randn(1, 2, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(in_bands(layer, x, 3, halo=1), layer(x))
        assert not torch.allclose(in_bands(layer, x, 3, halo=0), layer(x), atol=1e-3)


def test_sizes_are_those_of_the_papers() -> None:
    with torch.device("meta"):
        sizes = {
            name: sum(p.numel() for p in Sam(config).parameters()) / 1e6
            for name, config in (
                ("B", SAM_VIT_B), ("L", SAM_VIT_L), ("H", SAM_VIT_H), ("tiny", MOBILE_SAM)
            )
        }  # fmt: skip
    assert {name: round(size) for name, size in sizes.items()} == {
        "B": 94, "L": 312, "H": 641, "tiny": 10
    }  # fmt: skip


def _conv_norms(encoder: TinyViT) -> list[ConvNorm]:
    return [module for module in encoder.modules() if isinstance(module, ConvNorm)]


def test_prompts_that_share_an_image_get_what_each_would_alone(tiny_model: Sam) -> None:
    features = torch.randn(1, 64, 8, 8, generator=torch.Generator().manual_seed(5))
    prompts = batch(
        [[(10.0, 20.0, 1)], [(99.0, 3.0, 0)], [(5.0, 5.0, 2), (90.0, 70.0, 3)]], [0] * 3
    )
    decoder = tiny_model.mask_decoder
    with torch.no_grad():
        logits, iou = tiny_model.decode(features, prompts)
        embedded, positions = tiny_model.prompt_encoder(prompts), tiny_model.positions()
        shared = decoder.share(features, embedded.dense, positions)
        tokens, image = decoder.attend(shared, embedded, positions)
        torch.testing.assert_close(decoder.predicted_iou(tokens), iou, atol=1e-5, rtol=0)
        torch.testing.assert_close(decoder.masks(tokens, image), logits, atol=1e-4, rtol=0)


def test_upscaling_in_bands_gives_what_upscaling_at_once_gives(tiny_model: Sam) -> None:
    features = torch.randn(1, 64, 8, 8, generator=torch.Generator().manual_seed(6))
    prompts = batch([[(10.0, 20.0, 1)], [(99.0, 3.0, 0)]], [0, 0])
    with torch.no_grad():
        plain = tiny_model.decode(features, prompts)[0]
        for tiny_model.mask_decoder.band_positions in (1, 10, 64, 1000):
            banded = tiny_model.decode(features, prompts)[0]
            torch.testing.assert_close(banded, plain, atol=1e-5, rtol=1e-5)
        tiny_model.mask_decoder.fuse_activations()
        fused = tiny_model.decode(features, prompts)[0]
        torch.testing.assert_close(fused, plain, atol=1e-5, rtol=1e-5)


def test_chosen_masks_are_those_of_all(tiny_model: Sam) -> None:
    decoder = tiny_model.mask_decoder
    tokens, image = torch.randn(3, 5, 64), torch.randn(3, 64, 64)
    chosen = torch.tensor([[0, 1, 0, 1], [0, 0, 0, 0], [1, 0, 0, 0]], dtype=torch.bool)
    with torch.no_grad():
        everything = decoder.masks(tokens, image)
        some = decoder.masks(tokens, image, chosen)
    assert some.shape == (3, 32, 32)
    torch.testing.assert_close(some, everything[chosen])
