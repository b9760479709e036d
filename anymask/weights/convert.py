"""Convert: other people's weights of SAM and SegGPT to a checkpoint of ours, and back.

Which layout a file has is read off its parameters' names, the size of the model off their shapes.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from anymask.core.atomic import make_folder, writing
from anymask.errors import LayoutError
from anymask.models.mask_decoder import MaskDecoderConfig
from anymask.models.sam import SamConfig
from anymask.models.seggpt import SegGPTConfig
from anymask.models.tiny_vit import TINY_VIT_5M
from anymask.models.vit import ViTConfig
from anymask.weights import parameter_names
from anymask.weights.checkpoint import CONFIG_FILE, WEIGHTS_FILE, Checkpoint, check_finite
from anymask.weights.derivatives import outline, reading_shapes
from anymask.weights.seggpt import layout as seggpt
from anymask.weights.state_file import write_pickle, write_safetensors

State = Mapping[str, Tensor]
RGBNumbers = tuple[float, float, float]

# What others keep in a model's state that follows from the rest: counts of thop, TinyViT's indices.
DERIVED = (".total_ops", ".total_params", ".attention_bias_idxs")
LARGEST_UNIT = 2.0  # a mean of pixels of 0 to 1 is below it, one of 0 to 255 above
MOST_LEFT_OUT = 20


def to_checkpoint(
    state: State,
    name: str,
    sha256: str,
    source: str,
    *,
    left_out: Sequence[str] = (),
    unread: Sequence[str] = (),
) -> Checkpoint:
    """The checkpoint of weights in any known layout. Raises ``LayoutError`` for others.

    name: what to call the model; sha256: of its file; source: what was named, for messages and
    ``Checkpoint.made_by``. left_out, unread: what else was in the file (``NamedTensors``).
    Numbers become float32, in which all but float64's stay as they are.

    Raises ``CorruptFileError`` for weights that are NaN or infinite.
    """
    in_context = seggpt.in_our_names(state)
    is_seggpt = in_context is not None
    state, layout = in_context or _in_our_names(dict(state), source, unread)
    state = {key: tensor for key, tensor in state.items() if not key.endswith(DERIVED)}
    check_finite(state, source)
    state = {key: _as_float32(tensor, key, source) for key, tensor in state.items()}
    made_by: dict[str, Any] = {"source": source, "layout": layout, "sha256": sha256}
    if left_out:
        made_by["left_out"] = list(left_out[:MOST_LEFT_OUT])
    if is_seggpt:
        return Checkpoint(name, seggpt.config_of(state, source), state, sha256, made_by)
    mean, std = (state.pop(key, None) for key in ("pixel_mean", "pixel_std"))
    config = replace(
        config_of(state, source),
        pixel_mean=_pixel_numbers(mean, "pixel_mean", SamConfig.pixel_mean, source),
        pixel_std=_pixel_numbers(std, "pixel_std", SamConfig.pixel_std, source),
    )
    return Checkpoint(name, config, state, sha256, made_by)


def _in_our_names(
    state: dict[str, Tensor], source: str, unread: Sequence[str]
) -> tuple[dict[str, Tensor], str]:
    """The weights under our names, and the layout that they had."""
    if any(parameter.startswith("vision_encoder.layers.") for parameter in state):
        return parameter_names.from_hugging_face(state), "huggingface"
    if any(parameter.startswith("image_encoder.layers.") for parameter in state):
        return parameter_names.from_mobile_sam(state), "mobile-sam"
    if any(parameter.startswith("image_encoder.blocks.") for parameter in state):
        return state, "official"
    beside = f"; other values in it are of {', '.join(unread)}" if unread else ""
    raise LayoutError(
        f"{source} holds no SAM that anymask knows (official, MobileSAM or Hugging Face) and no "
        f"SegGPT, but {outline(state)}{beside}"
    )


def _as_float32(tensor: Tensor, name: str, source: str) -> Tensor:
    """A weight in the numbers that models are built with; counts stay as they are."""
    if tensor.is_floating_point():
        return tensor.float()
    if tensor.is_quantized or tensor.dtype in (torch.int8, torch.uint8):
        raise LayoutError(
            f"{source} is quantised: {name} is of {tensor.dtype}; take the weights it was made of"
        )
    return tensor


def _pixel_numbers(buffer: Tensor | None, key: str, known: RGBNumbers, source: str) -> RGBNumbers:
    """How a file says that pixels are normalised; as SAM's are if it does not, or all but so."""
    if buffer is None:
        return known
    values = buffer.flatten().tolist()
    if len(values) != 3 or max(values) <= LARGEST_UNIT:
        raise LayoutError(f"{source} has a {key} of {values}: not of pixels of 0 to 255")
    if all(math.isclose(value, mine, rel_tol=1e-4) for value, mine in zip(values, known)):
        return known
    return (values[0], values[1], values[2])


