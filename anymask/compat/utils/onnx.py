"""``segment_anything.utils.onnx``: where its class went."""

from __future__ import annotations

from typing import Any

from anymask.errors import ExportError


class SamOnnxModel:
    """Not here: raises ``ExportError``, which says what exports a model.

    The decoder that it writes has the official inputs and outputs, and is proved against PyTorch.
    """

    def __init__(self, *_: Any, **__: Any) -> None:
        raise ExportError(
            "SamOnnxModel is not part of anymask.compat; anymask export onnx writes a decoder with "
            "the same inputs and outputs (in Python: anymask.export.onnx.export_onnx)"
        )
