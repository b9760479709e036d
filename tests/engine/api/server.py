"""The annotation tool as a process that can be killed: no page, no model, all else.

python -m tests.engine.api.server FOLDER STORE PORT [team]
"""

from __future__ import annotations

import sys
from pathlib import Path

from anymask.engine.annotate import Project, annotate_app, workplace
from anymask.engine.server import listen, serve
from anymask.engine.store.folder import scan_folder
from anymask.engine.store.store import Store
from anymask.predict.load import ModelSource


def main() -> None:
    """Run from the command line."""
    folder, where, port, *team = sys.argv[1:]
    images, empty = Path(folder), Path(folder).parent
    with Store.open(where) as store:
        scan_folder(store, images)
        source = ModelSource("none", offline=True, model_id="none")
        project = Project(images, source, empty / "cache", needs_tokens=bool(team))
        with workplace(store, project) as here:
            app = annotate_app(here, empty, empty)
            serve(app, listen("127.0.0.1", int(port)), lambda: print("ready", flush=True))


if __name__ == "__main__":
    main()
