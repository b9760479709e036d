"""Result: what an experiment found, and everything that is needed to find it again.

One JSON file (``docs/formats.md``): metrics, a table of rows, what was passed over, and the
command, commit, model, data, seed, machine and versions behind it.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from anymask.core.atomic import writing
from anymask.errors import ResultError

Row = dict[str, Any]  # of plain JSON values

FORMAT = 1
KEY = "anymask_result"
NO_MODEL = "none"  # of results that no model was asked for


@dataclass(frozen=True)
class Result:
    """What an experiment found.

    experiment, options: what was asked. data: name of the dataset; data_kind: its layout;
    data_fingerprint: tells its images from other ones. images: how many were looked at; limit: how
    many were asked for. reading: options of reading images (``core.read_options``), if there are
    any. model: name and hash of the weights. metrics: the figures. passed_over: samples that could
    not be read, and why. seconds: of all processes together, model_seconds: of those, in the model.
    rows: a mask each, or an image, as the experiment has it.
    """

    experiment: str
    options: Mapping[str, Any]
    data: str
    data_kind: str
    data_fingerprint: str
    model: str
    images: int
    metrics: Mapping[str, float]
    limit: int | None = None
    reading: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    seconds: float = 0.0
    model_seconds: float = 0.0
    command: str = ""
    commit: str = ""
    date: str = ""
    machine: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    passed_over: Sequence[Mapping[str, str]] = ()
    rows: Sequence[Row] = ()

    def write(self, path: Path) -> None:
        """Write the file, a row a line. Raises ``OutputError``."""
        head = {KEY: FORMAT, **dataclasses.asdict(dataclasses.replace(self, rows=()))}
        del head["rows"]
        lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in head.items()]
        rows = ",\n    ".join(json.dumps(row) for row in self.rows)
        lines.append(f'  "rows": [\n    {rows}\n  ]' if rows else '  "rows": []')
        with writing(path) as part:
            part.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def read_result(path: Path) -> Result:
    """Read a file that ``Result.write`` wrote. Raises ``ResultError``."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ResultError(f"{path} can't be read as a result: {error}") from None
    if not isinstance(content, dict) or KEY not in content:
        raise ResultError(f"{path} is no result of anymask evaluate")
    if content.pop(KEY) != FORMAT:
        raise ResultError(f"{path} was written by another version of anymask evaluate")
    try:
        return Result(**content)
    except TypeError as error:
        raise ResultError(f"{path} is damaged: {error}") from None
