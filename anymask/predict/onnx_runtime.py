"""The same answers without torch: a pair of ONNX graphs on onnxruntime.

The only file that imports onnxruntime to run graphs.

Shape legend: P prompts, N points, T mask tokens, C channels, h w low-resolution grid, H W pixels of
the resized image, S side of the model's input.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import Floats
from anymask.core.image import RGB
from anymask.core.prompts import BOX_TOP_LEFT, PADDING
from anymask.core.second_look import SecondLook
from anymask.errors import CorruptFileError, Error, LayoutError, MissingExtraError
from anymask.predict.embedding_cache import EmbeddingCache
from anymask.predict.promptable import Promptable, PromptArrays
from anymask.weights.adapters.half_tensors import read_ranking
from anymask.weights.adapters.official_decoder import with_outputs
from anymask.weights.graph_pair import FIRST_IOU, UNMASKED, GraphPair, Together

try:
    import onnxruntime
    from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidGraph, NotImplemented
except ImportError:
    raise MissingExtraError("onnxruntime", "onnx") from None

Provider = str | tuple[str, dict[str, Any]]
Feeds = dict[str, npt.NDArray[Any]]
Rows = npt.NDArray[np.intp]

PROMPTS_AT_ONCE = 16  # of one run: more need memory and gain nothing
# What --device says, in onnxruntime's words; others go by their own name.
PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "mps": "CoreMLExecutionProvider",
}
ENDING = "ExecutionProvider"
UNKNOWN = (Fail, InvalidGraph, NotImplemented)
ERRORS_ONLY = 3  # onnxruntime's log level; it warns of every operator that a device leaves out


class OnnxSegmenter(Promptable):
    """A pair of graphs that answers prompts: a ``core.protocol.Segmenter``.

    providers: onnxruntime's execution providers, the first that can do an operator does it; the
    processor always comes last. threads: on a processor; None: one for each core.

    A graph is read when it is first needed: prompts about embeddings need no encoder.
    """

    def __init__(
        self,
        pair: GraphPair,
        providers: Sequence[Provider] = ("CPUExecutionProvider",),
        threads: int | None = None,
    ) -> None:
        self.pair = pair
        self.name, self.model_id, self.dtype_name = pair.name, pair.model_id, pair.dtype_name
        self.input_px, self.mask_side, self.stretch = pair.input_px, pair.mask_side, pair.stretch
        self.shapes, self.everything = pair.shapes, pair.everything
        self.text_width, self.text_space = pair.text_width, pair.text_space
        last = () if PROVIDERS["cpu"] in providers else (PROVIDERS["cpu"],)
        self.providers = [*providers, *last]
        self.threads = threads
        adapter = pair.adapter
        self.second_look = None if adapter is None else SecondLook(read_ranking(adapter))
        self._prepared = EmbeddingCache[Feeds]()

    def embed(self, pixels: RGB) -> dict[str, Floats]:
        """Every array that the encoder gives."""
        (image,) = (given.name for given in self.encoder.get_inputs())
        outputs = _run(self.encoder, self._encoder_outputs(), {image: self.preprocess(pixels)})
        return {name: array[0] for name, array in zip(self.pair.arrays, outputs)}

    def preprocess(self, pixels: RGB) -> Floats:
        """(H, W, 3) RGB of 0-255 to normalised (1, 3, S, S), zeros below and to the right."""
        mean, std = (np.array(x, np.float32) for x in (self.pair.pixel_mean, self.pair.pixel_std))
        height, width = pixels.shape[:2]
        square = np.zeros((1, 3, self.input_px, self.input_px), np.float32)
        square[0, :, :height, :width] = ((pixels - mean) / std).transpose(2, 0, 1)
        return square

    def answer(
        self, embeddings: Sequence[ImageEmbedding], prompts: PromptArrays
    ) -> tuple[Floats, Floats]:
        """All mask tokens that the decoder gives, in as few runs as it allows."""
        groups = list(_groups(prompts, self.pair))
        outputs = [
            self._looked(embeddings[prompts.image_index[group[0]]], prompts, group)
            for group in groups
        ]
        order = np.argsort(np.concatenate(groups))
        logits, iou = (np.concatenate(parts)[order] for parts in zip(*outputs))
        return logits, iou

    def decode(
        self, embedding: ImageEmbedding, prompts: PromptArrays, rows: Rows, outputs: list[str]
    ) -> tuple[Floats, ...]:
        """Some outputs of the decoder for some of the prompts, all about one image, in one run."""
        return _run(self.decoder, outputs, self._feeds(embedding, prompts, rows))

    @cached_property
    def at_first_sight(self) -> OnnxSegmenter:
        """The same with predicted IoUs as they are before a second look at masks."""
        same = copy(self)
        same.pair, same.second_look = replace(self.pair, predicted_iou=self._first_iou), None
        return same

    @cached_property
    def encoder(self) -> onnxruntime.InferenceSession:
        """The session of the image encoder."""
        return self._session(self.pair.encoder)

    @cached_property
    def decoder(self) -> onnxruntime.InferenceSession:
        """The session of the decoder."""
        inside = self.pair.inside
        path = self.pair.decoder
        more = None if inside is None else with_outputs(path.read_bytes(), inside.names())
        session = self._session(path, more)
        there = {output.name for output in session.get_outputs()}
        there |= {given.name for given in session.get_inputs()}
        wires = self.pair.arrays.values() if self.pair.prepare is None else ()
        wanted = {self.pair.logits, self.pair.predicted_iou, *wires}
        if not wanted <= there:
            missing = ", ".join(sorted(wanted - there))
            raise LayoutError(f"{self.pair.decoder} is no decoder of {self.name}: no {missing}")
        return session

    @property
    def _first_iou(self) -> str:
        """The output with the IoUs from before a second look, if the graph has both."""
        there = (output.name for output in self.decoder.get_outputs())
        return FIRST_IOU if FIRST_IOU in there else self.pair.predicted_iou

    @cached_property
    def preparer(self) -> onnxruntime.InferenceSession:
        """The session of the graph that prepares an image for the decoder."""
        assert self.pair.prepare is not None
        return self._session(self.pair.prepare)

    @cached_property
    def masker(self) -> onnxruntime.InferenceSession:
        """The session of the graph that makes a mask a part of a prepared image."""
        assert self.pair.mask is not None
        return self._session(self.pair.mask)

    def _looked(
        self, embedding: ImageEmbedding, prompts: PromptArrays, rows: Rows
    ) -> tuple[Floats, Floats]:
        """Logits and predicted IoUs for such prompts, after a second look if there is one."""
        lone, inside = prompts.lone_clicks()[rows], self.pair.inside
        names = [self.pair.logits, self.pair.predicted_iou if lone.any() else self._first_iou]
        if self.second_look is None or inside is None or not lone.any():
            logits, iou = self.decode(embedding, prompts, rows, names)
            return logits, iou
        names += [inside.iou_token, inside.mask_tokens]
        logits, iou, token, tokens = self.decode(embedding, prompts, rows, names)
        tokens = np.concatenate([token[:, None], tokens], axis=1)
        (features,) = embedding.arrays.values()
        looked = self.second_look(tokens, iou, logits, features)
        return logits, np.where(lone[:, None], looked, iou)

    def _session(self, path: Path, graph: bytes | None = None) -> onnxruntime.InferenceSession:
        return _open(path if graph is None else graph, path, self.providers, self.threads)

    def _encoder_outputs(self) -> list[str]:
        """The outputs that are the arrays; a lone one has many names among exporters."""
        names = [output.name for output in self.encoder.get_outputs()]
        if len(self.pair.arrays) == 1:
            return names[:1]
        if not set(self.pair.arrays) <= set(names):
            missing = ", ".join(sorted(set(self.pair.arrays) - set(names)))
            raise LayoutError(f"{self.pair.encoder} is no encoder of {self.name}: no {missing}")
        return list(self.pair.arrays)

    def _feeds(self, embedding: ImageEmbedding, prompts: PromptArrays, rows: Rows) -> Feeds:
        """What the decoder takes for some of the prompts, all about one image."""
        coords, labels = _points(prompts, rows, self.pair.together)
        side = self.mask_side
        masks = np.zeros((len(rows), 1, side, side), np.float32)
        has_mask = np.zeros(len(rows), np.float32)
        if prompts.mask_inputs is not None and prompts.has_mask is not None:
            masks, has_mask = prompts.mask_inputs[rows], prompts.has_mask[rows].astype(np.float32)
        feeds = {wire: embedding.arrays[name][None] for name, wire in self.pair.arrays.items()}
        feeds["mask_input"] = masks
        feeds["has_mask_input"] = has_mask if self.pair.together == Together.any else has_mask[:1]
        if self.pair.prepare is not None:
            feeds = self._prepare(embedding, feeds)
        feeds |= {"point_coords": coords, "point_labels": labels, **self._text(prompts, rows)}
        feeds["orig_im_size"] = np.array(embedding.image_hw, np.float32)
        return feeds

    def _text(self, prompts: PromptArrays, rows: Rows) -> Feeds:
        """What graphs of a model with text take besides."""
        if prompts.text_embeddings is None or prompts.has_text is None:
            text = np.zeros((len(rows), self.text_width), np.float32)
            return {"text_embeddings": text, "has_text": np.zeros(len(rows), np.float32)}
        has_text = prompts.has_text[rows].astype(np.float32)
        return {"text_embeddings": prompts.text_embeddings[rows], "has_text": has_text}

    def _prepare(self, embedding: ImageEmbedding, feeds: Feeds) -> Feeds:
        """What prompts share; kept for a few images. A mask, which is a part of one, changes it."""
        has_mask = bool(feeds["has_mask_input"].any())
        if has_mask and self.pair.mask is None:
            return _run_all(self.preparer, feeds)
        first = {name: array[:1] for name, array in feeds.items()}
        shared = dict(self._prepared.get(embedding, lambda: _run_all(self.preparer, first)))
        if not has_mask:
            return shared
        plain = {name + UNMASKED: array for name, array in shared.items()}
        return _run_all(self.masker, feeds | plain)


class Graph:
    """A lone graph, of whatever kind, on a processor.

    free_dims: dimensions, by the input, that the file fixes and that are free all the same; for
    graphs of convolutions. Raises ``CorruptFileError`` and ``LayoutError``.
    """

    def __init__(
        self,
        path: Path,
        threads: int | None = None,
        free_dims: Mapping[str, Sequence[int]] | None = None,
    ) -> None:
        content = _freed(path, free_dims) if free_dims else path
        self._graph = _open(content, path, [PROVIDERS["cpu"]], threads)

    def run(self, outputs: list[str], feeds: Feeds) -> tuple[Floats, ...]:
        """Some of its outputs. Raises ``Error``."""
        return _run(self._graph, outputs, feeds)


def find_providers(device: str) -> list[Provider]:
    """Execution providers for ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``, or one by name.

    A name is onnxruntime's own with or without its ending: ``TensorrtExecutionProvider``,
    ``openvino``. ``auto`` takes a card if this onnxruntime can use one. Raises ``Error`` for a
    provider that it was not built with.
    """
    there = onnxruntime.get_available_providers()
    if device == "auto":
        return [name for name in (PROVIDERS["cuda"], PROVIDERS["cpu"]) if name in there]
    kind, _, number = device.partition(":")
    wanted = PROVIDERS.get(kind, kind).lower().removesuffix(ENDING.lower())
    by_short_name = {provider.lower().removesuffix(ENDING.lower()): provider for provider in there}
    name = by_short_name.get(wanted)
    if name is None:
        known = ", ".join(by_short_name)
        raise Error(f"this onnxruntime has no execution provider for {device}; it has {known}")
    if not number:
        return [name]
    if kind != "cuda" or not number.isdigit():
        raise Error(f"there is no device {device!r}")
    return [(name, {"device_id": int(number)})]


def _open(
    graph: Path | bytes, path: Path, providers: Sequence[Provider], threads: int | None
) -> onnxruntime.InferenceSession:
    """A session of a graph; path: what errors call it."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = ERRORS_ONLY
    options.intra_op_num_threads = threads or 0
    # Threads that go on spinning after a run slow down whatever comes next, often ourselves.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    try:
        return onnxruntime.InferenceSession(graph, options, providers=providers)
    except UNKNOWN as error:
        raise LayoutError(
            f"{path} holds a layer that onnxruntime {onnxruntime.__version__} does not know: "
            f"{_gist(error)}"
        ) from None
    except Exception as error:  # a broken file may be anything to its parsers
        raise CorruptFileError(f"{path} is no ONNX graph that runs: {_gist(error)}") from None


