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

from anymask.core.atomic import check_file_writable, writing
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
    not be read, and why; with ``annotations``, what is left out of one that was, or of the whole
    dataset, and how many annotations that is. seconds: of all processes together, model_seconds: of
    those, in the model. rows: a mask each, or an image, as the experiment has it.
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
    passed_over: Sequence[Mapping[str, Any]] = ()
    rows: Sequence[Row] = ()

    @property
    def unread(self) -> list[Mapping[str, Any]]:
        """Of what was passed over, the samples that could not be read at all."""
        return [one for one in self.passed_over if "annotations" not in one]

    @property
    def annotations_left_out(self) -> int:
        """How many annotations are left out of what was read."""
        return sum(one.get("annotations", 0) for one in self.passed_over)

    def write(self, path: Path) -> None:
        """Write the file, a row a line. Raises ``OutputError``."""
        head = {KEY: FORMAT, **dataclasses.asdict(dataclasses.replace(self, rows=()))}
        del head["rows"]
        lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in head.items()]
        rows = ",\n    ".join(json.dumps(row) for row in self.rows)
        lines.append(f'  "rows": [\n    {rows}\n  ]' if rows else '  "rows": []')
        with writing(path) as part:
            part.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def check_free(path: Path) -> None:
    """Raise unless a result can be written there: ``ResultError`` if one is, ``OutputError``."""
    if path.is_file():
        raise ResultError(f"{path} is there already; take another --out, or remove it")
    check_file_writable(path)


def read_result(path: Path) -> Result:
    """Read a file that ``Result.write`` wrote. Raises ``ResultError``."""
    try:
        content = json.loads(path.read_text())
    except OSError as error:
        raise ResultError(f"{path} can't be read: {error.strerror or error}") from None
    except ValueError as error:
        raise ResultError(f"{path} can't be read as a result: {error}") from None
    if not isinstance(content, dict) or KEY not in content:
        raise ResultError(f"{path} is no result of anymask evaluate")
    if content.pop(KEY) != FORMAT:
        raise ResultError(f"{path} was written by another version of anymask evaluate")
    try:
        return Result(**content)
    except TypeError as error:
        raise ResultError(f"{path} is damaged: {error}") from None
