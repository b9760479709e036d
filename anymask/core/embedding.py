"""ImageEmbedding: what the encoder says of one image, as a value to hold, cache and send.

Shape legend: C channels, h w embedding grid.
"""

from __future__ import annotations

import json
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
HEADER = struct.Struct("<8sI")  # magic, length of the JSON that follows
ALIGNMENT = 8  # so that a browser can view the numbers in place


@dataclass(frozen=True, eq=False)
class ImageEmbedding:
    """The encoder's answer for one image; prompts about the image need nothing else of it.

    arrays: named float32 arrays; SAM has one, ``image_embed`` (C, h, w).
    image_hw: size of the original image, which prompts and masks refer to.
    input_px: side of the model's square input.
    model: name and hash of the weights that made it; no other weights can read it.
    """

    arrays: Mapping[str, npt.NDArray[np.float32]]
    image_hw: tuple[int, int]
    input_px: int
    model: str

    @property
    def resize_map(self) -> ResizeMap:
        """From the image's pixels to the model's."""
        return ResizeMap(self.image_hw, self.input_px)

    def to_bytes(self) -> bytes:
        """Pack as float16 numbers behind a small header (``docs/formats.md``)."""
        arrays = {name: np.ascontiguousarray(a, dtype="<f2") for name, a in self.arrays.items()}
        body = b"".join(array.tobytes() for array in arrays.values())
        header = {
            "model": self.model,
            "image_hw": list(self.image_hw),
            "input_px": self.input_px,
            "arrays": [{"name": name, "shape": a.shape} for name, a in arrays.items()],
            "crc32": zlib.crc32(body),
        }
        text = json.dumps(header).encode()
        text += b" " * (-(HEADER.size + len(text)) % ALIGNMENT)
        return HEADER.pack(MAGIC, len(text)) + text + body

    @classmethod
    def from_bytes(cls, data: bytes) -> ImageEmbedding:
        """Unpack ``to_bytes``. Raises ``EmbeddingError`` for anything damaged or foreign."""
        if len(data) < HEADER.size or not data.startswith(MAGIC):
            raise EmbeddingError("these bytes are no image embedding of anymask")
        _, length = HEADER.unpack_from(data)
        body = data[HEADER.size + length :]
        try:
            header = json.loads(data[HEADER.size : HEADER.size + length])
            if zlib.crc32(body) != header["crc32"]:
                raise EmbeddingError("the image embedding is damaged: its checksum does not match")
            h, w = header["image_hw"]
            return cls(_arrays(header["arrays"], body), (h, w), header["input_px"], header["model"])
        except (ValueError, KeyError, TypeError) as error:
            raise EmbeddingError(f"the image embedding is damaged: {error}") from error


def _arrays(entries: list[dict[str, Any]], body: bytes) -> dict[str, npt.NDArray[np.float32]]:
    arrays, offset = {}, 0
    for entry in entries:
        count = int(np.prod(entry["shape"]))
        flat = np.frombuffer(body, "<f2", count, offset)
        arrays[entry["name"]] = flat.reshape(entry["shape"]).astype(np.float32)
        offset += 2 * count
    return arrays
