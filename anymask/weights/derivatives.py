"""Derivatives: what a file is that has some of SAM's names, but no SAM or not all of one."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from anymask.errors import LayoutError
from anymask.weights.named_tensors import named

PARTS = {
    "image_encoder": "an image encoder",
    "vision_encoder": "an image encoder",
    "prompt_encoder": "a prompt encoder",
    "mask_decoder": "a mask decoder",
}
# What other models' names have in them that SAM's have not, and whose they are.
MARKS = (
    (
        re.compile(r"lora|base_layer|\.linear_[ab]_[qkv]\b|\bw_[ab]_\d+", re.IGNORECASE),
        "LoRA's: merge them into the model that they were trained on, and save that",
    ),
    (re.compile(r"\bhf_token|\bhf_mlp|compress_vit_feat"), "SAM-HQ's, whose decoder is another"),
    (
        re.compile(r"_encoder\.(trunk|backbone|neck\.convs)\.|memory_attention"),
        "SAM 2's or of another encoder; for SAM 2 try --weights sam2-hiera-tiny",
    ),
    (re.compile(r"adapter", re.IGNORECASE), "an adapter's: layers that SAM has not"),
)


def origin_of(names: Collection[str]) -> str:
    """Whose names are that SAM has not: " (…)" to stand behind them; "" if nobody knows."""
    for mark, words in MARKS:
        if any(mark.search(name) for name in names):
            return f" ({words})"
    return ""


def outline(names: Collection[str]) -> str:
    """What a file with these names holds, in a line."""
    roots = {name.split(".")[0] for name in names}
    parts = list(dict.fromkeys(words for root, words in PARTS.items() if root in roots))
    tensors = f"{len(names)} {'tensor' if len(names) == 1 else 'tensors'}, {named(list(names))}"
    whole = f"{' and '.join(parts)}, but no whole SAM: {tensors}" if parts else tensors
    return whole + origin_of(names)


@contextmanager
def reading_shapes(names: Collection[str], source: str, model: str) -> Iterator[None]:
    """Read a model's size off the shapes of its weights.

    names: of the weights. source: whose they are, model: what they should be, for messages. Raises
    ``LayoutError`` for incomplete weights and for shapes of no such model.
    """
    try:
        yield
    except KeyError as error:
        raise LayoutError(
            f"{source} is incomplete: {error.args[0]} is missing; it holds {outline(names)}"
        ) from None
    except (IndexError, ValueError, ZeroDivisionError) as error:
        raise LayoutError(f"{source} has shapes of no {model}: {error}") from None
