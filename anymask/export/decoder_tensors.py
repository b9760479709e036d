"""Prompt encoder and mask decoder as the browser's kernels multiply by them, in a safetensors file.

Weights that follow each other are multiplied beforehand, as in ``image_parts`` and ``told_rows``:
the image's side of the decoder is a sum of a few rows (docs/adr/0021). Scales of attention are in
its queries, or in the keys where the image asks. The metadata's ``mask_decoder`` has what shapes
don't tell. ``kernel_decoder`` computes a click from the file alone.

Shape legend: n columns, k rows of a weight, C channels, I = C/2 of the cross-attentions, R hidden
width of the second look.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anymask.export.click import SEEN, UPSCALED, mask_rows
from anymask.export.kernel_weights import PANEL, Named, linear, packed, write_tensors
from anymask.models.few_rows.image_parts import LAST, as_norms_get, own_parts, upscaling
from anymask.models.few_rows.told_rows import Told, stages
from anymask.models.layers import LayerNorm2d
from anymask.models.mask_ranking import COVERED_SCALE, IOU_SCALE, MaskRanking
from anymask.models.prompt_encoder import PromptEncoder
from anymask.models.sam import Sam, SamConfig
from anymask.models.two_way import Projections, TwoWayAttentionBlock, TwoWayTransformer

STRIP = 4  # columns that are multiplied together where pixels or positions lie side by side
DEPTH, MASKS, MASK_CHANNELS, HEAD_DEPTH = 2, 4, 16, 3
WHOLE = ("gaussian", "squares.", "upscale.")  # what is float32 always, beside norms
# What is linear in an image, in the order of the rows of ``own.weight``, and what positions add to.
OWN = (
    *("keys_1", "queries_1", "told_1_1", "keys_2", "queries_2", "told_1_2", "told_2_2"),
    f"keys_{LAST}",
)
VALUES = ("values_1", "values_2", f"values_{LAST}")


def can_be_decoded(config: SamConfig) -> bool:
    """Whether the kernels know such a decoder: SAM's layers, without text, of whole panels."""
    decoder, grid = config.decoder, config.encoder.grid
    return (
        config.text is None
        and config.mask_channels == MASK_CHANNELS
        and (decoder.depth, decoder.mask_tokens) == (DEPTH, MASKS)
        and (decoder.iou_head_depth, decoder.iou_head_hidden) == (HEAD_DEPTH, decoder.width)
        and decoder.width % (PANEL * PANEL) == 0
        and decoder.width // 2 % (PANEL * decoder.heads) == 0
        and decoder.mlp_hidden % PANEL == 0
        and (decoder.ranking or 0) % PANEL == 0
        and grid % PANEL == 0
    )


def write_decoder_tensors(sam: Sam, path: Path, dtype: str) -> None:
    """Write what a click takes of a model that ``can_be_decoded``.

    dtype: other than ``float32``: large weights are kept in float16.
    """
    decoder, encoder = sam.config.decoder, sam.config.encoder
    said = {
        "width": decoder.width,
        "heads": decoder.heads,
        "mlp_hidden": decoder.mlp_hidden,
        "grid": encoder.grid,
        "input_px": encoder.image_px,
        "ranking": decoder.ranking,
        "norm_eps": sam.mask_decoder.transformer.norm_final_attn.eps,
        "upscale_eps": sam.mask_decoder.upscaling_layers()[1].eps,
        "mask_eps": _mask_layers(sam.prompt_encoder)[1].eps,
    }
    write_tensors(path, decoder_tensors(sam), {"mask_decoder": said}, dtype, _is_whole)


def _is_whole(name: str) -> bool:
    return name.startswith(WHOLE) or name.endswith((".gain", ".shift"))


@torch.no_grad()
def decoder_tensors(sam: Sam) -> dict[str, Tensor]:
    """The tensors by their names, float32; what each is: docs/formats.md."""
    parts = (_prompts(sam), _image(sam), _mask(sam), _tokens(sam), _told(sam), _upscaling(sam))
    tensors = {name: tensor.float() for part in parts for name, tensor in part}
    if sam.mask_decoder.ranking is not None:
        tensors |= {f"rank.{name}": x.float() for name, x in _ranking(sam.mask_decoder.ranking)}
    return tensors


def _prompts(sam: Sam) -> Named:
    encoder, decoder = sam.prompt_encoder, sam.mask_decoder
    yield "gaussian", encoder.pe_layer.positional_encoding_gaussian_matrix
    points = [each.weight for each in encoder.point_embeddings if isinstance(each, nn.Embedding)]
    yield "points", torch.cat(points)
    yield "not_a_point", encoder.not_a_point_embed.weight[0]
    yield "outputs", torch.cat([decoder.iou_token.weight, decoder.mask_tokens.weight])


