"""Examples: what files show, for the engine to look for in a project's images."""

from __future__ import annotations

import hashlib

from anymask.core import rle
from anymask.datasets.prompting.examples import Examples
from anymask.engine.alike.finding import source_of
from anymask.engine.model.suggestion import suggestion
from anymask.engine.pictures.folder import ImageFile
from anymask.engine.pictures.pictures import Pictures
from anymask.engine.stages.kept_embeddings import KeptEmbeddings
from anymask.engine.stages.searching import Finder, Found
from anymask.engine.store.images import SUGGESTIONS_FIRST
from anymask.engine.store.labels import add_labels, list_labels
from anymask.engine.store.settings import put_setting
from anymask.engine.store.store import Store
from anymask.engine.store.values import Label
from anymask.predict.in_context.load import ByLikeness


def label_of(store: Store, name: str | None) -> Label | None:
    """The label of a name, added where it is not there yet. Raises ``StoreError``."""
    store.write(put_setting, SUGGESTIONS_FIRST, True)
    if name is None:
        return None
    labels = {label.name: label for label in store.read(list_labels)}
    if name not in labels:
        labels = {label.name: label for label in store.write(add_labels, [name])}
    return labels[name]


def searching_for(
    examples: Examples,
    pictures: Pictures,
    embeddings: KeptEmbeddings,
    predictor: ByLikeness,
    label: Label | None,
) -> Finder:
    """What finds what examples of one thing show; ``find`` raises ``Error``."""

    def find(file: ImageFile) -> Found:
        pixels = pictures.pixels(file)
        answer = predictor.like.segment(
            pixels,
            examples.shown,
            rejected=examples.rejected,
            embedding=embeddings.of(file),
        )
        found = (suggestion(rle.encode(one.mask), one.score) for one in answer.objects)
        hw = pixels.shape[0], pixels.shape[1]
        return Found(hw, [one for one in found if one is not None])

    digest = hashlib.sha256(" ".join(examples.digests).encode()).hexdigest()[:8]
    source = source_of(None if label is None else label.name)
    label_id = None if label is None else label.id
    return Finder(source, f"{predictor.model_id[:150]} {digest}", find, label_id)
