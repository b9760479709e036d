"""SegGPT as a predictor: examples are painted, the query's painting is read (§3.3).

Shape legend: E examples, H W pixels of an image, h w those of the model's half picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from anymask.core.geometry import Floats
from anymask.core.image import read_image, resize_to
from anymask.core.in_context.example import Example, spatial_grid
from anymask.core.in_context.palette import (
    Colors,
    LabelledPixels,
    Pixels,
    paint,
    palette,
    read_colors,
)
from anymask.errors import LayoutError, PromptError
from anymask.models.seggpt import SegGPT
from anymask.models.seggpt_prompt import SegGPTPrompt
from anymask.predict.in_context.answer import FoundObject, InContextAnswer
from anymask.predict.in_context.picture_numbers import PictureNumbers
from anymask.predict.predictor import find_device
from anymask.weights.checkpoint import Checkpoint
from anymask.weights.load import load_checkpoint

Ensemble = Literal["feature", "spatial"]
Kind = Literal["instance", "semantic"]

MOST_EXAMPLES = 64  # the paper's grids end at 8 × 8


class SegGPTPredictor:
    """A SegGPT, ready to segment images as examples show.

    Every answer runs examples and query through the model together: their tokens see each other
    from the first block on, so nothing but the patches of an example could be kept for the next
    query.
    """

    def __init__(self, checkpoint: Checkpoint, device: torch.device | None = None) -> None:
        """Raises ``LayoutError`` for a checkpoint of something else."""
        model = checkpoint.build()
        if not isinstance(model, SegGPT):
            raise LayoutError(f"{checkpoint.name} is no SegGPT; it segments nothing by example")
        self.model_id = checkpoint.model_id
        self.device = device or torch.device("cpu")
        self.model = model.requires_grad_(False).to(self.device)
        self.model.skip_empty_positions()
        if self.device.type == "cpu":
            self.model.suit_processor()
        self.hw = model.config.image_hw
        self.numbers = PictureNumbers(self.device)

    @classmethod
    def load(cls, weights: str | Path, device: str | torch.device = "auto") -> SegGPTPredictor:
        """Of a folder, or a file in the official or Hugging Face's layout.

        Raises ``WeightsError`` and ``Error``.
        """
        return cls(load_checkpoint(weights), find_device(device))

    def __repr__(self) -> str:
        return f"SegGPTPredictor({self.model_id}, on {self.device})"

    def segment(
        self,
        pixels: Pixels,
        examples: Sequence[Example | SegGPTPrompt],
        ensemble: Ensemble = "feature",
        kind: Kind | None = None,
    ) -> InContextAnswer:
        """The labels of the examples in another image, all at once, one colour each.

        pixels: (H, W, 3) RGB, or grey. examples: shown, or tuned for this model
        (``load_prompt``); all prompts and examples together paint with one palette, so that a
        prompt has as many labels as the others. ensemble: how several examples come together; in
        the batch, what the query sees of them averaged after every attention, or in one grid. kind:
        whether labels tell objects apart or classes; None: objects, or what a prompt was tuned for.

        Raises ``PromptError`` for no examples, too many, labels that can't be painted, and prompts
        that were tuned for another model, or go with none of the others; ``ImageError``.
        """
        if not 1 <= len(examples) <= MOST_EXAMPLES:
            raise PromptError(f"{len(examples)} examples: from 1 to {MOST_EXAMPLES} are taken")
        pixels = read_image(pixels)
        colors = palette(max(map(_count, examples)))
        shown = [one for one in examples if isinstance(one, Example)]
        tuned = [
            self._fitting(one, len(colors) - 1) for one in examples if isinstance(one, SegGPTPrompt)
        ]
        if ensemble == "spatial" and len(examples) > 1:
            if tuned:
                raise PromptError("a tuned prompt can't be one of a grid: ensemble='feature'")
            shown = [spatial_grid(shown, self.hw)]
        contexts = [self._context(one, colors) for one in shown]
        contexts += [(prompt.image, prompt.target) for prompt in tuned]
        is_instance = tuned[0].config.is_instance if tuned and kind is None else kind != "semantic"
        painted = self._paint(pixels, contexts, is_instance)
        labelled = read_colors(painted, colors, pixels.shape[:2])
        return InContextAnswer(labelled, _objects(labelled), f"SegGPT {self.model_id}")

    def _fitting(self, prompt: SegGPTPrompt, count: int) -> SegGPTPrompt:
        """A prompt that was tuned for this model and so many labels. Raises ``PromptError``."""
        config = prompt.config
        if config.model_id != self.model_id:
            raise PromptError(
                f"the prompt was tuned for {config.model_id}, and this is {self.model_id}"
            )
        if len(config.labels) != count:
            raise PromptError(
                f"the prompt was tuned for {len(config.labels)} labels, and other examples have "
                f"{count}: its colours would mean something else"
            )
        return prompt.to(self.device)

    def _context(self, example: Example, colors: Colors) -> tuple[Tensor, Tensor]:
        """An example as the model reads it: image and target, (1, 3, h, w) each."""
        small = example.resized(self.hw)
        return self.numbers.of([small.pixels]), self.numbers.of([paint(small.labels, colors)])

    def _paint(
        self, pixels: Pixels, contexts: Sequence[tuple[Tensor, Tensor]], is_instance: bool
    ) -> Floats:
        """What the model paints of a query: (h, w, 3) RGB of 0-255 and around."""
        shown, targets = (torch.cat(parts) for parts in zip(*contexts))
        query = self.numbers.of([resize_to(pixels, self.hw)]).expand_as(shown)
        with torch.inference_mode():
            painted = self.model(
                torch.cat([shown, query], dim=2),
                torch.cat([targets, targets], dim=2),  # the lower half is masked, whatever it is
                is_instance=is_instance,
                examples=len(contexts),
                query_only=True,
            )
        # With an ensemble all members paint the same, but for the row that sees the examples.
        return self.numbers.colors(painted)


def load_prompt(path: str | Path) -> SegGPTPrompt:
    """A prompt that ``anymask train seggpt_prompt`` left, a folder such as ``RUN/best``.

    Raises ``LayoutError`` for weights of something else, and what reading them raises.
    """
    checkpoint = load_checkpoint(path)
    prompt = checkpoint.build()
    if not isinstance(prompt, SegGPTPrompt):
        raise LayoutError(f"{path} is no prompt that was tuned for a SegGPT")
    return prompt.requires_grad_(False)


def _count(example: Example | SegGPTPrompt) -> int:
    """The highest label."""
    return example.count if isinstance(example, Example) else len(example.config.labels)


def _objects(labelled: LabelledPixels) -> tuple[FoundObject, ...]:
    """One for each label that is there, scored by how sure its pixels are on average."""
    found = []
    for label in np.unique(labelled.labels[labelled.labels > 0]).tolist():
        mask = labelled.labels == label
        found.append(FoundObject(mask, label, float(labelled.confidence[mask].mean())))
    return tuple(sorted(found, key=lambda one: -one.score))
