"""What a browser computes at a click, where it has kernels for the upscaling: for the gate.

Shape legend: P prompts, T mask tokens, h w embedding grid.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open

from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import Floats
from anymask.export.click import ANSWERS, LOOKED_BY, UPSCALED, UPSCALED_BY
from anymask.export.upscaling_tensors import upscaled_logits
from anymask.predict.onnx_runtime import Graph, OnnxSegmenter, Rows
from anymask.predict.promptable import PromptArrays
from anymask.weights.graph_pair import GraphPair


class BrowserSegmenter(OnnxSegmenter):
    """An export's ``attend``, the upscaling by its tensors and, if there is one, ``rank``."""

    def __init__(self, pair: GraphPair, attend: Path, upscaling: Path, rank: Path | None) -> None:
        super().__init__(pair)
        self._attend = Graph(attend)
        self._rank = None if rank is None else Graph(rank)
        with safe_open(upscaling, "pt") as file:
            self._tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            self._eps = float(json.loads(file.metadata()["upscaling"])["eps"])

    def decode(
        self, embedding: ImageEmbedding, prompts: PromptArrays, rows: Rows, outputs: list[str]
    ) -> tuple[Floats, ...]:
        """Logits (P, T, 4h, 4w) and predicted IoUs (P, T)."""
        feeds = self._feeds(embedding, prompts, rows)
        more = ANSWERS[:1] if self._rank is None else LOOKED_BY
        names = [*UPSCALED_BY, *more]
        feeds |= zip(names, self._attend.run(names, feeds))
        own, *told = (
            torch.from_numpy(feeds[name]) for name in (f"shared_{UPSCALED}", *UPSCALED_BY)
        )
        logits = upscaled_logits(self._tensors, self._eps, own, *told)
        feeds[ANSWERS[1]] = np.asarray(logits, np.float32)
        if self._rank is not None:
            (looked,) = self._rank.run([ANSWERS[0]], feeds)
            lone = prompts.lone_clicks()[rows, None]
            feeds[ANSWERS[0]] = np.where(lone, looked, feeds[LOOKED_BY[0]])
        return tuple(feeds[name] for name in outputs)
