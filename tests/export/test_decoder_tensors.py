"""What browsers multiply by at a click is the decoder's weights, those in a row multiplied."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from anymask.export.click import PrepareGraph, own_names
from anymask.export.decoder_tensors import (
    OWN,
    VALUES,
    can_be_decoded,
    decoder_tensors,
    strips,
    write_decoder_tensors,
)
from anymask.models.few_rows.told_rows import stages
from anymask.models.mask_decoder import MaskDecoderConfig
from anymask.models.sam import MOBILE_SAM, Sam, SamConfig
from anymask.models.text import TextConfig
from tests.conftest import TINY

DECODER = MaskDecoderConfig(width=128, heads=8, mlp_hidden=32, iou_head_hidden=128, ranking=8)
CONFIG = replace(TINY, decoder=DECODER)
C, INNER = 128, 64


@pytest.fixture(scope="module")
def sam() -> Sam:
    """A random one whose norms and biases are nothing special."""
    torch.manual_seed(0)
    sam = Sam(CONFIG).requires_grad_(False).eval()
    for parameter in sam.parameters():
        if parameter.ndim == 1:
            parameter.add_(0.3 * torch.randn_like(parameter))
    return sam


@pytest.fixture(scope="module")
def tensors(sam: Sam) -> dict[str, Tensor]:
    """Its tensors."""
    return decoder_tensors(sam)


def unpacked(weight: Tensor) -> Tensor:
    """Panels or strips (n / p, k, p) back to (n, k)."""
    return weight.mT.flatten(0, 1)


def test_columns_are_packed_in_strips_of_four() -> None:
    weight = torch.arange(8 * 3.0).reshape(8, 3)
    assert strips(weight).shape == (2, 3, 4)
    assert strips(weight)[1, 2, 3] == weight[7, 2]
    assert torch.equal(unpacked(strips(weight)), weight)


def test_an_image_is_prepared_by_two_weights(sam: Sam, tensors: dict[str, Tensor]) -> None:
    features = torch.randn(1, C, 8, 8)
    image = features.flatten(2)[0]
    own = dict(zip(own_names(DECODER), PrepareGraph(sam)(features), strict=True))
    found = unpacked(tensors["own.weight"]) @ torch.cat([image, torch.ones_like(image[:1])])
    assert found.shape == (8 * INNER + 4 + 40, 64)
    pe = sam.prompt_encoder.dense_pe().mT
    where = unpacked(tensors["where.weight"]) @ torch.cat([pe, torch.ones_like(pe[:1])])
    names = ("keys_1", "queries_1", "keys_2", "queries_2", "keys_last")
    of_positions = dict(zip(names, where.split(INNER), strict=True))
    for name, rows in zip(OWN, found.split(INNER)):
        if name in ("keys_1", "queries_1"):  # there the graph has added positions already
            rows = rows + of_positions[name]
        torch.testing.assert_close(rows, own[name], atol=1e-4, rtol=1e-4)
    always, of_masks = found[8 * INNER : 8 * INNER + 4], found[8 * INNER + 4 :]
    torch.testing.assert_close(always[:3], own["always"], atol=1e-4, rtol=1e-4)
    assert not always[3].any()
    torch.testing.assert_close(of_masks[:17], own["masks"][0], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(of_masks[20:37], own["masks"][1], atol=1e-4, rtol=1e-4)
    assert not of_masks[37:].any()

    seen = unpacked(tensors["seen.weight"]) @ image + tensors["seen.bias"][:, None]
    expected = torch.cat([*(own[name] for name in VALUES), own["seen"][0].mT])
    torch.testing.assert_close(seen, expected, atol=1e-4, rtol=1e-4)
    upscaled = image.mT @ unpacked(tensors["upscaled.weight"]).mT + tensors["upscaled.bias"]
    torch.testing.assert_close(upscaled, own["upscaled"], atol=1e-4, rtol=1e-4)


def test_positions_are_in_the_order_of_what_reads_them(
    sam: Sam, tensors: dict[str, Tensor]
) -> None:
    second = sam.mask_decoder.transformer.blocks()[1]
    where = unpacked(tensors["where.weight"])
    keys, queries = second.cross_attn_token_to_image, second.cross_attn_image_to_token
    assert torch.equal(where[2 * INNER : 3 * INNER, :C], keys.k_proj.weight)
    assert torch.equal(where[3 * INNER : 4 * INNER, C], queries.q_proj.bias)


def test_scales_and_biases_are_in_the_weights_of_tokens(
    sam: Sam, tensors: dict[str, Tensor]
) -> None:
    block = sam.mask_decoder.transformer.blocks()[0]
    attention = block.cross_attn_token_to_image
    x = torch.randn(5, C)

    def product(name: str, x: Tensor) -> Tensor:
        return x @ unpacked(tensors[f"{name}.weight"]).mT + tensors[f"{name}.bias"]

    torch.testing.assert_close(product("1.look", x), attention.q_proj(x) * 8**-0.5)
    expected = torch.cat([block.self_attn.q_proj(x) * 16**-0.5, block.self_attn.k_proj(x)], dim=1)
    torch.testing.assert_close(product("1.self_qk", x), expected)
    seen = torch.randn(5, INNER)
    expected = attention.out_proj(seen + attention.v_proj.bias)
    torch.testing.assert_close(product("1.shown", seen), expected)


def test_heads_lie_one_after_the_other(sam: Sam, tensors: dict[str, Tensor]) -> None:
    decoder = sam.mask_decoder
    tokens = torch.randn(2, 5, C)
    x = tokens
    for number in (1, 2, 3):
        weight, bias = tensors[f"heads.{number}.weight"], tensors[f"heads.{number}.bias"]
        columns = weight.mT.flatten(1, 2)  # 5 n k
        x = torch.einsum("ptk,tnk->ptn", x, columns) + bias
        x = x.relu() if number < 3 else x
    torch.testing.assert_close(x[:, 0, :4], decoder.predicted_iou(tokens))
    torch.testing.assert_close(x[:, 1:], decoder.hyper(tokens))
    assert not x[:, 0, 4:].any()


def test_products_of_rows_are_forms_of_values(sam: Sam, tensors: dict[str, Tensor]) -> None:
    stage = stages(sam.mask_decoder.transformer, sam.mask_decoder.upscaling_layers()[0])[1]
    values = [torch.randn(1, 8, 1, 8) for _ in range(2)]
    expected = list(stage.products(values))  # (1, 8, 16), (1, 8, 8)
    in_heads = [torch.cat([torch.block_diag(*v[0]), torch.ones(8, 1)], dim=1) for v in values]
    for i, j in ((1, 1), (1, 2), (2, 2)):
        form = tensors[f"squares.2.{i}.{j}"]
        assert form.shape == (INNER + 1, INNER + 4)
        assert not form[:, INNER + 1 :].any()
        among = in_heads[i - 1] @ form[:, : INNER + 1] @ in_heads[j - 1].mT
        there = expected[i - 1][0, :, (j - i) * 8 : (j - i + 1) * 8]
        torch.testing.assert_close(among, there, atol=1e-5, rtol=1e-4)


def test_a_mask_is_two_small_products(sam: Sam, tensors: dict[str, Tensor]) -> None:
    first, second = tensors["mask.1.weight"], tensors["mask.2.weight"]
    convolutions = sam.prompt_encoder.mask_downscaling.get_parameter
    assert first.shape == (4, 4)
    assert second.shape == (4, 4, 16)
    # The pixel below the first is number 2; so is the cell.
    assert first[2, 3] == convolutions("0.weight")[3, 0, 1, 0]
    assert second[2, 3, 9] == convolutions("3.weight")[9, 3, 1, 0]
    assert unpacked(tensors["own.mask"]).shape == (8 * INNER + 4, 17)
    assert unpacked(tensors["seen.mask"]).shape == (3 * INNER, 17)
    products = unpacked(tensors["mask.products.2"])
    assert torch.equal(products[:17], products[:17].mT)
    assert not products[17:].any()


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_the_file_says_what_it_is_of_and_keeps_large_tensors_small(
    sam: Sam, tensors: dict[str, Tensor], tmp_path: Path, dtype: str
) -> None:
    write_decoder_tensors(sam, tmp_path / "file", dtype)
    with safe_open(tmp_path / "file", "pt") as file:
        assert json.loads(file.metadata()["mask_decoder"]) == {
            "width": 128,
            "heads": 8,
            "mlp_hidden": 32,
            "grid": 8,
            "input_px": 128,
            "ranking": 8,
            "norm_eps": 1e-5,
            "upscale_eps": 1e-6,
            "mask_eps": 1e-6,
        }
        kept = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    assert set(kept) == set(tensors)
    large = torch.float16 if dtype == "float16" else torch.float32
    assert kept["own.weight"].dtype == kept["reads.2.1.weight"].dtype == large
    small = ("gaussian", "squares.2.1.2", "upscale.weight", "1.norm1.gain", "mask.2.weight")
    assert {kept[name].dtype for name in small} == {torch.float32}


@pytest.mark.parametrize(
    "other",
    [
        replace(CONFIG, decoder=replace(DECODER, depth=3)),
        replace(CONFIG, decoder=replace(DECODER, mask_tokens=3)),
        replace(CONFIG, decoder=replace(DECODER, width=96, heads=6, iou_head_hidden=96)),
        replace(CONFIG, decoder=replace(DECODER, heads=16)),
        replace(CONFIG, decoder=replace(DECODER, iou_head_hidden=64)),
        replace(CONFIG, decoder=replace(DECODER, ranking=12)),
        replace(CONFIG, mask_channels=8),
        replace(CONFIG, text=TextConfig(5, "x")),
        replace(CONFIG, encoder=replace(TINY.encoder, image_px=64)),
    ],
)
def test_other_shapes_are_left_to_the_graph(other: SamConfig) -> None:
    assert can_be_decoded(MOBILE_SAM)
    assert can_be_decoded(CONFIG)
    assert can_be_decoded(replace(CONFIG, decoder=replace(DECODER, ranking=None)))
    assert not can_be_decoded(other)
