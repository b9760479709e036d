"""Choosing: which images come to annotators first, so that a mask teaches the model most.

Images that are held out stay spread evenly over the whole order: chosen ones would measure another
project than this.

Shape legend: N images, C channels, h w embedding grid, P prompts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import Floats
from anymask.core.prompts import Prompts
from anymask.core.protocol import Segmenter, at_first_sight
from anymask.engine.embeddings.embeddings import name_of
from anymask.engine.pictures.folder import ImageFile, ImageFolder
from anymask.engine.stages.kept_embeddings import KeptEmbeddings
from anymask.engine.stages.orders import falling_order, farthest_first, random_order, spread
from anymask.engine.store.automation.ranks import (
    Choosable,
    choosable_images,
    learned_images,
    note_choice,
    put_ranks,
)
from anymask.engine.store.clock import current_time
from anymask.engine.store.store import Store
from anymask.errors import ImageError, StoreError

By = Literal["random", "uncertain", "unlike", "name"]
Look = Callable[[ImageFile], Floats]  # what is known of an image, (C,) float32
POINTS_A_SIDE = 6
MOST_FARTHEST = 2_000  # of unlike images, each of which is compared with all
AT_ONCE = 1_000


class Looking:
    """A model that looks at the images of a folder by their kept embeddings.

    What it sees is kept beside them, a thousandth of their size: the next choice is quick.
    """

    def __init__(self, folder: ImageFolder, embeddings: KeptEmbeddings) -> None:
        self.folder = folder
        self._embeddings = embeddings
        self._sam = embeddings.sam

    def pooled(self, file: ImageFile) -> Floats:
        """The mean of an image's embedding over its grid, (C,), of length 1."""
        return self._kept(f"pooled {self._embeddings.encoder_id}", file, pooled)

    def uncertainty(self, file: ImageFile) -> Floats:
        """How unsure the model is of what it sees, (1,) in about 0-1."""
        name = f"uncertainty {self._sam.model_id}"
        return self._kept(name, file, lambda embedding: uncertainty(self._sam, embedding))

    def _kept(self, name: str, file: ImageFile, of: Callable[[ImageEmbedding], Floats]) -> Floats:
        name = name_of(name, file)
        content = self._embeddings.cache.get(name)
        if content:
            return np.frombuffer(content, "<f4")
        value = of(self._embeddings.of(file)).astype("<f4")
        self._embeddings.cache.put(name, value.tobytes())
        return value


class Looks:
    """Looks at images one after the other. passed_over: names of those that can't be, and why."""

    def __init__(self, on_image: Callable[[int], None]) -> None:
        self.passed_over: list[tuple[str, str]] = []
        self._on_image, self._count = on_image, 0

    def at(
        self, images: Sequence[Choosable], folder: ImageFolder, look: Look
    ) -> tuple[list[Choosable], list[Floats]]:
        """The images that can be looked at, and what is known of each."""
        seen, values = [], []
        for image in images:
            try:
                values.append(look(folder.file(image.name)))
                seen.append(image)
            except (ImageError, StoreError) as error:
                self.passed_over.append((image.name, str(error)))
            self._count += 1
            self._on_image(self._count)
        return seen, values


@dataclass(frozen=True)
class Chosen:
    """What became of a choice. order: names, the first first. passed_over: names, with reasons."""

    order: list[str]
    passed_over: list[tuple[str, str]]


def choose(
    store: Store,
    by: By,
    looking: Looking | None = None,
    *,
    seed: int = 0,
    among: int = 1_000,
    on_image: Callable[[int], None] = lambda _: None,
) -> Chosen:
    """Order the images that nobody began, and keep the order.

    looking: for ``uncertain`` and ``unlike``. among: how many images are looked at, drawn at random
    where there are more; those that were not looked at follow in that order. on_image: takes how
    many were looked at so far. Raises ``StoreError``.
    """
    looks = Looks(on_image)
    images = store.read(choosable_images)
    if by == "name":
        _keep(store, [(image.id, 0) for image in images], None)
        return Chosen([image.name for image in images], [])
    drawn = [images[n] for n in random_order([image.name for image in images], seed)]
    held_out = [image for image in drawn if image.is_held_out]
    pool = [image for image in drawn if not image.is_held_out]
    best: list[Choosable] = []
    if looking is not None and by == "uncertain":
        seen, values = looks.at(pool[:among], looking.folder, looking.uncertainty)
        best = [seen[n] for n in falling_order([value[0] for value in values])]
    elif looking is not None and by == "unlike":
        learned = store.read(learned_images)
        some = [learned[n] for n in random_order([image.name for image in learned], seed)]
        _, known = looks.at(some[:among], looking.folder, looking.pooled)
        seen, values = looks.at(pool[:among], looking.folder, looking.pooled)
        farthest = farthest_first(_stacked(values), _stacked(known), MOST_FARTHEST)
        best = [seen[n] for n in farthest]
    ahead = {image.id for image in best}
    order = spread(held_out, [*best, *(image for image in pool if image.id not in ahead)])
    _keep(
        store,
        [(image.id, rank) for rank, image in enumerate(order, 1)],
        {"by": by, "seed": seed, "images": len(order), "at": current_time().isoformat()},
    )
    return Chosen([image.name for image in order], looks.passed_over)


def count_looks(store: Store, by: By, among: int) -> int:
    """How many images ``choose`` looks at."""
    if by not in ("uncertain", "unlike"):
        return 0
    pool = sum(not image.is_held_out for image in store.read(choosable_images))
    known = len(store.read(learned_images)) if by == "unlike" else 0
    return min(pool, among) + min(known, among)


def pooled(embedding: ImageEmbedding) -> Floats:
    """What an image is about, in short: its (C, h, w) embedding's mean where the image is, (C,).

    Of length 1, so that a distance says how the mean is turned and not how strong it is.
    """
    features = np.asarray(embedding.arrays["image_embed"], np.float32)
    mapped = embedding.resize_map
    height, width = (
        max(1, -(-content * side // mapped.input_px))
        for content, side in zip(mapped.content_hw, features.shape[1:])
    )
    mean = features[:, :height, :width].mean((1, 2))
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), np.float32)


def uncertainty(sam: Segmenter, embedding: ImageEmbedding) -> Floats:
    """How unsure a model is of the masks of a coarse grid of clicks: 1 - mean predicted IoU, (1,).

    Of the three masks of each click (§3) the one that it is surest of counts.
    """
    height, width = embedding.image_hw
    steps = (np.arange(POINTS_A_SIDE) + 0.5) / POINTS_A_SIDE
    xs, ys = np.meshgrid(steps * width, steps * height)
    points = np.stack([xs.ravel(), ys.ravel()], axis=1)
    clicks = Prompts.of_points(points[:, None])
    masks = at_first_sight(sam).predict(embedding, clicks, multimask_output=True)
    return np.array([1 - masks.predicted_iou.max(1).mean()], np.float32)


def _stacked(values: Sequence[Floats]) -> Floats:
    return np.stack(values) if values else np.zeros((0, 1), np.float32)


def _keep(store: Store, ranks: Sequence[tuple[int, int]], choice: dict[str, object] | None) -> None:
    """Some at a time, so that nobody's saving waits; ended in between, it is chosen again."""
    for start in range(0, len(ranks), AT_ONCE):
        store.write(put_ranks, ranks[start : start + AT_ONCE])
    store.write(note_choice, choice)
