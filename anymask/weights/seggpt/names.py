"""Names: what the official code and Hugging Face call SegGPT's parameters, to and from ours."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

State = Mapping[str, Tensor]
Table = tuple[tuple[str, str], ...]

# Ours and theirs, both as they begin; {i} runs over blocks. What stands in no table is named alike.
OFFICIAL: Table = (
    ("blocks.{i}.mlp.lin1", "blocks.{i}.mlp.fc1"),
    ("blocks.{i}.mlp.lin2", "blocks.{i}.mlp.fc2"),
)
HUGGING_FACE: Table = (
    ("mask_token", "model.embeddings.mask_token"),
    ("segment_token_x", "model.embeddings.segment_token_input"),
    ("segment_token_y", "model.embeddings.segment_token_prompt"),
    ("type_token_cls", "model.embeddings.type_token_semantic"),
    ("type_token_ins", "model.embeddings.type_token_instance"),
    ("pos_embed", "model.embeddings.position_embeddings"),
    ("patch_embed.proj", "model.embeddings.patch_embeddings.projection"),
    ("blocks.{i}.attn", "model.encoder.layers.{i}.attention"),
    ("blocks.{i}.mlp", "model.encoder.layers.{i}.mlp"),
    ("blocks.{i}.norm1", "model.encoder.layers.{i}.layernorm_before"),
    ("blocks.{i}.norm2", "model.encoder.layers.{i}.layernorm_after"),
    ("norm", "model.encoder.layernorm"),
    ("decoder_embed", "decoder.decoder_embed"),
    ("decoder_pred.0", "decoder.decoder_pred.conv"),
    ("decoder_pred.1", "decoder.decoder_pred.layernorm"),
    ("decoder_pred.3", "decoder.decoder_pred.head"),
)


def to_ours(state: State, table: Table) -> dict[str, Tensor]:
    """Weights under our names."""
    return _renamed(state, [(theirs, ours) for ours, theirs in table])


def to_theirs(state: State, table: Table) -> dict[str, Tensor]:
    """Weights of ours under others' names."""
    return _renamed(state, table)


def _renamed(state: State, table: Table | list[tuple[str, str]]) -> dict[str, Tensor]:
    patterns = [
        (re.compile(re.escape(old).replace(r"\{i\}", r"(\d+)") + r"(?=\.|$)"), new)
        for old, new in table
    ]
    return {_new_name(name, patterns): tensor for name, tensor in state.items()}


def _new_name(name: str, patterns: list[tuple[re.Pattern[str], str]]) -> str:
    for pattern, new in patterns:
        if match := pattern.match(name):
            block = match[1] if match.groups() else ""
            return new.replace("{i}", block) + name[match.end() :]
    return name
