"""What a text encoder says of masks' crops, kept in files (*Segment Anything*, §D.5).

The paper shows its encoder another crop of a mask each time. Here each mask is shown a few times,
once and for all, so that a step costs only the decoder.

Shape legend: n masks of an image, V views of each, d numbers of an embedding.
"""

from __future__ import annotations

import hashlib
import json
import threading
from pathlib import Path

import numpy as np

from anymask.core import rle
from anymask.core.atomic import make_folder, writing
from anymask.core.geometry import Floats
from anymask.core.words.crops import CropView
from anymask.datasets.sample import Sample
from anymask.predict.words.text_encoder import TextEncoder, embed_crops

SCALES = (1.0, 2.0)  # of a crop, evenly
ALONE_SHARE = 0.5  # of crops that show nothing but the object
SEED_DIGITS = 12  # of a mask's hash


class CropEmbeddings:
    """What an encoder that does not learn says of the masks of images.

    views: of each mask. least_px: of a mask; smaller ones have zeros. folder: where to keep it;
    None for nowhere.
    """

    def __init__(
        self, encoder: TextEncoder, views: int, least_px: int = 0, folder: Path | None = None
    ) -> None:
        self.encoder, self.views, self.least_px, self.folder = encoder, views, least_px, folder
        self.computed = 0  # images
        self._one_at_a_time = threading.Lock()
        if folder is not None:
            make_folder(folder)

    def of(self, sample: Sample) -> Floats:
        """(n, V, d) in the order of the sample's masks. Raises ``ImageError``, ``OutputError``."""
        with self._one_at_a_time:
            maker = self._maker(sample)
            path = None if self.folder is None else self.folder / f"{maker[:32]}.crops.npy"
            shape = len(sample.masks), self.views, self.encoder.config.width
            kept = None if path is None else _read(path, shape)
            if kept is None:
                kept = self._embedded(sample).astype(np.float16)
                self.computed += 1
                if path is not None:
                    with writing(path) as part, part.open("wb") as file:
                        np.save(file, kept)
            return kept.astype(np.float32)

    def _embedded(self, sample: Sample) -> Floats:
        pixels = sample.pixels()
        shown = [i for i, mask in enumerate(sample.masks) if self._is_shown(sample, i, mask)]
        out = np.zeros((len(sample.masks), self.views, self.encoder.config.width), np.float32)
        if shown:
            masks = [rle.decode(sample.masks[i]).astype(bool) for i in shown]
            views = [crop_views(sample.masks[i], self.views) for i in shown]
            out[shown] = embed_crops(self.encoder, pixels, masks, views)
        return out

    def _is_shown(self, sample: Sample, number: int, mask: rle.RLE) -> bool:
        return sample.is_object[number] and rle.area(mask) >= max(1, self.least_px)

    def _maker(self, sample: Sample) -> str:
        """A hash of all that the numbers depend on."""
        masks = [_said(mask) for mask in sample.masks]
        about = [self.encoder.config.space, sample.fingerprint, masks, self.views, self.least_px]
        return hashlib.sha256(json.dumps(about).encode()).hexdigest()


def crop_views(mask: rle.RLE, count: int) -> list[CropView]:
    """How a mask is shown: by chance, which follows from the mask alone (§D.5).

    A square about the box of 1 to 2 times its size; half of the time without what surrounds the
    mask, which is grey then: the zero of encoders, where the paper zeroes pixels.
    """
    digits = hashlib.sha256(_said(mask).encode()).hexdigest()[:SEED_DIGITS]
    rng = np.random.default_rng(int(digits, 16))
    scales, alone = rng.uniform(*SCALES, count), rng.random(count) < ALONE_SHARE
    return [CropView(float(scale), float(one)) for scale, one in zip(scales, alone)]


def _said(mask: rle.RLE) -> str:
    return f"{mask['size']} {mask['counts']}"


def _read(path: Path, shape: tuple[int, ...]) -> np.typing.NDArray[np.float16] | None:
    """What is kept; None where nothing is, or not what was written."""
    try:
        kept: np.typing.NDArray[np.float16] = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return kept if kept.shape == shape else None
