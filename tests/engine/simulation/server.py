"""The annotation tool with a model, as a process that can be killed.

python -m tests.engine.simulation.server FOLDER STORE WEIGHTS PORT
"""

from __future__ import annotations

import sys
from pathlib import Path

from anymask.engine.annotate import Project, api, workplace
from anymask.engine.server import listen, serve
from anymask.engine.store.folder import scan_folder
from anymask.engine.store.store import Store
from anymask.predict.load import ModelSource


def main() -> None:
    """Run from the command line."""
    folder, where, weights, port = sys.argv[1:]
    model_id = ModelSource(weights, "cpu").load().model_id
    source = ModelSource(weights, "cpu", model_id=model_id)
    project = Project(Path(folder), source, Path(folder).parent / "cache", needs_tokens=True)
    with Store.open(where) as store:
        scan_folder(store, Path(folder))
        with workplace(store, project) as here:
            app = api()
            app.state.workplace = here
            serve(app, listen("127.0.0.1", int(port)), lambda: print("ready", flush=True))


if __name__ == "__main__":
    main()
