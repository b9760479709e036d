"""A process that adds masks to an image and prints the id of each action that was acknowledged.

python -m tests.engine.store.writer WHERE IMAGE_NAME ANNOTATOR COUNT
"""

from __future__ import annotations

import sys

from anymask.engine.store.annotators import annotator_named
from anymask.engine.store.images import list_images
from anymask.engine.store.store import Store
from tests.engine.store.steps import Page, add


def main() -> None:
    """Run from the command line."""
    where, name, annotator, count = sys.argv[1:]
    with Store.open(where) as store:
        (image,) = [one for one in store.read(list_images).images if one.name == name]
        desk = Page(store, image.id, store.read(annotator_named, annotator))
        for _ in range(int(count)):
            action = add()
            desk.send(action)
            print(action.id, flush=True)


if __name__ == "__main__":
    main()
