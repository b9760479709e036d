"""The models' folder: checkpoints that are noted in the store, and what is in the making.

1/, 2/, …           checkpoints, under the numbers that the store has them by
embeddings/…/       embeddings that models learn from, by the model that made them
sam/, detector/     what is in the making: plan.json, and what it says
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from anymask.core.atomic import explain_os_errors, make_folder, writing
from anymask.core.json_object import read_object
from anymask.engine.store.automation.models import (
    EngineModel,
    ModelKind,
    ModelState,
    add_model,
    model_of_id,
    next_number,
)
from anymask.engine.store.store import Store
from anymask.errors import Error
from anymask.weights.checkpoint import Checkpoint

PLAN_FILE = "plan.json"


class ModelsFolder:
    """A folder of checkpoints beside a store."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._begun: set[ModelKind] = set()

    def checkpoint(self, model: EngineModel) -> Path:
        """Where a model's checkpoint is, also if the folder was moved. Raises ``Error``."""
        for folder in (Path(model.path), self.path / str(model.number)):
            if folder.is_dir():
                return folder
        raise Error(
            f"the model in use, {model.model_id}, is not in {model.path}: put it back, say with "
            f"--models where it is, or name weights with --weights"
        )

    def embeddings(self, model_id: str) -> Path:
        """Where embeddings of a model are kept to learn from."""
        return self.path / "embeddings" / model_id.partition("@")[2]

    def planned(
        self,
        kind: ModelKind,
        asked: Mapping[str, Any],
        prepare: Callable[[Path], Mapping[str, Any]],
    ) -> tuple[Path, dict[str, Any]]:
        """What is in the making, of an earlier process if it was asked for the same; else begun.

        prepare: fills the folder, and gives what is to be known of it. Raises ``Error``.
        """
        folder = self.path / kind
        with suppress(Error):
            plan = read_object(folder / PLAN_FILE, Error)
            if plan.get("asked") == json.loads(json.dumps(asked)):
                return folder, dict(plan["prepared"])
        self.clear(kind)
        self._begun.add(kind)
        make_folder(folder)
        prepared = dict(prepare(folder))
        with writing(folder / PLAN_FILE) as part:
            part.write_text(json.dumps({"asked": asked, "prepared": prepared}) + "\n")
        return folder, prepared

    def is_left_over(self, kind: ModelKind, noted: EngineModel | None) -> bool:
        """Whether what was taken up is noted already, by a process that was killed just then.

        It is cleared away then, and the next ``planned`` begins anew.
        """
        if noted is None or kind in self._begun:
            return False
        self.clear(kind)
        return True

    def clear(self, kind: ModelKind) -> None:
        """Forget what is in the making; the plan goes first, so that half of it is none."""
        folder = self.path / kind
        with suppress(FileNotFoundError):
            os.unlink(folder / PLAN_FILE)
        shutil.rmtree(folder, ignore_errors=True)

    def note(
        self,
        store: Store,
        kind: ModelKind,
        checkpoint: Checkpoint,
        parent_id: str | None,
        state: ModelState,
        figures: Mapping[str, Any],
    ) -> EngineModel:
        """Keep a checkpoint, and note it; both or neither, and once.

        Raises ``OutputError`` and ``StoreError``.
        """
        known = store.read(model_of_id, checkpoint.model_id)
        if known is not None:
            return known
        number = store.read(next_number)
        target, part = self.path / str(number), self.path / f".{number}.part"
        for left in (target, part):  # by a process that was killed before it noted them
            shutil.rmtree(left, ignore_errors=True)
        checkpoint.save(part)
        with explain_os_errors(target):
            os.replace(part, target)
        path = os.path.abspath(target)
        return store.write(
            add_model,
            number,
            kind,
            checkpoint.model_id,
            path,
            parent_id=parent_id,
            state=state,
            figures=figures,
        )
