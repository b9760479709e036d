"""ImageEmbedding: what the encoder says of one image, as a value to hold, cache and send.

Shape legend: C channels, h w embedding grid.
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from anymask.core.geometry import ResizeMap
from anymask.errors import EmbeddingError

MAGIC = b"ANYMASK\x01"
HEADER = struct.Struct("<8sII")  # magic, length of the JSON that follows, checksum of the rest
ALIGNMENT = 8  # so that a browser can view the numbers in place
LARGEST_SIDE = 1 << 31


@dataclass(frozen=True, eq=False)
class ImageEmbedding:
    """The encoder's answer for one image; prompts about the image need nothing else of it.

    arrays: named float32 arrays; SAM has one, ``image_embed`` (C, h, w), SAM 2 two larger ones too.
    resize_map: from the pixels of the original image, which prompts and masks refer to, to the
        model's square input.
    model: name and hash of the weights that made it; no other weights can read it.
    """

    arrays: Mapping[str, npt.NDArray[np.float32]]
    resize_map: ResizeMap
    model: str

    @property
    def image_hw(self) -> tuple[int, int]:
        """Size of the original image."""
        return self.resize_map.image_hw

    def __repr__(self) -> str:
        height, width = self.image_hw
        arrays: object = self.arrays  # those on a device show themselves without being copied
        if isinstance(self.arrays, dict):
            arrays = shapes_said({name: array.shape for name, array in self.arrays.items()})
        return f"ImageEmbedding({arrays}, of {height}×{width} (H×W), by {self.model})"

    def to_bytes(self) -> bytes:
        """Pack as float16 numbers behind a small header (``docs/formats.md``)."""
        arrays = {name: np.ascontiguousarray(a, dtype="<f2") for name, a in self.arrays.items()}
        header = {
            "model": self.model,
            "image_hw": list(self.image_hw),
            "input_px": self.resize_map.input_px,
            "stretch": self.resize_map.stretch,
            "arrays": [{"name": name, "shape": a.shape} for name, a in arrays.items()],
        }
        text = json.dumps(header).encode()
        text += b" " * (-(HEADER.size + len(text)) % ALIGNMENT)
        rest = text + b"".join(array.tobytes() for array in arrays.values())
        return HEADER.pack(MAGIC, len(text), zlib.crc32(rest)) + rest

    @classmethod
    def from_bytes(cls, data: bytes) -> ImageEmbedding:
        """Unpack ``to_bytes``. Raises ``EmbeddingError`` for anything damaged or foreign."""
        if len(data) < HEADER.size or not data.startswith(MAGIC):
            raise EmbeddingError("these bytes are no image embedding of anymask")
        _, length, checksum = HEADER.unpack_from(data)
        rest = data[HEADER.size :]
        if zlib.crc32(rest) != checksum:
            raise EmbeddingError("the image embedding is damaged: its checksum does not match")
        try:
            header = json.loads(rest[:length])
            height, width = (_positive(side) for side in header["image_hw"])
            arrays = _arrays(header["arrays"], rest[length:])
            input_px, model = _positive(header["input_px"]), header["model"]
            stretch = header.get("stretch", False)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise EmbeddingError(f"the image embedding is damaged: {error!r}") from None
        if not isinstance(model, str):
            raise EmbeddingError(f"the image embedding is damaged: its model is {model!r}")
        if not isinstance(stretch, bool):
            raise EmbeddingError(f"the image embedding is damaged: its stretch is {stretch!r}")
        return cls(arrays, ResizeMap((height, width), input_px, stretch), model)


def shapes_said(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """Names and shapes of arrays for a person: image_embed 256×64×64."""
    return ", ".join(f"{name} {'×'.join(map(str, shape))}" for name, shape in shapes.items())


def model_id(name: str, sha256: str) -> str:
    """What an embedding calls the model that made it: a name and the start of a hash."""
    return f"{name}@{sha256[:16]}"


def _positive(value: Any) -> int:
    if type(value) is not int or not 0 < value < LARGEST_SIDE:
        raise ValueError(f"{value!r} is no size")
    return value


def _arrays(entries: list[dict[str, Any]], body: bytes) -> dict[str, npt.NDArray[np.float32]]:
    """Cut the numbers behind the header into the arrays that it lists, none left over."""
    arrays, offset = {}, 0
    for entry in entries:
        shape = [_positive(side) for side in entry["shape"]]
        count = math.prod(shape)
        flat = np.frombuffer(body, "<f2", count, offset)
        arrays[str(entry["name"])] = flat.reshape(shape).astype(np.float32)
        offset += flat.nbytes
    if offset != len(body):
        raise ValueError(f"{len(body) - offset} bytes are left over")
    return arrays