def write_official(checkpoint: Checkpoint, path: Path) -> None:
    """Write a ``.pth`` that the official package loads strictly.

    MobileSAM's package also wants the classifier that it never uses: it loads the file with
    ``strict=False``.

    Raises ``LayoutError`` for a SegGPT that the layout has no place for.
    """
    if isinstance(checkpoint.config, SegGPTConfig):
        seggpt.refuse_windows(checkpoint.config)
        seggpt.write_official(checkpoint.state, path)
        return
    make_folder(path.parent)
    write_pickle(checkpoint.state, path)


def write_hugging_face(checkpoint: Checkpoint, folder: Path) -> None:
    """Write a folder for ``from_pretrained`` of ``transformers.SamModel``, or of its SegGPT.

    Raises ``LayoutError`` for a SegGPT that the layout has no place for.
    """
    if isinstance(checkpoint.config, SegGPTConfig):
        seggpt.refuse_windows(checkpoint.config)
        seggpt.write_hugging_face(checkpoint.state, checkpoint.config, folder)
        return
    state = parameter_names.to_hugging_face(dict(checkpoint.state), checkpoint.sam_config)
    config = json.dumps(parameter_names.hugging_face_config(checkpoint.sam_config), indent=2)
    make_folder(folder)
    write_safetensors(state, folder / WEIGHTS_FILE)
    with writing(folder / CONFIG_FILE) as part:
        part.write_text(config + "\n")


def config_of(state: State, source: str = "the weights") -> SamConfig:
    """The config that weights under our names were made for, read off their shapes.

    source: whose they are, for messages. Raises ``LayoutError`` for incomplete weights and shapes
    of no SAM.
    """
    with reading_shapes(state, source, "SAM"):
        encoder = _vit(state) if "image_encoder.pos_embed" in state else TINY_VIT_5M
        return SamConfig(
            encoder=encoder,
            decoder=_decoder(state),
            mask_channels=len(state["prompt_encoder.mask_downscaling.3.bias"]),
        )


def _vit(state: State) -> ViTConfig:
    _, grid, _, width = state["image_encoder.pos_embed"].shape
    patch_px = state["image_encoder.patch_embed.proj.weight"].shape[-1]
    depth = _count(state, r"image_encoder\.blocks\.(\d+)\.")
    tables = [state[f"image_encoder.blocks.{i}.attn.rel_pos_h"] for i in range(depth)]
    # A block's table of relative positions has an entry for every distance on its grid.
    sides = [(len(table) + 1) // 2 for table in tables]
    local = [side for side in sides if side != grid]
    return ViTConfig(
        width=width,
        depth=depth,
        heads=width // tables[0].shape[1],
        global_blocks=tuple(i for i, side in enumerate(sides) if side == grid),
        image_px=grid * patch_px,
        patch_px=patch_px,
        window=local[0] if local else ViTConfig.window,
        mlp_ratio=len(state["image_encoder.blocks.0.mlp.lin1.bias"]) / width,
        out_channels=len(state["image_encoder.neck.1.weight"]),
    )


def _decoder(state: State) -> MaskDecoderConfig:
    prefix = "mask_decoder"
    return MaskDecoderConfig(
        depth=_count(state, r"mask_decoder\.transformer\.layers\.(\d+)\."),
        width=state[f"{prefix}.iou_token.weight"].shape[1],
        mlp_hidden=len(state[f"{prefix}.transformer.layers.0.mlp.lin1.bias"]),
        mask_tokens=len(state[f"{prefix}.mask_tokens.weight"]),
        iou_head_hidden=len(state[f"{prefix}.iou_prediction_head.layers.0.bias"]),
        iou_head_depth=_count(state, r"mask_decoder\.iou_prediction_head\.layers\.(\d+)\."),
    )


def _count(state: State, pattern: str) -> int:
    """How many numbers occur where ``pattern`` has its group."""
    return len({match[1] for name in state if (match := re.match(pattern, name))})
