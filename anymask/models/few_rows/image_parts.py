"""What prompts without masks share of an image, where the image's side is a sum of a few rows.

A layer of the two-way transformer adds ``Aᵀ V`` to image positions ``X``: a product by a weight is
``X W + Aᵀ (V W)``, of which ``X W`` is the image's own (docs/adr/0021). Norms take means off and
multiply by gains: here that is done beforehand, to ``X`` as to whatever is added to it.

Shape legend: L image positions, C channels, H heads, D head width, K rows of a sum.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from anymask.models.two_way import TokenToImageAttention, TwoWayTransformer

Own = dict[str, Tensor]  # of an image, by the names of ``own_parts``
LAST = "last"  # instead of a layer's number: the last look


def own_parts(transformer: TwoWayTransformer, first: nn.ConvTranspose2d, image: Tensor) -> Own:
    """What clicks need of image positions (L, C), or of a sum's rows (K, C), but for biases.

    first: convolution of the upscaling.

    ``keys_i``, ``values_i``, ``queries_i``: their share in those of layer i; ``keys_last``,
    ``values_last``: of the last look; ``told_i_j``: their products with what the heads of layer i
    can tell, as norm j gets both; (H·D, L) each. ``always``: their products with what layers tell
    in any case, (pairs i, j; L). ``upscaled``: their share in the upscaling, (L, 4·C/4).
    """
    own: Own = {}
    always: list[Tensor] = []
    tellers: list[tuple[Tensor, Tensor]] = []
    shift = torch.zeros_like(image[0])
    for j, block in enumerate(transformer.blocks(), 1):
        to_image, to_token = block.cross_attn_token_to_image, block.cross_attn_image_to_token
        own |= _keys_and_values(to_image, image, str(j))
        own[f"queries_{j}"] = to_token.q_proj.weight @ image.mT
        image = centred(image)
        out = to_token.out_proj
        tellers.append((centred(out.weight.T), centred(out.bias + shift)))
        for i, (weight, bias) in enumerate(tellers, 1):
            own[f"told_{i}_{j}"] = weight @ image.mT
            always.append((image * bias).sum(dim=-1))  # a product goes wrong in WebAssembly
        gain, shift = block.norm4.weight, block.norm4.bias
        image = image * gain
        tellers = [(centred(weight * gain), centred(bias * gain)) for weight, bias in tellers]
    own |= _keys_and_values(transformer.final_attn_token_to_image, image, LAST)
    return own | {"upscaled": image @ upscaling(first)[0], "always": torch.stack(always)}


def _keys_and_values(attention: TokenToImageAttention, image: Tensor, layer: str) -> Own:
    """The share of image positions (L, C) in what tokens see: (H·D, L) each."""
    return {
        f"keys_{layer}": attention.k_proj.weight @ image.mT,
        f"values_{layer}": attention.v_proj.weight @ image.mT,
    }


def as_norms_get(transformer: TwoWayTransformer, image: Tensor) -> Iterator[Tensor]:
    """Image positions (L, C), or a sum's rows, norm by norm: centred, after earlier gains."""
    for block in transformer.blocks():
        image = centred(image)
        yield image
        image = image * block.norm4.weight


def centred(x: Tensor) -> Tensor:
    """Less its mean over the channels, as a norm takes it."""
    return x - x.mean(dim=-1, keepdim=True)


def upscaling(first: nn.ConvTranspose2d) -> tuple[Tensor, Tensor]:
    """Weight (C, 4·C/4) and bias of the first transposed convolution, centred for its norm."""
    assert first.bias is not None
    weight = first.weight.permute(0, 2, 3, 1)  # C 2 2 C/4
    return centred(weight).flatten(1), centred(first.bias).repeat(4)