def _freed(path: Path, free_dims: Mapping[str, Sequence[int]]) -> bytes:
    """The graph of a file without its fixed sizes: those of the inputs named, and all outputs'."""
    try:
        import onnx
    except ImportError:
        raise MissingExtraError("onnx", "blur") from None
    try:
        model = onnx.load(path)
    except Exception as error:  # a broken file may be anything to its parser
        raise CorruptFileError(f"{path} is no ONNX graph: {_gist(error)}") from None
    for given in model.graph.input:
        for number in free_dims.get(given.name, ()):
            given.type.tensor_type.shape.dim[number].dim_param = f"free_{number}"
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    return bytes(model.SerializeToString())


def _run(
    session: onnxruntime.InferenceSession, outputs: list[str], feeds: Feeds
) -> tuple[Floats, ...]:
    """The outputs of a graph, run on those of the feeds that it has inputs for.

    An input of float16 is fed as float16. Raises ``Error``.
    """
    kinds = {given.name: given.type for given in session.get_inputs()}
    fed = {
        name: array.astype(np.float16) if kinds[name] == "tensor(float16)" else array
        for name, array in feeds.items()
        if name in kinds
    }
    try:
        arrays = session.run(outputs, fed)
    except Exception as error:  # onnxruntime raises kinds of its own, bad_alloc among them
        raise Error(f"onnxruntime could not run the model: {_gist(error)}") from None
    return tuple(np.asarray(array, np.float32) for array in arrays)


