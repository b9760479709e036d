"""Layout: which weights are a SegGPT's, of what size, and how others want them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from anymask.core.atomic import make_folder, writing
from anymask.errors import LayoutError
from anymask.models.seggpt import SegGPTConfig
from anymask.models.vit import ViTConfig
from anymask.weights.checkpoint import CONFIG_FILE, WEIGHTS_FILE
from anymask.weights.derivatives import reading_shapes
from anymask.weights.seggpt.names import HUGGING_FACE, OFFICIAL, to_ours, to_theirs
from anymask.weights.state_file import write_pickle, write_safetensors

State = Mapping[str, Tensor]


def in_our_names(state: State) -> tuple[dict[str, Tensor], str] | None:
    """A SegGPT's weights under our names, and the layout that they had; None for another model."""
    if "model.embeddings.segment_token_input" in state:
        return to_ours(state, HUGGING_FACE), "huggingface"
    if "segment_token_x" in state:
        return to_ours(state, OFFICIAL), "official"
    return None


def config_of(state: State, source: str) -> SegGPTConfig:
    """The config of weights under our names, read off their shapes.

    Which blocks the decoder reads no shape tells: they are taken to divide the depth evenly, as the
    paper's do; and the merging to come after the third block.

    Raises ``LayoutError`` for incomplete weights and for shapes of no SegGPT.
    """
    with reading_shapes(state, source, "SegGPT"):
        width, _, _, patch_px = state["patch_embed.proj.weight"].shape
        depth = sum(name.endswith(".attn.qkv.weight") for name in state)
        table = state["blocks.0.attn.rel_pos_h"]
        grid_hw = [(len(state[f"blocks.0.attn.rel_pos_{side}"]) + 1) // 2 for side in "hw"]
        image_hw = grid_hw[0] * patch_px, grid_hw[1] * patch_px
        features = state["decoder_embed.weight"].shape[1] // width
        return SegGPTConfig(
            vit=ViTConfig(
                width=width,
                depth=depth,
                heads=width // table.shape[1],
                global_blocks=tuple(range(depth)),
                image_px=max(image_hw),
                patch_px=patch_px,
                mlp_ratio=len(state["blocks.0.mlp.lin1.bias"]) / width,
                image_hw=image_hw,
            ),
            features_of=tuple(depth * (n + 1) // features - 1 for n in range(features)),
            decoder_channels=len(state["decoder_pred.0.bias"]),
            position_grid=math.isqrt(state["pos_embed"].shape[1] - 1),
        )


def refuse_windows(config: SegGPTConfig) -> None:
    """Raises ``LayoutError`` for blocks that see windows: neither layout has a place for these."""
    if len(config.vit.global_blocks) < config.vit.depth:
        raise LayoutError(
            "blocks of this SegGPT see windows of the picture; the official layout and Hugging "
            "Face's have blocks that see all of it"
        )


def write_official(state: State, path: Path) -> None:
    """Write a ``.pth`` as the official ``seggpt_vit_large.pth`` is: weights under ``model``."""
    make_folder(path.parent)
    write_pickle({"model": to_theirs(state, OFFICIAL)}, path)


def write_hugging_face(state: State, config: SegGPTConfig, folder: Path) -> None:
    """Write a folder for ``transformers.SegGptForImageSegmentation.from_pretrained``."""
    make_folder(folder)
    write_safetensors(to_theirs(state, HUGGING_FACE), folder / WEIGHTS_FILE)
    with writing(folder / CONFIG_FILE) as part:
        part.write_text(json.dumps(hugging_face_config(config), indent=2) + "\n")


def hugging_face_config(config: SegGPTConfig) -> dict[str, Any]:
    """The ``config.json`` that ``transformers.SegGptForImageSegmentation`` wants."""
    vit = config.vit
    height, width = config.image_hw
    return {
        "model_type": "seggpt",
        "architectures": ["SegGptForImageSegmentation"],
        "hidden_size": vit.width,
        "num_hidden_layers": vit.depth,
        "num_attention_heads": vit.heads,
        "image_size": [2 * height, width],
        "patch_size": vit.patch_px,
        "mlp_dim": int(vit.width * vit.mlp_ratio),
        "pretrain_image_size": config.position_grid * vit.patch_px,
        "decoder_hidden_size": config.decoder_channels,
        "merge_index": config.merged_after,
        "intermediate_hidden_state_indices": list(config.features_of),
    }