def _image(sam: Sam) -> Named:
    """What is computed once of an image, which is an embedding and what stands for no mask."""
    decoder, transformer = sam.mask_decoder, sam.mask_decoder.transformer
    no_mask = sam.prompt_encoder.no_mask_embed.weight
    units = torch.cat([torch.eye(no_mask.shape[1]).to(no_mask), no_mask])  # C + 1, C
    own = own_parts(transformer, decoder.upscaling_layers()[0], units)
    masks = zip(as_norms_get(transformer, mask_rows(sam)), as_norms_get(transformer, units))
    norms = [_padded(told @ rows.mT, STRIP) for told, rows in masks]
    rows = [*(own[name] for name in OWN), _padded(own["always"], STRIP), *norms]
    yield "own.weight", strips(torch.cat(rows))
    yield "where.weight", strips(torch.cat(list(_where(transformer))))
    values = torch.cat([own[name] for name in VALUES])
    if decoder.ranking is not None:
        covered = COVERED_SCALE * decoder.ranking.of_covered.weight
        values = torch.cat([values, F.pad(covered, (0, 1))])
    for name, columns in ((SEEN, values), (UPSCALED, own["upscaled"].mT)):
        yield from _panels(name, columns)
    yield "no_mask", no_mask[0]
    yield "gain_1", transformer.blocks()[0].norm4.weight


def _where(transformer: TwoWayTransformer) -> Iterator[Tensor]:
    """What positions and biases add to keys and queries: (I, C + 1) each."""
    for block in transformer.blocks():
        yield _with_bias(block.cross_attn_token_to_image.k_proj)
        yield _with_bias(block.cross_attn_image_to_token.q_proj)
    yield _with_bias(transformer.final_attn_token_to_image.k_proj)


def _mask(sam: Sam) -> Named:
    """What is computed of a mask, and what its 16 channels and having one add to an image."""
    first, norm_1, second, norm_2 = _mask_layers(sam.prompt_encoder)
    yield "mask.1.weight", first.weight[:, 0].permute(1, 2, 0).flatten(0, 1)
    yield "mask.2.weight", second.weight.permute(2, 3, 1, 0).flatten(0, 1)
    for number, (layer, norm) in enumerate(((first, norm_1), (second, norm_2)), 1):
        assert layer.bias is not None
        yield f"mask.{number}.bias", layer.bias
        yield from _norm(f"mask.{number}", norm)
    transformer, rows = sam.mask_decoder.transformer, mask_rows(sam)
    own = own_parts(transformer, sam.mask_decoder.upscaling_layers()[0], rows)
    always = _padded(own["always"], STRIP)
    yield "own.mask", strips(torch.cat([*(own[name] for name in OWN), always]))
    yield "seen.mask", packed(torch.cat([own[name] for name in VALUES]))
    yield "upscaled.mask", packed(own["upscaled"].mT)
    for number, told in enumerate(as_norms_get(transformer, rows), 1):
        yield f"mask.products.{number}", strips(_padded(told @ told.mT, STRIP))


def _mask_layers(
    encoder: PromptEncoder,
) -> tuple[nn.Conv2d, LayerNorm2d, nn.Conv2d, LayerNorm2d]:
    """What is learned before the last convolution of the masks' embedding."""
    first, norm_1, _, second, norm_2, _, _ = encoder.mask_downscaling
    assert isinstance(first, nn.Conv2d)
    assert isinstance(norm_1, LayerNorm2d)
    assert isinstance(second, nn.Conv2d)
    assert isinstance(norm_2, LayerNorm2d)
    return first, norm_1, second, norm_2


def _tokens(sam: Sam) -> Named:
    transformer = sam.mask_decoder.transformer
    for number, block in enumerate(transformer.blocks(), 1):
        for name, tensor in _layer(block):
            yield f"{number}.{name}", tensor
    yield from _look("last.", transformer.final_attn_token_to_image)
    yield from _norm("last.norm", transformer.norm_final_attn)
    heads = (sam.mask_decoder.iou_prediction_head, *sam.mask_decoder.output_hypernetworks_mlps)
    for number in range(HEAD_DEPTH):
        layers = [head.get_submodule(f"layers.{number}") for head in heads]
        yield from _side_by_side(f"heads.{number + 1}", layers)


def _side_by_side(name: str, layers: Sequence[nn.Module]) -> Named:
    """Linear layers one after the other; those of fewer columns are padded with zeros."""
    known = [layer for layer in layers if isinstance(layer, nn.Linear)]
    most = max(layer.out_features for layer in known)
    padded = [F.pad(_with_bias(layer), (0, 0, 0, most - layer.out_features)) for layer in known]
    yield f"{name}.weight", torch.stack([packed(each[:, :-1]) for each in padded])
    yield f"{name}.bias", torch.stack([each[:, -1] for each in padded])


