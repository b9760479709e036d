"""SAM and SAM 2 as Hugging Face's transformers runs them, as a ``Segmenter``.

Images are resized and normalised here as the model's processor does, because that of SAM 2 needs
torchvision, which nothing else here does.

Shape legend: P prompts, M masks, C channels, h w grid, S side of the model's input.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import numpy.typing as npt
import torch
from huggingface_hub.errors import HFValidationError
from torch import Tensor

from anymask.core.embedding import ImageEmbedding, model_id
from anymask.core.geometry import Floats
from anymask.core.image import RGB
from anymask.errors import DownloadError, OfflineError, UnknownWeightsError
from anymask.evaluation.rivals.rival import Adapter, Question, Rival
from anymask.predict.predictor import IMAGE_EMBED, find_device
from anymask.predict.transformers_folder import (
    CONFIG,
    PROCESSORS,
    SEGMENTERS,
    WEIGHTS,
    model_kind,
    normalisation,
    read_model,
    weights_sha256,
)
from anymask.weights.fetch import is_offline

# In the order of transformers' list, and by the names that other exports of SAM 2 have.
SAM2_ARRAYS = ("high_res_feats_0", "high_res_feats_1", IMAGE_EMBED)


def load_hugging_face(
    weights: str, *, device: str = "auto", offline: bool | None = None
) -> HuggingFace:
    """Load a SAM or SAM 2 from a folder, or from the hub and its own cache.

    Only safetensors are read, and no code of the hub is run. offline: forbid the network; None asks
    ``$ANYMASK_OFFLINE``. Raises ``WeightsError``, or ``Error`` for an unknown device.
    """
    place = find_device(device)
    folder = Path(weights) if Path(weights).is_dir() else _from_hub(weights, offline)
    sha256 = weights_sha256(folder)
    model = SEGMENTERS[model_kind(folder, SEGMENTERS, "SAM and no SAM 2")]
    name = Path(weights).resolve().name if Path(weights).is_dir() else weights.rpartition("/")[2]
    return HuggingFace(read_model(model, folder), name, sha256, place, *normalisation(folder))


class HuggingFace(Rival):
    """A ``SamModel`` or ``Sam2Model``; mean and deviation are those of red, green and blue, 0-255.

    SAM 2's one mask is the best of three where its own is not stable: so its code decides.
    """

    def __init__(
        self,
        model: Any,
        name: str,
        sha256: str,
        device: torch.device,
        pixel_mean: Floats,
        pixel_std: Floats,
    ) -> None:
        self.name = f"{Adapter.hugging_face}:{name}"
        self.model_id = model_id(self.name, sha256)
        self.model, self.device = model.float().eval().to(device), device
        self.pixel_mean, self.pixel_std = pixel_mean, pixel_std
        self.stretch = isinstance(model, SEGMENTERS["sam2"])
        config = model.config.prompt_encoder_config
        self.input_px, grid = config.image_size, config.image_size // config.patch_size
        self.mask_side, width = 4 * grid, config.hidden_size
        self.shapes = {IMAGE_EMBED: (width, grid, grid)}
        if self.stretch:
            levels = zip((width // 8, width // 4, width), model.backbone_feature_sizes)
            self.shapes = {
                array: (channels, *hw) for array, (channels, hw) in zip(SAM2_ARRAYS, levels)
            }

    @torch.inference_mode()
    def embed(self, pixels: RGB) -> dict[str, Floats]:
        """``image_embed`` (C, h, w), and SAM 2's two finer levels."""
        height, width = pixels.shape[:2]
        square = np.zeros((1, 3, self.input_px, self.input_px), np.float32)
        normalised = (pixels - self.pixel_mean) / self.pixel_std
        square[0, :, :height, :width] = normalised.transpose(2, 0, 1)
        features = self.model.get_image_embeddings(torch.from_numpy(square).to(self.device))
        levels = features if self.stretch else [features]
        return {name: _array(level[0]) for name, level in zip(self.shapes, levels)}

    @torch.inference_mode()
    def ask(
        self, embedding: ImageEmbedding, question: Question, multimask_output: bool
    ) -> tuple[Floats, Floats]:
        """One call of the model, which sees an image for each prompt: so each can have a mask."""
        given = (question.points, question.boxes, question.masks)
        count = next(len(part) for part in given if part is not None)
        levels = [self._tensor(embedding.arrays[name])[None] for name in self.shapes]
        levels = [level.expand(count, -1, -1, -1) for level in levels]
        inputs = {
            "input_points": question.points,
            "input_labels": question.labels,
            "input_boxes": question.boxes,
        }
        out = self.model(
            image_embeddings=levels if self.stretch else levels[0],
            **{k: self._tensor(v)[:, None] for k, v in inputs.items() if v is not None},
            input_masks=None if question.masks is None else self._tensor(question.masks),
            multimask_output=multimask_output,
        )
        return _array(out.pred_masks[:, 0]), _array(out.iou_scores[:, 0])

    def _tensor(self, array: npt.NDArray[Any]) -> Tensor:
        return torch.from_numpy(array).to(self.device)


def _array(tensor: Tensor) -> Floats:
    return np.ascontiguousarray(tensor.float().cpu().numpy())


def _from_hub(name: str, offline: bool | None) -> Path:
    offline = is_offline(offline)
    wanted = [WEIGHTS, f"{WEIGHTS}.index.json", CONFIG, *PROCESSORS]
    try:
        return Path(
            huggingface_hub.snapshot_download(name, allow_patterns=wanted, local_files_only=offline)
        )
    except HFValidationError:
        raise UnknownWeightsError(f"{name} is no folder, and no owner/name on the hub") from None
    except Exception as error:  # the hub's client raises its transport's errors as well as its own
        lines = str(error).strip().splitlines() or [type(error).__name__]
        if offline:
            raise OfflineError(f"{name} is not in the hub's cache; leave offline mode") from None
        raise DownloadError(f"can't fetch {name}: {lines[0]}") from error