def _run_all(session: onnxruntime.InferenceSession, feeds: Feeds) -> Feeds:
    """Every output of a graph by its name."""
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, _run(session, names, feeds)))


def _groups(prompts: PromptArrays, pair: GraphPair) -> Iterator[Rows]:
    """Rows of prompts that may share a run: about one image, and alike as the decoder wants."""
    together, keys = pair.together, list[npt.NDArray[Any]]([prompts.image_index])
    if pair.prepare is not None and prompts.has_mask is not None:  # a mask is part of the image
        keys.append(np.where(prompts.has_mask, 1 + np.arange(len(prompts)), 0))
    if together == Together.alike:
        keys.append((prompts.point_labels != PADDING).sum(axis=1))
        if prompts.has_mask is not None:
            keys.append(prompts.has_mask)
    if together == Together.one:
        keys.append(np.arange(len(prompts)))
    kinds, kind = np.unique(np.stack(keys, axis=1), axis=0, return_inverse=True)
    for number in range(len(kinds)):
        rows = np.flatnonzero(kind == number)
        yield from (rows[i : i + PROMPTS_AT_ONCE] for i in range(0, len(rows), PROMPTS_AT_ONCE))


def _points(prompts: PromptArrays, rows: Rows, together: Together) -> tuple[Floats, Floats]:
    """Coordinates (P, N, 2) and labels (P, N) of some prompts, at least one point each.

    Decoders other than ours heed padding as "not a point": it is left out but for the one that they
    expect of a prompt without a box (SAM 2's appends its own), or that stands for no point.
    """
    coords, labels = prompts.point_coords[rows], prompts.point_labels[rows]
    if together != Together.any:
        count = int(np.count_nonzero(labels[0] != PADDING))
        coords = coords[labels != PADDING].reshape(len(rows), count, 2)
        labels = labels[labels != PADDING].reshape(len(rows), count)
    alone = together == Together.one and not (labels == BOX_TOP_LEFT).any()
    if alone or labels.shape[1] == 0:
        coords = np.pad(coords, ((0, 0), (0, 1), (0, 0)))
        labels = np.pad(labels, ((0, 0), (0, 1)), constant_values=PADDING)
    return coords, labels.astype(np.float32)


def _gist(error: Exception) -> str:
    """The first line of what onnxruntime says, without its codes."""
    text = str(error).strip().splitlines()
    return text[0].split(" : ")[-1][:300] if text else type(error).__name__
