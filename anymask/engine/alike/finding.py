"""Finding: masks that people chose as examples, and what is like them in another image.

What people accept of it is an example more; what they reject is none of it, from the next image on.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from anymask.core import rle
from anymask.core.in_context.example import Example
from anymask.engine.model.everything import TURN
from anymask.engine.pictures.folder import ImageFile, ImageFolder
from anymask.engine.pictures.pictures import Pictures
from anymask.engine.stages.kept_embeddings import KeptEmbeddings
from anymask.engine.stages.searching import Finder, Found
from anymask.engine.store.automation.answers import answered
from anymask.engine.store.images import image_summary
from anymask.engine.store.labels import list_labels
from anymask.engine.store.masks import masks_named
from anymask.engine.store.store import Store
from anymask.engine.store.values import Version
from anymask.errors import Error, StoreError
from anymask.predict.in_context.answer import InContextAnswer
from anymask.predict.in_context.load import ByLikeness

SOURCE = "like"
LONGEST_NAME = 30  # letters of a label in the source
MOST_ACCEPTED, MOST_REJECTED = 4, 16  # examples besides the chosen ones
MOST_KEPT = 32  # examples with their pixels


@dataclass(frozen=True)
class Chosen:
    """The masks of one image that somebody wants to see found. label_id: which they all carry."""

    image_id: int
    versions: tuple[Version, ...]
    label_id: int | None
    source: str


def choose(store: Store, image_id: int, mask_ids: Sequence[str]) -> Chosen:
    """The masks of these ids as they are now. Raises ``StoreError`` where one is none."""
    masks = store.read(masks_named, image_id, mask_ids)
    versions = [mask.version for mask in masks.values() if mask is not None]
    if not versions or len(versions) < len(masks):
        raise StoreError("not_found", "this mask is not saved yet, or was deleted meanwhile")
    labels = {version.label_id for version in versions}
    label_id = labels.pop() if len(labels) == 1 else None
    names = {label.id: label.name for label in store.read(list_labels)}
    name = None if label_id is None else names.get(label_id)
    return Chosen(image_id, tuple(versions), label_id, source_of(name))


def source_of(label: str | None) -> str:
    """What the versions that are found have as their source: what was sought, if it has a name."""
    return SOURCE if label is None else f"{SOURCE} {label[:LONGEST_NAME]}".strip()


def finder_of(
    predictor: ByLikeness,
    known: Sequence[str],
    source: str,
    find: Callable[[ImageFile], Found],
    label_id: int | None,
) -> Finder:
    """A finder of what is like examples. known: what tells these from others."""
    digest = hashlib.sha256(" ".join(known).encode()).hexdigest()[:8]
    return Finder(source, f"{predictor.model_id[:150]} {digest}", find, label_id)


def found_of(answer: InContextAnswer) -> Found:
    """The objects of an answer, to be suggested."""
    height, width = answer.labelled.labels.shape
    masks = ((rle.encode(one.mask), one.score) for one in answer.objects)
    return Found.of_masks((height, width), masks)


class Alike:
    """Finds what is like chosen masks, for ``searching.search``."""

    def __init__(
        self,
        store: Store,
        folder: ImageFolder,
        pictures: Pictures,
        embeddings: KeptEmbeddings,
        predictor: ByLikeness,
        chosen: Chosen,
    ) -> None:
        self._store, self._folder, self._pictures = store, folder, pictures
        self._embeddings, self._like, self._chosen = embeddings, predictor.like, chosen
        self._examples: OrderedDict[tuple[int, str], Example] = OrderedDict()
        self._own_name = store.read(image_summary, chosen.image_id).name
        accepted, rejected = self._answers()
        known = [one.id for one in chosen.versions]
        known += [version.id for _, version in (*accepted, *rejected)]
        self.finder = finder_of(predictor, known, chosen.source, self.find, chosen.label_id)

    def find(self, file: ImageFile) -> Found:
        """What is alike in an image; nothing in the one of the examples. Raises ``Error``."""
        pixels = self._pictures.pixels(file)
        if file.name == self._own_name:
            return Found((pixels.shape[0], pixels.shape[1]), [])
        accepted, rejected = self._answers()
        chosen = self._chosen
        shown = [(chosen.image_id, one) for one in chosen.versions] + accepted
        embedding = self._embeddings.of(file)
        with TURN:
            answer = self._like.segment(
                pixels,
                self._those(shown),
                rejected=self._those(rejected),
                embedding=embedding,
            )
        return found_of(answer)

    def _answers(self) -> tuple[list[tuple[int, Version]], list[tuple[int, Version]]]:
        """What people accepted of it so far, and what they rejected."""
        source, read = self._chosen.source, self._store.read
        accepted = read(answered, source, "accept", MOST_ACCEPTED)
        return accepted, read(answered, source, "reject", MOST_REJECTED)

    def _those(self, versions: Sequence[tuple[int, Version]]) -> list[Example]:
        """Masks as examples; those of images that are gone are left out."""
        examples = []
        for image_id, version in versions:
            try:
                examples.append(self._example(image_id, version))
            except Error:
                continue
        return examples

    def _example(self, image_id: int, version: Version) -> Example:
        """A mask as an example, the same object each time: its features are computed once."""
        key = image_id, version.id
        example = self._examples.get(key)
        if example is None:
            name = self._store.read(image_summary, image_id).name
            pixels = self._pictures.pixels(self._folder.file(name))
            example = Example.of_mask(pixels, rle.decode(version.segmentation).astype(bool))
            self._examples[key] = example
        self._examples.move_to_end(key)
        while len(self._examples) > MOST_KEPT:
            self._examples.popitem(last=False)
        return example
