"""Decoding: prompts that several people send at about the same time are answered in one pass."""

from __future__ import annotations

import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from anymask.core import rle
from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import ResizeMap, xywh_to_xyxy
from anymask.core.masks import Masks
from anymask.core.prompts import BOX_TOP_LEFT, Prompts
from anymask.core.rle import RLE
from anymask.core.rough import mask_logits
from anymask.engine.model.model import Model
from anymask.engine.model.suggestion import Suggestion, suggestion
from anymask.errors import Error, PromptError

GATHERED_S = 0.005  # for others to come along
MOST_AT_ONCE = 16
KEPT = 8  # embeddings as arrays, which the model has prepared
TIMEOUT_S = 60.0


@dataclass(frozen=True, eq=False)
class Question:
    """What one person asks of one image."""

    embedding: ImageEmbedding
    prompts: Prompts
    answer: Future[Masks] = field(default_factory=Future)


class Decoder:
    """Answers prompts. on_batch: told how many are answered in each pass. Threads may share it."""

    def __init__(self, model: Model, on_batch: Callable[[int], None]) -> None:
        self._model, self._on_batch = model, on_batch
        self._questions: queue.SimpleQueue[Question | None] = queue.SimpleQueue()
        self._embeddings: OrderedDict[str, ImageEmbedding] = OrderedDict()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def ask(
        self, name: str, content: bytes, prompts: Prompts, start: RLE | None = None
    ) -> list[Suggestion]:
        """The masks of one prompt, best first. name: of the embedding that ``content`` is.

        start: a mask of the image that the model goes on from. Raises ``PromptError`` for prompts
        that don't fit the image, and for a damaged or an empty mask.
        """
        embedding = self._embedding(name, content)
        if start is not None:
            prompts = _going_on(start, prompts, embedding.resize_map)
        self._model.load().check(embedding, prompts)  # a wrong one would spoil the others' pass
        question = Question(embedding, prompts)
        self._start()
        self._questions.put(question)
        masks = question.answer.result(TIMEOUT_S)
        scores = masks.predicted_iou.reshape(-1).tolist()
        found = [suggestion(mask, score) for mask, score in zip(masks.to_rle(), scores)]
        return [one for one in found if one is not None]

    def close(self) -> None:
        """Answer nothing more."""
        if self._thread is not None:
            self._questions.put(None)
            self._thread.join(TIMEOUT_S)

    def _embedding(self, name: str, content: bytes) -> ImageEmbedding:
        """The same object for the same image: the model prepares it once."""
        with self._lock:
            known = self._embeddings.get(name)
        embedding = known or ImageEmbedding.from_bytes(content)
        with self._lock:
            embedding = self._embeddings.setdefault(name, embedding)
            self._embeddings.move_to_end(name)
            while len(self._embeddings) > KEPT:
                self._embeddings.popitem(last=False)
        return embedding

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="decoder", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while (first := self._questions.get()) is not None:
            batch = self._gathered(first)
            self._on_batch(len(batch))
            self._answer(batch)

    def _gathered(self, first: Question) -> list[Question]:
        """The first question and those that come in a few milliseconds."""
        batch, end = [first], time.monotonic() + GATHERED_S
        while len(batch) < MOST_AT_ONCE:
            try:
                question = self._questions.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                break
            if question is None:  # the end: after these
                self._questions.put(None)
                break
            batch.append(question)
        return batch

    def _answer(self, batch: list[Question]) -> None:
        try:
            sam = self._model.load()
            embeddings = [question.embedding for question in batch]
            answers = sam.predict(embeddings, [question.prompts for question in batch])
        except Exception as error:  # whoever waits is told, and the next ones are answered
            told = error if isinstance(error, Error) else Error(f"the model fails: {error!r}")
            for question in batch:
                question.answer.set_exception(told)
            return
        for question, masks in zip(batch, answers):
            question.answer.set_result(masks)


def _going_on(start: RLE, prompts: Prompts, resize_map: ResizeMap) -> Prompts:
    """Prompts that go on from a mask, as soft logits and with its box, where no other is drawn.

    By its logits alone, a click against its error would spoil it. Raises ``PromptError``.
    """
    hw = resize_map.image_hw
    try:
        if tuple(start["size"]) != hw:
            raise Error(f"of size {start['size']}, and the image {[*hw]}")
        whole = rle.from_counts(rle.runs(start), hw)  # pycocotools believes all that it is given
    except Error as error:
        raise PromptError(f"the mask to go on from is {error}") from None
    if rle.area(whole) == 0:
        raise PromptError("the mask to go on from is empty")
    if BOX_TOP_LEFT not in prompts.labels:
        prompts = prompts.with_boxes(xywh_to_xyxy([rle.bbox_xywh(whole)]))
    return prompts.with_masks(mask_logits(rle.decode(whole).astype(bool), resize_map)[None])
