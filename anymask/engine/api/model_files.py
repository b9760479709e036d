"""Model files: the graphs of served models, each under its key, and the first also without one."""

from __future__ import annotations

from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from anymask.engine.model.served import ServedModels
from anymask.engine.page import Files
from anymask.weights.graph_pair import EXPORT_FILE, PAGE_FILES


class ModelFiles:
    """An application that is mounted. first: the folder of the model that was served first."""

    def __init__(self, models: ServedModels, first: Path) -> None:
        self._models, self._first = models, first
        self._files: dict[Path, Files] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request: of a file, or of a key and a file."""
        root = scope.get("root_path", "")
        key, slash, _ = scope["path"].removeprefix(root).lstrip("/").partition("/")
        folder = self._first
        if slash:
            served = self._models.of_key(key)
            if served is None:
                raise HTTPException(404)
            folder = served.browser or self._first
            scope = {**scope, "root_path": f"{root}/{key}"}
        await self._of(folder)(scope, receive, send)

    def _of(self, folder: Path) -> Files:
        if folder not in self._files:
            self._files[folder] = Files(folder, only=(EXPORT_FILE, *PAGE_FILES))
        return self._files[folder]
