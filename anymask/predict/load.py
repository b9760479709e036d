"""From what a person names to something that answers prompts: in PyTorch, or in onnxruntime.

Neither is imported before it is known which one it takes.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from anymask.errors import Error, WeightsError, explained
from anymask.predict.promptable import Promptable
from anymask.weights.graph_pair import GraphPair, find_graph_pair, is_runnable_only
from anymask.weights.registry import DEFAULT

Progress = Callable[[int, int], None]


def load(
    weights: str | Path = DEFAULT,
    *,
    device: object = "auto",
    dtype: object = "auto",
    offline: bool | None = None,
    on_progress: Progress | None = None,
) -> Promptable:
    """Load weights, fetching them first if need be.

    weights: a registry row's name, a folder or a file. Exports (``anymask export onnx``) and
        ``sam2-hiera-tiny`` run on onnxruntime, everything else in PyTorch; where PyTorch is not
        installed, so do pairs of official graphs, the default weights among them.
    device: ``auto`` takes the first of cuda, mps and cpu that is there; onnxruntime also takes its
        own execution providers by name. PyTorch's own devices and dtypes are named as well.
    dtype: ``float32``, ``mixed``, ``bfloat16`` or ``float16``; ``auto`` takes ``mixed`` on
        processors that multiply bfloat16 faster, float32 elsewhere (``predict.predictor.load``). An
        export has the numbers it was made with.
    offline: forbid the network; None asks ``$ANYMASK_OFFLINE``.
    on_progress: called with the bytes fetched and the bytes in all, file by file.

    Raises ``WeightsError``, ``MissingExtraError`` or ``Error``.
    """
    if not isinstance(weights, (str, os.PathLike)):
        raise WeightsError(
            f"weights are named by a row, a folder or a file, not by a {type(weights).__name__}"
        )
    device, dtype = str(device), str(dtype).removeprefix("torch.")
    if is_runnable_only(weights) or find_spec("torch") is None:
        pair = find_graph_pair(weights, offline=offline, on_progress=on_progress)
        if pair is not None:
            return _on_onnxruntime(pair, device, dtype)
    try:
        from anymask.predict.predictor import load as load_predictor
    except ModuleNotFoundError as missing:
        raise explained(missing) from None
    return load_predictor(
        weights, device=device, dtype=dtype, offline=offline, on_progress=on_progress
    )


@dataclass(frozen=True)
class ModelSource:
    """Where a model comes from: small, so that other processes and machines can load it, too.

    weights, device, dtype, offline: as ``load`` takes them. model_id: what it must turn out to be;
    "" before that is known.
    """

    weights: str
    device: str = "auto"
    dtype: str = "float32"
    offline: bool | None = None
    model_id: str = ""

    def load(self, on_progress: Progress | None = None) -> Promptable:
        """Load it. Raises ``Error``, also if it is another model than ``model_id``."""
        sam = self._load(on_progress)
        self.check(sam.model_id)
        return sam

    def check(self, model_id: str) -> None:
        """Raise ``Error`` if what was loaded is another model than ``self.model_id``."""
        if self.model_id and model_id != self.model_id:
            raise Error(
                f"{self.weights} is another model on this machine: {model_id}, not {self.model_id}"
            )

    def _load(self, on_progress: Progress | None) -> Promptable:
        return load(
            self.weights,
            device=self.device,
            dtype=self.dtype,
            offline=self.offline,
            on_progress=on_progress,
        )


def _on_onnxruntime(pair: GraphPair, device: str, dtype: str) -> Promptable:
    from anymask.predict.onnx_runtime import OnnxSegmenter, find_providers

    if dtype not in ("auto", "float32", pair.dtype_name):
        raise Error(f"{pair.name} was exported as {pair.dtype_name}; it can't run in {dtype}")
    return OnnxSegmenter(pair, find_providers(device))
