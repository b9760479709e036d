"""Examples: what files show, for the engine to look for in a project's images."""

from __future__ import annotations

from anymask.datasets.prompting.examples import Examples
from anymask.engine.alike.finding import finder_of, found_of, source_of
from anymask.engine.pictures.folder import ImageFile
from anymask.engine.pictures.pictures import Pictures
from anymask.engine.stages.kept_embeddings import KeptEmbeddings
from anymask.engine.stages.searching import Finder, Found
from anymask.engine.store.labels import add_labels, list_labels
from anymask.engine.store.store import Store
from anymask.engine.store.values import Label
from anymask.predict.in_context.load import ByLikeness


def label_of(store: Store, name: str | None) -> Label | None:
    """The label of a name, added where it is not there yet. Raises ``StoreError``."""
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
        answer = predictor.like.segment(
            pictures.pixels(file),
            examples.shown,
            rejected=examples.rejected,
            embedding=embeddings.of(file),
        )
        return found_of(answer)

    source = source_of(None if label is None else label.name)
    label_id = None if label is None else label.id
    return finder_of(predictor, examples.digests, source, find, label_id)