def _layer(block: TwoWayAttentionBlock) -> Named:
    own, to_token = block.self_attn, block.cross_attn_image_to_token
    queries = own.scale * _with_bias(own.q_proj)
    yield from _panels("self_qk", torch.cat([queries, _with_bias(own.k_proj)]))
    yield from _panels("self_v", _with_bias(own.v_proj))
    yield from _panels("self_out", _with_bias(own.out_proj))
    for number, norm in enumerate((block.norm1, block.norm2, block.norm3), 1):
        yield from _norm(f"norm{number}", norm)
    yield from _look("", block.cross_attn_token_to_image)
    yield from _panels("mlp1", _with_bias(block.mlp.lin1))
    yield from _panels("mlp2", _with_bias(block.mlp.lin2))
    yield from _panels("asked", to_token.scale * _with_bias(to_token.k_proj))
    yield from _panels("values", _with_bias(to_token.v_proj))


def _look(before: str, attention: Projections) -> Named:
    """What tokens ask the image, and what they make of the answer: the values' bias included."""
    yield from _panels(f"{before}look", attention.scale * _with_bias(attention.q_proj))
    shown = attention.out_proj
    bias = shown.bias + shown.weight @ attention.v_proj.bias
    yield from _panels(f"{before}shown", torch.cat([shown.weight, bias[:, None]], dim=1))


def _told(sam: Sam) -> Named:
    """What layers tell the image, as norms and those that read it get that (``told_rows``)."""
    first = sam.mask_decoder.upscaling_layers()[0]
    for s, stage in enumerate(stages(sam.mask_decoder.transformer, first), 1):
        for i, told in enumerate(stage.reads, 1):
            yield f"reads.{s}.{i}.weight", told.weight.flatten(0, 1)
            yield f"reads.{s}.{i}.bias", told.bias
        for i, told in enumerate(stage.squares, 1):
            for j, form in enumerate(_forms(told, s - i + 1), i):
                yield f"squares.{s}.{i}.{j}", F.pad(form, (0, STRIP - 1))
        bias = upscaling(first)[1]
        always = stage.always
        yield f"always.{s}", always + F.pad(bias, (len(always) - len(bias), 0)) * (s == DEPTH)


def _forms(told: Told, count: int) -> Iterator[Tensor]:
    """Rows by the rows of ``count`` layers, as bilinear forms of values and a one: (I + 1, I + 1).

    The last row and column are the biases'.
    """
    weight = torch.cat([told.weight.flatten(0, 1), told.bias[None]])
    yield from weight.chunk(count, dim=1)


def _upscaling(sam: Sam) -> Named:
    _, norm, second = sam.mask_decoder.upscaling_layers()
    assert second.bias is not None
    yield from _norm("upscale", norm)
    # The new pixels (0, 0), (0, 1), (1, 0), (1, 1) one after the other.
    yield "upscale.weight", strips(second.weight.permute(2, 3, 1, 0).flatten(0, 2))
    yield "upscale.bias", second.bias


def _ranking(ranking: MaskRanking) -> Named:
    yield from _panels("click", _with_bias(ranking.of_click))
    yield from _panels("token", F.pad(ranking.of_token.weight, (0, 1)))
    yield "iou.weight", IOU_SCALE * ranking.of_iou.weight.mT
    yield "which", ranking.which
    yield from _panels("among", _with_bias(ranking.among))
    yield "correction.weight", ranking.correction.weight[0]
    yield "correction.bias", ranking.correction.bias


def _norm(name: str, norm: nn.LayerNorm | LayerNorm2d) -> Named:
    yield f"{name}.gain", norm.weight
    yield f"{name}.shift", norm.bias


def _panels(name: str, weight: Tensor) -> Named:
    """Of a weight and its bias, (n, k + 1)."""
    yield from linear(name, weight[:, :-1], weight[:, -1])


def _with_bias(layer: nn.Linear) -> Tensor:
    """Weight and bias of a linear layer: (n, k + 1)."""
    return torch.cat([layer.weight, layer.bias[:, None]], dim=1)


def _padded(rows: Tensor, multiple: int) -> Tensor:
    """With rows of zeros up to a multiple."""
    return F.pad(rows, (0, 0, 0, -len(rows) % multiple))


def strips(weight: Tensor) -> Tensor:
    """(n, k) in strips of 4 columns: (n / 4, k, 4)."""
    return torch.unflatten(weight, 0, (-1, STRIP)).mT.contiguous()
