"""The page of ratings as a process that can be killed, without the page.

python -m tests.engine.rating.server FOLDER RATINGS PORT
"""

from __future__ import annotations

import sys
from pathlib import Path

from anymask.datasets.recognise import open_dataset
from anymask.engine.rating.items import items_of
from anymask.engine.rating.journal import Journal
from anymask.engine.rating.photographs import Photographs
from anymask.engine.rating.rate import RatingPlace, rate_app
from anymask.engine.rating.room import Room, head_of
from anymask.engine.server import listen, serve
from tests.engine.rating.conftest import MODELS, SEED, questions

COUNT = 200


def main() -> None:
    """Run from the command line."""
    folder, ratings, port = sys.argv[1:]
    items = items_of(questions(COUNT), SEED)
    head = head_of(items, MODELS, SEED)
    photographs = Photographs({"set": open_dataset(folder)}, [], SEED)
    with Journal(Path(ratings), head) as journal:
        app = rate_app(
            RatingPlace(Room(items, journal, SEED), photographs, head.plan), Path(folder)
        )
        serve(app, listen("127.0.0.1", int(port)), lambda: print("ready", flush=True))


if __name__ == "__main__":
    main()
