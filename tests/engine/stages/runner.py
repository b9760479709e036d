"""A process that looks through a folder's images as the engine does, slowly; it can be killed.

python -m tests.engine.stages.runner WHERE FOLDER SECONDS_AN_IMAGE
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from anymask.engine.model.suggestion import suggestion
from anymask.engine.pictures.folder import ImageFile, ImageFolder
from anymask.engine.stages.running import running
from anymask.engine.stages.searching import Finder, Found, count_unsearched, search
from anymask.engine.store.store import Store
from anymask.errors import StoreError
from tests.engine.store.steps import HW, rectangle


def main() -> None:
    """Run from the command line."""
    where, folder, seconds = sys.argv[1:]

    def find(_: ImageFile) -> Found:
        time.sleep(float(seconds))
        both = [suggestion(rectangle(x, 2, 6, 6), 0.9) for x in (0, 20)]
        return Found(HW, [one for one in both if one is not None])

    finder = Finder("detector", "m", find)
    with Store.open(where) as store:
        total = count_unsearched(store, finder)
        try:
            with running(store, "prefill", total, say) as run:
                print("running", flush=True)
                for done, one in enumerate(search(store, ImageFolder(Path(folder)), finder), 1):
                    run.step(done)
                    print(f"{one.name} {one.reason}", flush=True)
        except StoreError as error:
            say(str(error))
            sys.exit(1)


def say(line: str) -> None:
    """A line for whoever watches."""
    print(f"! {line}", flush=True)


if __name__ == "__main__":
    main()
