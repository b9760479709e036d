"""What decoders of other people compute and keep to themselves, and how to hear of it.

A decoder that was exported to give one mask makes all four, and has the tokens that a second look
reads. An ONNX file is one protocol buffer, and of those two in a row are one: what is listed at the
end counts as if it stood inside. So outputs are added without reading, or having, the format.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

GRAPH, OUTPUT, NAME = 7, 12, 1  # fields of ModelProto, GraphProto and ValueInfoProto
BYTES_FOLLOW = 2  # the kind of a field


@dataclass(frozen=True)
class Inside:
    """Names in a decoder's graph: all mask tokens' logits (P, M, 4h, 4w) and predicted IoUs (P, M),
    the IoU token (P, C) and the mask tokens (P, M, C)."""

    logits: str
    predicted_iou: str
    iou_token: str
    mask_tokens: str

    def names(self) -> tuple[str, ...]:
        """All four."""
        return (self.logits, self.predicted_iou, self.iou_token, self.mask_tokens)


# By the sha256 of the file.
KNOWN = {
    "800b1500d3e4422f9499706b75544b3604031e182f7f5f0f69f778e3512c4131": Inside(
        "/Reshape_9_output_0",
        "/iou_prediction_head/layers.2/Gemm_output_0",
        "/Gather_6_output_0",
        "/Slice_6_output_0",
    ),
}


def with_outputs(graph: bytes, names: Iterable[str]) -> bytes:
    """The file of an ONNX graph that also answers with what it has inside under these names."""
    return graph + _field(GRAPH, b"".join(_field(OUTPUT, _field(NAME, n.encode())) for n in names))


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | BYTES_FOLLOW) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    """A whole number in sevens of bits, the lowest first."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])
