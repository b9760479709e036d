"""A tiny random CLIP and SigLIP in the layout of their folders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

VOCABULARY, SIDE, WIDTH, LONGEST = 520, 32, 12, 16
VISION = {
    "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
    "image_size": SIDE, "patch_size": 16,
}  # fmt: skip
TEXT = {
    "vocab_size": VOCABULARY, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1,
    "num_attention_heads": 2, "max_position_embeddings": LONGEST,
}  # fmt: skip
START, END = "<|startoftext|>", "<|endoftext|>"


def write_clip(folder: Path, seed: int = 0) -> Path:
    """A ``CLIPModel`` with a tokenizer that knows bytes and no more."""
    import transformers

    ids = {"bos_token_id": VOCABULARY - 2, "eos_token_id": VOCABULARY - 1, "pad_token_id": 0}
    config = transformers.CLIPConfig(
        vision_config=VISION, text_config={**TEXT, **ids}, projection_dim=WIDTH
    )
    return _write(transformers.CLIPModel, config, folder, seed)


def write_siglip(folder: Path, seed: int = 0) -> Path:
    """A ``SiglipModel`` with a tokenizer that knows bytes and no more."""
    import transformers

    vision, text = {**VISION, "hidden_size": WIDTH}, {**TEXT, "hidden_size": WIDTH}
    config = transformers.SiglipConfig(
        vision_config=vision, text_config={**text, "projection_size": WIDTH}
    )
    return _write(transformers.SiglipModel, config, folder, seed)


def _write(model: Any, config: Any, folder: Path, seed: int) -> Path:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model(config).save_pretrained(folder)
    write_tokenizer(folder, config.model_type)
    return folder


def write_tokenizer(folder: Path, kind: str, more: int = 0) -> None:
    """Every byte is a token, at the end of a word another; more: tokens that nobody needs."""
    from tokenizers.pre_tokenizers import ByteLevel

    letters = sorted(ByteLevel.alphabet())
    words = [*letters, *(f"{letter}</w>" for letter in letters)]
    fill = [f"<{number}>" for number in range(VOCABULARY - 2 - len(words))]
    tokens = [*words, *fill, START, END, *(f"<more {number}>" for number in range(more))]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    named = "CLIPTokenizer" if kind == "clip" else "PreTrainedTokenizerFast"
    settings = {"tokenizer_class": named, "model_max_length": LONGEST, "pad_token": END}
    if kind == "clip":
        (folder / "vocab.json").write_text(json.dumps(vocabulary))
        (folder / "merges.txt").write_text("#version: 0.2\n")
        settings |= {"bos_token": START, "eos_token": END, "unk_token": END}
    else:
        from tokenizers import Tokenizer
        from tokenizers.models import BPE

        tokenizer = Tokenizer(BPE(vocab=vocabulary, merges=[]))
        tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
        tokenizer.save(str(folder / "tokenizer.json"))
        settings |= {"eos_token": END, "unk_token": END}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
