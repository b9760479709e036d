"""Traceable graphs of a SAM: each with an example of what goes in, and what things are called.

Shape legend: P prompts, N points, C channels, h w embedding grid, S side of the model's input.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from anymask.export.click import (
    ANSWERS,
    ClickGraph,
    MaskGraph,
    PrepareGraph,
    answer_names,
    click_names,
    own_names,
)
from anymask.export.graphs import DecoderGraph, EncoderGraph
from anymask.models.sam import Sam
from anymask.weights.graph_pair import (
    CLICK_FILE,
    DECODER_FILE,
    ENCODER_FILE,
    MASK_FILE,
    PREPARE_FILE,
    UNMASKED,
)

PROMPT_INPUTS = (
    "image_embeddings",
    "point_coords",
    "point_labels",
    "mask_input",
    "has_mask_input",
    "orig_im_size",
)
TEXT_INPUTS = ("text_embeddings", "has_text")  # the last ones of decoders that read
ANY = torch.export.Dim.DYNAMIC


@dataclass(frozen=True)
class Graph:
    """A module to export: what goes in as an example, which axes vary, what things are called."""

    module: nn.Module
    example: tuple[Tensor, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    varying: tuple[Any, ...]


def graphs_of(sam: Sam, single_mask: bool) -> dict[str, Graph]:
    """The graphs that are traced, by the file they go to."""
    side, grid = sam.config.encoder.image_px, sam.config.encoder.grid
    embedding = torch.zeros(1, sam.config.decoder.width, grid, grid)
    # Numbers of prompts and points that differ from each other and from 1 stay variables.
    points = torch.rand(3, 5, 2) * side, torch.ones(3, 5)
    masks = torch.zeros(3, 1, 4 * grid, 4 * grid), torch.ones(3)
    size = torch.tensor([side / 2, side / 1.0])
    several = {0: ANY, 1: ANY}
    text, reads = _text_example(sam), TEXT_INPUTS if sam.config.text else ()
    rows = ({0: ANY},) * len(text)
    prepare, decoder = PrepareGraph(sam), sam.config.decoder
    prepared, taken = _shared(own_names(decoder)), _shared(click_names(decoder))
    with torch.no_grad():
        own = tuple(array.clone() for array in prepare(embedding))
    return {
        ENCODER_FILE: Graph(
            EncoderGraph(sam),
            (torch.zeros(1, 3, side, side),),
            ("image",),
            ("image_embeddings",),
            (None,),
        ),
        PREPARE_FILE: Graph(prepare, (embedding,), PROMPT_INPUTS[:1], prepared, (None,)),
        MASK_FILE: Graph(
            MaskGraph(sam),
            (masks[0][:1], *own),
            ("mask_input", *(name + UNMASKED for name in prepared)),
            taken,
            (None, (None,) * len(prepared)),
        ),
        CLICK_FILE: Graph(
            ClickGraph(sam),
            (*points, *own[: len(taken)], *text),
            ("point_coords", "point_labels", *taken, *reads),
            answer_names(decoder),
            (several, several, ((None,) * len(taken) + rows)),
        ),
        DECODER_FILE: Graph(
            DecoderGraph(sam, single_mask),
            (embedding, *points, *masks, size, *text),
            (*PROMPT_INPUTS, *reads),
            ("masks", *ANSWERS),
            (None, several, several, {0: ANY}, {0: ANY}, None, *([rows] if rows else [])),
        ),
    }


def _text_example(sam: Sam) -> tuple[Tensor, ...]:
    """What decoders of a model that reads take besides; nothing of another."""
    if sam.config.text is None:
        return ()
    return torch.rand(3, sam.config.text.width), torch.ones(3)


def _shared(names: tuple[str, ...]) -> tuple[str, ...]:
    """Names of inputs and outputs, which must differ from those of anything in between."""
    return tuple(f"shared_{name}" for name in names)
