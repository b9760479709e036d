"""A small dataset and an experiment on it that needs no model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np

from anymask.core.prompts import Prompts
from anymask.core.protocol import Segmenter
from anymask.datasets.recognise import open_dataset
from anymask.datasets.sample import Dataset, Sample
from anymask.errors import ImageError
from anymask.evaluation.experiment import ImageExperiment
from anymask.evaluation.job import EvaluationJob
from anymask.evaluation.result import Row
from anymask.evaluation.rivals.load import AdaptedSource

MODEL_ID = "discs@0"


@dataclass(frozen=True)
class Sizes(ImageExperiment):
    """How large masks are, and answers to a click in the middle."""

    name: ClassVar[str] = "sizes"
    title: ClassVar[str] = "Sizes"
    summary: ClassVar[str] = "How large masks are."

    scale: float = 1.0

    def options(self) -> Mapping[str, Any]:
        """All there is."""
        return {"scale": self.scale}

    def rows(self, sam: Segmenter, sample: Sample) -> list[Row]:
        """A row a mask."""
        if sample.name.endswith("refused.png"):
            raise ImageError(f"{sample.name} is refused")
        pixels = sample.pixels()
        middle = Prompts.point(pixels.shape[1] / 2, pixels.shape[0] / 2)
        answer = sam.predict(sam.encode(pixels), middle).areas()
        return [
            {"mask": number, "area": int(answer[0, 0]), "height": mask["size"][0]}
            for number, mask in enumerate(sample.masks)
        ]

    def metrics(self, rows: Sequence[Row]) -> Iterator[tuple[str, float]]:
        """Their mean."""
        yield "area", self.scale * float(np.mean([row["area"] for row in rows]))


def save_pair(folder: Path, name: str, discs: int = 1, side: int = 64) -> None:
    """An image with a picture of its masks."""
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    labels = np.zeros((side, side), np.uint8)
    for number in range(discs):
        cv2.circle(labels, (12 + 20 * number, 30), 8, number + 1, -1)
    cv2.imwrite(str(folder / "images" / f"{name}.png"), np.stack([labels * 40] * 3, axis=-1))
    cv2.imwrite(str(folder / "masks" / f"{name}.png"), labels)


def dataset_in(folder: Path, images: int = 4) -> Dataset:
    """Images with two masks each."""
    for number in range(images):
        save_pair(folder, f"{number}", discs=2)
    return open_dataset(str(folder))


def job_of(
    dataset: Dataset,
    out: Path,
    experiment: ImageExperiment | None = None,
    limit: int | None = None,
    seed: int = 0,
) -> EvaluationJob:
    """A job of the small experiment, or of another."""
    source = AdaptedSource("discs", model_id=MODEL_ID)
    return EvaluationJob(experiment or Sizes(), dataset, source, out, limit, seed)
